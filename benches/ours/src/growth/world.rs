//! Hosts, connections, datagrams, files and pools.

use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use seedloop::host::Host;
use seedloop::net::{TcpListener, TcpStream, UdpSocket, between};
use seedloop::{Result, ThreadPool, fs, run_in_executor, sleep, spawn};

use super::{Case, simulate};
use crate::loops::join_all;

const HOUR: Duration = Duration::from_secs(3_600);

pub const CASES: &[Case] = &[
    ("hosts with a task each", 1_000, hosts),
    ("hosts that crash and start again", 500, crashes),
    ("links between two hosts each", 500, links),
    ("connections to one listener", 250, connections),
    ("connections, one after the other", 250, connections_in_turn),
    ("bytes of a connection, in writes of 100", 40_000, stream),
    ("datagrams to one socket", 1_000, datagrams),
    ("sockets of a host", 1_000, sockets),
    ("files in a folder", 500, files),
    ("writes to a file", 500, writes),
    ("jobs of a pool", 500, jobs),
    ("jobs of a pool, taken back", 500, jobs_taken_back),
];

fn hosts(n: u64) {
    simulate(async move {
        let task =
            |number| Host::new(format!("host-{number}")).spawn(async { Ok(sleep(HOUR).await?) });
        join_all((0..n).map(task).collect()).await
    });
}

fn crashes(n: u64) {
    simulate(async move {
        let hosts: Vec<_> = (0..n).map(|number| Host::new(format!("host-{number}"))).collect();
        for host in &hosts {
            host.run(async || Ok(sleep(HOUR).await?));
        }
        sleep(HOUR / 2).await?;
        hosts.iter().for_each(|host| host.crash());
        hosts.iter().for_each(|host| host.restart());
        sleep(HOUR / 4).await?;
        assert!(hosts.iter().all(|host| host.is_up()));
        Ok(())
    });
}

fn links(n: u64) {
    simulate(async move {
        let hosts: Vec<_> = (0..=n).map(|number| Host::new(format!("host-{number}"))).collect();
        for pair in hosts.windows(2) {
            between(pair[0], pair[1]).latency(Duration::ZERO..=Duration::from_millis(3));
        }
        for pair in hosts.windows(2) {
            let from = pair[0];
            let to = (pair[1].address(), 9);
            from.spawn(async move {
                let socket = UdpSocket::bind("0.0.0.0:0").await?;
                socket.send_to(b"hello", to)?;
                Ok(())
            })
            .await?;
        }
        Ok(())
    });
}

async fn echo(mut stream: TcpStream) -> Result<()> {
    let mut request = [0; 5];
    stream.read_exact(&mut request).await?;
    stream.write_all(&request).await?;
    Ok(())
}

async fn ask() -> Result<()> {
    let mut stream = TcpStream::connect("server:7").await?;
    stream.write_all(b"hello").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert_eq!(answer, "hello");
    Ok(())
}

fn serve(backlog: usize) {
    Host::new("server").run(move || async move {
        let listener = TcpListener::bind_with_backlog("0.0.0.0:7", backlog).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            spawn(echo(stream));
        }
    });
}

fn connections(n: u64) {
    simulate(async move {
        serve(n as usize);
        sleep(Duration::from_millis(1)).await?;
        join_all((0..n).map(|_| spawn(ask())).collect()).await
    });
}

fn connections_in_turn(n: u64) {
    simulate(async move {
        serve(128);
        sleep(Duration::from_millis(1)).await?;
        for _ in 0..n {
            ask().await?;
        }
        Ok(())
    });
}

fn stream(n: u64) {
    simulate(async move {
        Host::new("server").run(async move || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (mut stream, _) = listener.accept().await?;
            // Not `read_to_end`: futures-lite clears all of its buffer at each poll.
            let (mut buffer, mut count) = ([0; 4_096], 0);
            loop {
                let read = stream.read(&mut buffer).await? as u64;
                count += read;
                if read == 0 {
                    stream.write_all(&count.to_le_bytes()).await?;
                    return Ok(());
                }
            }
        });
        sleep(Duration::from_millis(1)).await?;
        let mut stream = TcpStream::connect("server:7").await?;
        for _ in 0..n / 100 {
            stream.write_all(&[7; 100]).await?;
        }
        stream.close().await?;
        let mut count = [0; 8];
        stream.read_exact(&mut count).await?;
        assert_eq!(u64::from_le_bytes(count), n / 100 * 100);
        Ok(())
    });
}

fn datagrams(n: u64) {
    simulate(async move {
        let receiver = UdpSocket::bind("0.0.0.0:9").await?;
        let sender = UdpSocket::bind("0.0.0.0:0").await?;
        let mut buffer = [0; 8];
        for batch in 0..n / 100 {
            for number in 0..100 {
                sender.send_to(&(batch * 100 + number).to_le_bytes(), "127.0.0.1:9")?;
            }
            for _ in 0..100 {
                receiver.recv_from(&mut buffer).await?;
            }
        }
        Ok(())
    });
}

fn sockets(n: u64) {
    simulate(async move {
        let mut sockets = Vec::new();
        for _ in 0..n {
            sockets.push(UdpSocket::bind("0.0.0.0:0").await?);
        }
        let to = sockets[0].local_addr().port();
        sockets[1].send_to(b"hello", ("127.0.0.1", to))?;
        let mut buffer = [0; 8];
        assert_eq!(sockets[0].recv_from(&mut buffer).await?.0, 5);
        Ok(())
    });
}

fn files(n: u64) {
    simulate(async move {
        fs::create_dir("/data").await?;
        for number in 0..n {
            fs::write(format!("/data/{number}"), b"hello").await?;
        }
        assert_eq!(fs::read_dir("/data").await?.len() as u64, n);
        for number in 0..n {
            fs::remove_file(format!("/data/{number}")).await?;
        }
        Ok(())
    });
}

fn writes(n: u64) {
    simulate(async move {
        let mut file = fs::File::create("/log").await?;
        for _ in 0..n {
            file.write_all(b"one more line of the log\n").await?;
        }
        file.sync_all().await?;
        assert_eq!(fs::read("/log").await?.len() as u64, n * 25);
        Ok(())
    });
}

fn jobs(n: u64) {
    simulate(async move {
        let pool = ThreadPool::with_workers(4)?;
        let futures: Vec<_> =
            (0..n).map(|number| run_in_executor(&pool, move || Ok(number))).collect();
        let mut sum = 0;
        for future in futures {
            sum += future.await?;
        }
        assert_eq!(sum, n * (n - 1) / 2);
        pool.shutdown()
    });
}

fn jobs_taken_back(n: u64) {
    simulate(async move {
        let pool = ThreadPool::with_workers(1)?;
        let busy = || {
            seedloop::blocking::sleep(HOUR);
            Ok(())
        };
        let futures: Vec<_> = (0..n).map(|_| run_in_executor(&pool, busy)).collect();
        sleep(HOUR / 2).await?;
        futures[1..].iter().for_each(|future| _ = future.cancel());
        for (index, future) in futures.into_iter().enumerate() {
            assert_eq!(future.await.is_ok(), index == 0);
        }
        pool.shutdown()
    });
}
