//! Programs for tokio's network, which print what they see: run by tokio itself on the loopback
//! device, and by what has its shape here.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use super::{say, tokio};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, lookup_host};
use tokio::task::spawn_local;
use tokio::time::{Duration, sleep, timeout};

type Program = fn() -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! programs {
    ($($name:ident)*) => {
        pub(crate) const PROGRAMS: &[(&str, Program)] =
            &[$((stringify!($name), || Box::pin(async { $name().await.unwrap() }))),*];
    };
}

programs! {
    tcp_echoes tcp_closes_half tcp_goes_through_a_proxy tcp_carries_much tcp_reads_lines
    tcp_ends_too_early tcp_is_refused tcp_is_reset tcp_is_written_after_its_end
    tcp_is_not_accepted tcp_knows_its_addresses tcp_looks_before_it_reads
    tcp_halves_meet_again tcp_halves_end_alone tcp_half_is_forgotten tcp_lingers_not
    tcp_address_is_in_use tcp_socket_says_more tcp_reads_in_a_select tcp_accepts_later
    udp_echoes udp_speaks_with_one udp_looks_before_it_receives udp_refuses names_are_looked_up
}

fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
    result.err().map(|error| error.kind())
}

async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Both ends of a connection.
async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let (listener, address) = listen().await?;
    let (near, far) = tokio::try_join!(TcpStream::connect(address), listener.accept())?;
    Ok((near, far.0))
}

/// Long enough for whatever is on its way.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

async fn read_all(mut stream: impl tokio::io::AsyncRead + Unpin) -> io::Result<String> {
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

async fn tcp_echoes() -> io::Result<()> {
    let (listener, address) = listen().await?;
    let server = spawn_local(async move {
        let (mut stream, _) = listener.accept().await?;
        let (mut reading, mut writing) = stream.split();
        tokio::io::copy(&mut reading, &mut writing).await
    });
    let mut stream = TcpStream::connect(address).await?;
    for word in ["one", "two"] {
        stream.write_all(word.as_bytes()).await?;
        let mut answer = [0; 3];
        stream.read_exact(&mut answer).await?;
        say!("{}", String::from_utf8_lossy(&answer));
    }
    stream.shutdown().await?;
    say!("then {:?}", read_all(stream).await?);
    say!("{} bytes", server.await.unwrap()?);
    Ok(())
}

async fn tcp_closes_half() -> io::Result<()> {
    let (mut near, mut far) = pair().await?;
    near.write_all(b"question").await?;
    near.shutdown().await?;
    say!("{:?}", kind(near.write_all(b"more").await));
    say!("{:?}", near.shutdown().await);
    let mut text = String::new();
    far.read_to_string(&mut text).await?;
    say!("{text}, then {}", far.read(&mut [0; 4]).await?);
    far.write_all(b"answer").await?;
    drop(far);
    say!("{}", read_all(&mut near).await?);
    say!("then {}", near.read(&mut [0; 4]).await?);
    Ok(())
}

async fn tcp_goes_through_a_proxy() -> io::Result<()> {
    let ((server, address), (proxy, entry)) = (listen().await?, listen().await?);
    spawn_local(async move {
        let (mut stream, _) = server.accept().await?;
        let text = read_all(&mut stream).await?;
        stream.write_all(text.to_uppercase().as_bytes()).await?;
        stream.write_all(b"!").await
    });
    let carried = spawn_local(async move {
        let (mut inside, _) = proxy.accept().await?;
        let mut outside = TcpStream::connect(address).await?;
        tokio::io::copy_bidirectional(&mut inside, &mut outside).await
    });
    let mut stream = TcpStream::connect(entry).await?;
    stream.write_all(b"hello").await?;
    stream.shutdown().await?;
    say!("{}", read_all(stream).await?);
    say!("{:?}", carried.await.unwrap()?);
    Ok(())
}

async fn tcp_carries_much() -> io::Result<()> {
    let (near, mut far) = pair().await?;
    let (mut reading, mut writing) = near.into_split();
    let sent = spawn_local(async move {
        for number in 0..300_u32 {
            writing.write_all(&[number as u8; 10_000]).await?;
        }
        writing.shutdown().await
    });
    let mut bytes = Vec::new();
    far.read_to_end(&mut bytes).await?;
    say!("{} bytes, sent: {:?}", bytes.len(), sent.await.unwrap());
    say!("{}", bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>());
    drop(far);
    say!("{}", reading.read(&mut [0; 4]).await?);
    Ok(())
}

async fn tcp_reads_lines() -> io::Result<()> {
    let (near, far) = pair().await?;
    let mut writer = BufWriter::new(near);
    for line in ["one\n", "two\r\n", "\n", "three"] {
        writer.write_all(line.as_bytes()).await?;
    }
    writer.flush().await?;
    writer.get_mut().write_u16(0x0a21).await?;
    drop(writer);
    let mut lines = BufReader::new(far).lines();
    while let Some(line) = lines.next_line().await? {
        say!("{line:?}");
    }
    Ok(())
}

async fn tcp_ends_too_early() -> io::Result<()> {
    let (mut near, mut far) = pair().await?;
    near.write_all(&[0, 1, 2]).await?;
    drop(near);
    say!("{}", far.read_u16().await?);
    say!("{:?}", kind(far.read_u16().await));
    say!("{:?}", kind(far.read_exact(&mut [0]).await));
    say!("{:?}", far.read_to_end(&mut Vec::new()).await);
    Ok(())
}

async fn tcp_is_refused() -> io::Result<()> {
    let (listener, dead) = listen().await?;
    drop(listener);
    say!("{:?}", kind(TcpStream::connect(dead).await));
    let (listener, alive) = listen().await?;
    let stream = TcpStream::connect(&[dead, alive][..]).await?;
    say!("{}", stream.peer_addr()? == listener.local_addr()?);
    say!("{:?}", kind(TcpStream::connect(&[][..]).await));
    say!("{:?}", kind(TcpStream::connect("no port").await));
    say!("{:?}", kind(TcpStream::connect("127.0.0.1:70000").await));
    Ok(())
}

async fn tcp_is_reset() -> io::Result<()> {
    let (mut near, far) = pair().await?;
    near.write_all(b"never read").await?;
    far.readable().await?;
    drop(far);
    say!("{:?}", kind(near.read(&mut [0; 8]).await));
    say!("{:?}", near.read(&mut [0; 8]).await);
    say!("{:?}", kind(near.write(b"more").await));
    Ok(())
}

async fn tcp_is_written_after_its_end() -> io::Result<()> {
    let (mut near, far) = pair().await?;
    drop(far);
    say!("{}", near.read(&mut [0; 8]).await?);
    say!("{:?}", near.write(b"into the void").await);
    settle().await;
    say!("{:?}", kind(near.write(b"more").await));
    say!("{:?}", kind(near.write(b"more").await));
    say!("{:?}", near.read(&mut [0; 8]).await);
    Ok(())
}

async fn tcp_is_not_accepted() -> io::Result<()> {
    let (listener, address) = listen().await?;
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"hello").await?;
    settle().await;
    drop(listener);
    say!("{:?}", kind(stream.read(&mut [0; 8]).await));
    Ok(())
}

async fn tcp_knows_its_addresses() -> io::Result<()> {
    let (listener, address) = listen().await?;
    let near = TcpStream::connect(address).await?;
    let (far, from) = listener.accept().await?;
    say!("{} {}", near.local_addr()? == from, near.peer_addr()? == address);
    say!("{} {}", far.local_addr()? == address, far.peer_addr()? == from);
    say!("{}", address.port() != from.port());
    near.set_nodelay(true)?;
    say!("{} {}", near.nodelay()?, far.nodelay()?);
    say!("{:?} {}", near.linger()?, near.ttl()?);
    say!("{:?}", near.take_error()?.is_none());
    Ok(())
}

async fn tcp_looks_before_it_reads() -> io::Result<()> {
    let (near, far) = pair().await?;
    let mut buffer = [0; 4];
    say!("{:?}", kind(far.try_read(&mut buffer)));
    near.writable().await?;
    say!("{}", near.try_write(b"abcdef")?);
    far.readable().await?;
    say!("{} {:?}", far.peek(&mut buffer).await?, buffer);
    say!("{} {:?}", far.try_read(&mut buffer)?, buffer);
    say!("{} {:?}", far.peek(&mut buffer).await?, buffer);
    say!("{} {:?}", far.try_read(&mut buffer)?, buffer);
    say!("{:?}", kind(far.try_read(&mut buffer)));
    drop(near);
    far.readable().await?;
    say!("{} {}", far.peek(&mut buffer).await?, far.try_read(&mut buffer)?);
    let mut much = 0;
    let (near, _far) = pair().await?;
    let full = loop {
        match near.try_write(&[0; 10_000]) {
            Ok(length) => much += length,
            Err(error) => break error.kind(),
        }
    };
    say!("{full:?} after some: {}", much > 0);
    Ok(())
}

async fn tcp_halves_meet_again() -> io::Result<()> {
    let ((near, mut far), (other, _there)) = (pair().await?, pair().await?);
    let (reading, mut writing) = near.into_split();
    let (strange_reading, strange_writing) = other.into_split();
    let error = reading.reunite(strange_writing).unwrap_err();
    say!("{error}");
    let (reading, strange_writing) = (error.0, error.1);
    strange_reading.reunite(strange_writing).unwrap();
    writing.write_all(b"one ").await?;
    let mut whole = writing.reunite(reading).unwrap();
    whole.write_all(b"two").await?;
    drop(whole);
    say!("{}", read_all(&mut far).await?);
    Ok(())
}

async fn tcp_halves_end_alone() -> io::Result<()> {
    let (near, mut far) = pair().await?;
    let (mut reading, writing) = near.into_split();
    drop(writing);
    say!("{}", far.read(&mut [0; 4]).await?);
    far.write_all(b"still").await?;
    let mut word = [0; 5];
    reading.read_exact(&mut word).await?;
    say!("{}", String::from_utf8_lossy(&word));
    Ok(())
}

async fn tcp_half_is_forgotten() -> io::Result<()> {
    let (near, mut far) = pair().await?;
    let (reading, writing) = near.into_split();
    writing.forget();
    let ended = timeout(Duration::from_millis(5), far.read(&mut [0; 4])).await;
    say!("{:?}", ended.is_err());
    drop(reading);
    say!("{}", far.read(&mut [0; 4]).await?);
    Ok(())
}

async fn tcp_lingers_not() -> io::Result<()> {
    let (near, mut far) = pair().await?;
    near.set_zero_linger()?;
    say!("{:?}", near.linger()?);
    drop(near);
    say!("{:?}", kind(far.read(&mut [0; 4]).await));
    Ok(())
}

async fn tcp_address_is_in_use() -> io::Result<()> {
    let (listener, address) = listen().await?;
    say!("{:?}", kind(TcpListener::bind(address).await));
    // Datagrams have ports of their own.
    let socket = UdpSocket::bind(address).await?;
    say!("{:?}", kind(UdpSocket::bind(address).await));
    drop((listener, socket));
    say!("{:?}", kind(TcpListener::bind(address).await));
    say!("{:?}", kind(TcpListener::bind("192.0.2.1:0").await));
    say!("{:?}", kind(UdpSocket::bind("192.0.2.1:0").await));
    Ok(())
}

async fn tcp_socket_says_more() -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    say!("{} {}", socket.reuseaddr()?, socket.local_addr()?);
    socket.bind("127.0.0.1:0".parse().unwrap())?;
    let listener = socket.listen(4)?;
    let address = listener.local_addr()?;
    let caller = TcpSocket::new_v4()?;
    caller.bind("127.0.0.1:0".parse().unwrap())?;
    let from = caller.local_addr()?;
    say!("{:?}", kind(caller.bind("127.0.0.1:0".parse().unwrap())));
    let stream = caller.connect(address).await?;
    let (_far, peer) = listener.accept().await?;
    say!("{} {}", peer == from, stream.local_addr()? == from);
    Ok(())
}

/// A `read` that has lost takes nothing with it.
async fn tcp_reads_in_a_select() -> io::Result<()> {
    let (mut near, mut far) = pair().await?;
    let writes = spawn_local(async move {
        for word in ["one", "two", "six"] {
            sleep(Duration::from_millis(25)).await;
            near.write_all(word.as_bytes()).await.unwrap();
        }
        near
    });
    let (mut buffer, mut ticks, mut text) = ([0; 16], 0, String::new());
    while text.len() < 9 {
        tokio::select! {
            biased;
            read = far.read(&mut buffer) => {
                text.push_str(&String::from_utf8_lossy(&buffer[..read?]));
            }
            () = sleep(Duration::from_millis(10)) => ticks += 1,
        }
    }
    say!("{text} {}", ticks > 3);
    drop(writes.await);
    Ok(())
}

async fn tcp_accepts_later() -> io::Result<()> {
    let (listener, address) = listen().await?;
    say!("{:?}", timeout(Duration::from_millis(3), listener.accept()).await.is_err());
    let mut one = TcpStream::connect(address).await?;
    let two = TcpStream::connect(address).await?;
    let (first, from) = listener.accept().await?;
    say!("{}", from == one.local_addr()?);
    let (_second, from) = listener.accept().await?;
    say!("{}", from == two.local_addr()?);
    drop(first);
    say!("{}", one.read(&mut [0]).await?);
    Ok(())
}

async fn udp_echoes() -> io::Result<()> {
    let (near, far) =
        (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    let (here, there) = (near.local_addr()?, far.local_addr()?);
    spawn_local(async move {
        let mut buffer = [0; 4];
        loop {
            let (length, from) = far.recv_from(&mut buffer).await.unwrap();
            far.send_to(&buffer[..length], from).await.unwrap();
        }
    });
    let mut buffer = [0; 16];
    for text in ["one", "", "too long"] {
        say!("{}", near.send_to(text.as_bytes(), there).await?);
        let (length, from) = near.recv_from(&mut buffer).await?;
        say!("{:?} {}", String::from_utf8_lossy(&buffer[..length]), from == there);
    }
    say!("{}", near.local_addr()? == here);
    Ok(())
}

async fn udp_speaks_with_one() -> io::Result<()> {
    let bind = || UdpSocket::bind("127.0.0.1:0");
    let (one, two, other) = (bind().await?, bind().await?, bind().await?);
    say!("{:?} {:?}", kind(one.peer_addr()), kind(one.send(b"to nobody").await));
    one.connect(two.local_addr()?).await?;
    say!("{}", one.peer_addr()? == two.local_addr()?);
    other.send_to(b"not heard", one.local_addr()?).await?;
    one.send(b"hello").await?;
    let mut buffer = [0; 16];
    let (length, from) = two.recv_from(&mut buffer).await?;
    say!("{} {}", String::from_utf8_lossy(&buffer[..length]), from == one.local_addr()?);
    two.send_to(b"hi", from).await?;
    let length = one.recv(&mut buffer).await?;
    say!("{}", String::from_utf8_lossy(&buffer[..length]));
    Ok(())
}

async fn udp_looks_before_it_receives() -> io::Result<()> {
    let (near, far) =
        (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    let mut buffer = [0; 2];
    say!("{:?}", kind(far.try_recv_from(&mut buffer)));
    near.writable().await?;
    say!("{}", near.try_send_to(b"abc", far.local_addr()?)?);
    far.readable().await?;
    say!("{} {:?}", far.peek_from(&mut buffer).await?.0, buffer);
    say!("{} {:?}", far.try_recv_from(&mut buffer)?.0, buffer);
    say!("{:?}", kind(far.try_recv(&mut buffer)));
    let early = timeout(Duration::from_millis(2), far.recv_from(&mut buffer)).await;
    say!("{}", early.is_err());
    near.send_to(b"de", far.local_addr()?).await?;
    say!("{} {:?}", far.recv_from(&mut buffer).await?.0, buffer);
    Ok(())
}

async fn udp_refuses() -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let here = socket.local_addr()?;
    say!("{:?}", kind(socket.send_to(&[0; 65_508], here).await));
    say!("{:?}", socket.send_to(&[0; 65_507], here).await);
    say!("{:?}", kind(socket.send_to(b"hello", "no port").await));
    socket.set_broadcast(true)?;
    say!("{}", socket.broadcast()?);
    Ok(())
}

async fn names_are_looked_up() -> io::Result<()> {
    let ports = |addresses: &mut dyn Iterator<Item = SocketAddr>| -> Vec<u16> {
        addresses.map(|address| address.port()).collect()
    };
    say!("{:?}", ports(&mut lookup_host("127.0.0.1:80").await?));
    say!("{:?}", ports(&mut lookup_host(("127.0.0.1", 81)).await?));
    say!("{:?}", ports(&mut lookup_host("localhost:82").await?.take(1)));
    say!("{:?}", kind(lookup_host("localhost").await));
    Ok(())
}
