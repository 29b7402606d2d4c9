//! What the system says of a socket whose other side is gone. The expected values are what Linux 6
//! prints for the same calls on its loopback.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use futures_lite::AsyncWriteExt;
use futures_lite::future::poll_once;
use seedloop::host::{self, Host};
use seedloop::net::{self, PacketKind, TcpListener, TcpStream, UdpSocket, Verdict, from_to};
use seedloop::{Result, run, sleep, spawn, timeout, tokio};

const WAY: Duration = Duration::from_millis(100);

/// What an operation gave: its value, or the kind of its error; `TimedOut` if it waits on.
async fn told(result: impl Future<Output = io::Result<usize>>) -> Result<usize, ErrorKind> {
    let limited = timeout(WAY * 3).scope(async |_| match result.await {
        // The timeout's own cancel.
        Err(error) if error.kind() == ErrorKind::Other => Err(error.into()),
        result => Ok(at_once(result)),
    });
    limited.await.unwrap_or(Err(ErrorKind::TimedOut))
}

fn at_once(result: io::Result<usize>) -> Result<usize, ErrorKind> {
    result.map_err(|error| error.kind())
}

const REFUSED: Result<usize, ErrorKind> = Err(ErrorKind::ConnectionRefused);
const NOTHING: Result<usize, ErrorKind> = Err(ErrorKind::TimedOut);

fn simulate<T, F>(main: impl FnOnce(Host) -> F + 'static) -> T
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let result = run(async {
        net::everywhere().latency(WAY..=WAY);
        main(Host::new("server")).await
    });
    result.unwrap()
}

#[test]
fn a_connected_socket_is_told_once_that_nobody_is_there() {
    simulate(|_| async {
        let socket = UdpSocket::bind("0.0.0.0:5").await?;
        let other = UdpSocket::bind("0.0.0.0:6").await?;
        let mut buffer = [0; 8];
        // One that speaks with all is told nothing.
        assert_eq!(at_once(socket.send_to(b"x", "server:9")), Ok(1));
        assert_eq!(told(socket.recv(&mut buffer)).await, NOTHING);
        socket.connect("server:9")?;
        assert_eq!(at_once(socket.send(b"x")), Ok(1));
        assert_eq!(told(socket.recv(&mut buffer)).await, REFUSED);
        assert_eq!(told(socket.recv(&mut buffer)).await, NOTHING);
        // What is to be sent next is told, and not sent.
        assert_eq!(at_once(socket.send(b"x")), Ok(1));
        sleep(WAY * 3).await?;
        assert_eq!(at_once(socket.send_to(b"yy", "main:6")), REFUSED);
        assert_eq!(told(other.recv(&mut buffer)).await, NOTHING);
        assert_eq!(at_once(socket.send_to(b"yy", "main:6")), Ok(2));
        assert_eq!(told(other.recv(&mut buffer)).await, Ok(2));
        assert_eq!(at_once(socket.send(b"x")), Ok(1));
        sleep(WAY * 3).await?;
        let error = socket.take_error()?.map(|error| error.kind());
        assert_eq!(error, Some(ErrorKind::ConnectionRefused));
        assert!(socket.take_error()?.is_none());
        assert_eq!(at_once(socket.send(b"x")), Ok(1));
        let peeked = async { Ok(socket.peek_from(&mut buffer).await?.0) };
        assert_eq!(told(peeked).await, REFUSED);
        assert_eq!(told(socket.recv(&mut buffer)).await, NOTHING);
        Ok(())
    });
}

/// The refusal takes the way back: it comes a round trip later, and is lost where nothing gets
/// through; a host that is down says nothing. It leaves a datagram to the next who waits.
#[test]
fn a_refusal_takes_the_way_back() {
    simulate(|server| async move {
        let socket = Rc::new(UdpSocket::bind("0.0.0.0:5").await?);
        socket.connect("server:9")?;
        let seen = Rc::new(RefCell::new(Vec::new()));
        let sees = Rc::clone(&seen);
        let watching = net::rule(move |packet| {
            sees.borrow_mut().push((packet.kind, packet.from.port(), packet.to.port()));
            Verdict::Pass
        });
        let start = seedloop::Instant::now();
        socket.send(b"x")?;
        assert_eq!(told(socket.recv(&mut [0])).await, REFUSED);
        assert_eq!(start.elapsed(), WAY * 2);
        let (there, back) = (PacketKind::Datagram, PacketKind::Unreachable);
        assert_eq!(*seen.borrow(), [(there, 5, 9), (back, 9, 5)]);
        drop(watching);
        from_to(server, host::current()).partition();
        socket.send(b"x")?;
        assert_eq!(told(socket.recv(&mut [0])).await, NOTHING);
        host::heal();
        server.crash();
        socket.send(b"x")?;
        assert_eq!(told(socket.recv(&mut [0])).await, NOTHING);
        server.restart();
        // A datagram and a refusal, for two who wait.
        drop(server.spawn(async {
            let answers = UdpSocket::bind("0.0.0.0:9").await?;
            sleep(WAY).await?;
            answers.send_to(b"x", "main:5")?;
            Ok(())
        }));
        socket.send(b"x")?;
        let [one, other] = [(); 2].map(|()| {
            let socket = Rc::clone(&socket);
            spawn(async move { Ok(told(socket.recv(&mut [0])).await) })
        });
        sleep(WAY / 2).await?;
        let mut all = [one.await?, other.await?];
        all.sort_by_key(|told| told.is_err());
        assert_eq!(all, [Ok(1), NOTHING]);
        Ok(())
    });
}

/// What tokio 1.54 prints for the same calls on Linux 6.18: a refusal is no datagram, and asking
/// for one leaves it to be told. A datagram is told to all who ask, and to who receives.
#[test]
fn a_refusal_makes_no_socket_readable() {
    simulate(|server| async move {
        let socket = Rc::new(tokio::net::UdpSocket::bind("0.0.0.0:5").await?);
        socket.connect("server:9").await?;
        let is_readable = || {
            let socket = Rc::clone(&socket);
            spawn(async move { Ok(tokio::time::timeout(WAY * 3, socket.readable()).await.is_ok()) })
        };
        let waiting = is_readable();
        socket.send(b"x").await?;
        assert!(!waiting.await?);
        assert!(!is_readable().await?);
        let error = socket.take_error()?.map(|error| error.kind());
        assert_eq!(error, Some(ErrorKind::ConnectionRefused));
        socket.send(b"x").await?;
        sleep(WAY * 3).await?;
        // Nor does connecting it again tell of it: Linux keeps it then, too.
        socket.connect("server:9").await?;
        assert!(!is_readable().await?);
        assert_eq!(at_once(socket.try_recv(&mut [0])), REFUSED);
        let all = [is_readable(), is_readable()];
        let receives = Rc::clone(&socket);
        let received = spawn(async move { Ok(receives.recv(&mut [0]).await?) });
        sleep(WAY).await?;
        drop(server.spawn(async {
            UdpSocket::bind("0.0.0.0:9").await?.send_to(b"x", "main:5")?;
            Ok(())
        }));
        for waiting in all {
            assert!(waiting.await?);
        }
        assert_eq!(received.await?, 1);
        Ok(())
    });
}

/// Connects two streams of tokio's shape on one host.
async fn pair() -> io::Result<(tokio::net::TcpStream, tokio::net::TcpStream)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let near = tokio::net::TcpStream::connect(listener.local_addr()?).await?;
    Ok((near, listener.accept().await?.0))
}

#[test]
fn a_stream_that_was_reset_is_not_connected() {
    simulate(|_| async {
        let (near, far) = pair().await?;
        far.set_zero_linger()?;
        drop(far);
        sleep(WAY).await?;
        assert_eq!(near.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        assert!(near.local_addr().is_ok());
        near.set_nodelay(true)?;
        assert!(near.nodelay()?);
        let mut byte = [0];
        assert_eq!(told(near.peek(&mut byte)).await, Err(ErrorKind::ConnectionReset));
        assert_eq!(told(near.peek(&mut byte)).await, Ok(0));
        assert_eq!(at_once(near.try_read(&mut byte)), Ok(0));
        assert_eq!(at_once(near.try_write(&byte)), Err(ErrorKind::BrokenPipe));
        let (near, far) = pair().await?;
        far.set_zero_linger()?;
        drop(far);
        sleep(WAY).await?;
        let error = near.take_error()?.map(|error| error.kind());
        assert_eq!(error, Some(ErrorKind::ConnectionReset));
        assert!(near.take_error()?.is_none());
        assert_eq!(at_once(near.try_read(&mut byte)), Ok(0));
        assert_eq!(at_once(near.try_write(&byte)), Err(ErrorKind::BrokenPipe));
        Ok(())
    });
}

/// Streams of the library's own shape say what the system says: a second end of one direction is
/// nothing new, and once both have ended nobody is there.
#[test]
fn a_stream_that_both_have_closed_is_not_connected() {
    simulate(|_| async {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let mut near = TcpStream::connect("127.0.0.1:9").await?;
        let (mut far, _) = listener.accept().await?;
        assert!(!near.nodelay()?);
        near.set_nodelay(true)?;
        assert_eq!((near.clone().nodelay()?, far.nodelay()?), (true, false));
        far.write_all(b"abc").await?;
        let mut buffer = [0; 2];
        assert_eq!((near.peek(&mut buffer).await?, &buffer), (2, b"ab"));
        assert_eq!((near.read(&mut buffer).await?, near.read(&mut buffer).await?), (2, 1));
        near.close().await?;
        assert_eq!(far.read(&mut buffer).await?, 0);
        near.close().await?;
        far.close().await?;
        sleep(WAY).await?;
        for stream in [&mut near, &mut far] {
            assert_eq!(stream.close().await.unwrap_err().kind(), ErrorKind::NotConnected);
            assert_eq!(told(stream.read(&mut buffer)).await, Ok(0));
            assert_eq!(told(stream.write(&buffer)).await, Err(ErrorKind::BrokenPipe));
        }
        // Tokio's own `shutdown` takes that for a success.
        let (mut near, far) = pair().await?;
        far.set_zero_linger()?;
        drop(far);
        sleep(WAY).await?;
        Ok(tokio::io::AsyncWriteExt::shutdown(&mut near).await?)
    });
}

/// There are 28,232 ports from 32,768 to 60,999. Source: Linux, bind(2), connect(2) and
/// `net.ipv4.ip_local_port_range`.
#[test]
fn ports_run_out() {
    simulate(|server| async move {
        let mut sockets = Vec::new();
        let error = loop {
            match UdpSocket::bind("0.0.0.0:0").await {
                Ok(socket) => sockets.push(socket),
                Err(error) => break error,
            }
        };
        assert_eq!((sockets.len(), error.kind()), (28_232, ErrorKind::AddrInUse));
        drop(sockets.swap_remove(5));
        assert_eq!(UdpSocket::bind("0.0.0.0:0").await?.local_addr().port(), 32_773);
        // Nobody answers, so that all ports are taken by who asks.
        from_to(host::current(), server).partition();
        let mut asking = Vec::new();
        let error = loop {
            let mut connect = Box::pin(TcpStream::connect("server:9"));
            match poll_once(&mut connect).await {
                None => asking.push(connect),
                Some(result) => break result.unwrap_err(),
            }
        };
        assert_eq!((asking.len(), error.kind()), (28_232, ErrorKind::AddrNotAvailable));
        // To another address they are free.
        assert!(poll_once(&mut Box::pin(TcpStream::connect("main:9"))).await.is_none());
        drop(asking.swap_remove(7));
        assert!(poll_once(&mut Box::pin(TcpStream::connect("server:9"))).await.is_none());
        Ok(())
    });
}
