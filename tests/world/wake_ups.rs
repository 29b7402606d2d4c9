//! Who waits at a socket, was told of something and never comes to take it: the next one is told.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::AsyncWriteExt;
use futures_lite::future::or;
use seedloop::host::Host;
use seedloop::net::{TcpListener, TcpStream, UdpSocket};
use seedloop::sync::Event;
use seedloop::{Result, Simulation, run, sleep, spawn, timeout, tokio, yield_now};

const TICK: Duration = Duration::from_millis(1);

/// What comes between the wake-up of a task and its next step.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// A cancel, as an error in the place of the item.
    Cancel,
    /// The task is dropped.
    Abort,
    /// Another branch is ready first, and the wait is dropped.
    Select,
    /// The same by a panic.
    Panic,
}

const LOSSES: [Loss; 4] = [Loss::Cancel, Loss::Abort, Loss::Select, Loss::Panic];

/// Two tasks wait, one thing comes, and the first task is lost `yields` hops later: which of them
/// got it.
fn who_gets_it<S, F>(
    loss: Loss,
    yields: usize,
    open: impl AsyncFnOnce() -> Result<S> + 'static,
    wait: impl Fn(Rc<S>) -> F + 'static,
    send: impl AsyncFnOnce(&S) -> Result<()> + 'static,
) -> (bool, bool)
where
    S: 'static,
    F: Future<Output = Result<()>> + 'static,
{
    let outcome = Simulation::new().panics_join().block_on(async move {
        let socket = Rc::new(open().await?);
        let (struck, got) = (Event::new(), Rc::new(Cell::new(false)));
        let (waits, strike, gets) = (wait(Rc::clone(&socket)), struck.clone(), Rc::clone(&got));
        let strikes = async move {
            strike.wait().await?;
            assert!(!matches!(loss, Loss::Panic), "struck");
            Ok(())
        };
        let waits = async move {
            waits.await?;
            Ok(gets.set(true))
        };
        let first = match loss {
            Loss::Cancel | Loss::Abort => spawn(waits),
            Loss::Select | Loss::Panic => spawn(or(strikes, waits)),
        };
        sleep(TICK).await?;
        let second = spawn(wait(Rc::clone(&socket)));
        sleep(TICK).await?;
        send(&socket).await?;
        for _ in 0..yields {
            yield_now().await?;
        }
        match loss {
            Loss::Cancel => drop(first.cancel()),
            Loss::Abort => drop(first.abort()),
            Loss::Select | Loss::Panic => struck.set(),
        }
        let second = timeout(TICK * 1_000).scope(async |_| second.await).await;
        Ok((got.get(), second.is_ok()))
    });
    outcome.result.unwrap()
}

/// At whatever hop the first one is lost, one of the two gets what came: the second if that was
/// before the first one's step, else the first.
fn check_all(gets: impl Fn(Loss, usize) -> (bool, bool)) {
    for loss in LOSSES {
        let got: Vec<_> = (0..16).map(|yields| gets(loss, yields)).collect();
        let steps = got.iter().position(|(first, _)| *first).expect("the first one is too late");
        assert!(steps > 1, "{loss:?}: the first one is never lost between wake-up and step");
        let expected = |yields| if yields < steps { (false, true) } else { (true, false) };
        assert_eq!(got, (0..16).map(expected).collect::<Vec<_>>(), "{loss:?}");
    }
}

#[test]
fn a_datagram_goes_to_the_next() {
    check_all(|loss, yields| {
        let open = async || Ok(UdpSocket::bind("0.0.0.0:9").await?);
        let wait = |socket: Rc<UdpSocket>| async move {
            socket.recv_from(&mut [0]).await?;
            Ok(())
        };
        let send = async |socket: &UdpSocket| {
            socket.send_to(b"x", "127.0.0.1:9")?;
            Ok(())
        };
        who_gets_it(loss, yields, open, wait, send)
    });
}

#[test]
fn a_connection_goes_to_the_next() {
    check_all(|loss, yields| {
        let open = async || Ok(TcpListener::bind("0.0.0.0:9").await?);
        let wait = |listener: Rc<TcpListener>| async move {
            listener.accept().await?;
            Ok(())
        };
        let send = async |_: &TcpListener| {
            drop(spawn(async { Ok(drop(TcpStream::connect("127.0.0.1:9").await?)) }));
            Ok(())
        };
        who_gets_it(loss, yields, open, wait, send)
    });
}

/// Two tasks read one stream, each through a clone of its own.
#[test]
fn a_byte_goes_to_the_next() {
    check_all(|loss, yields| {
        let open = async || {
            let listener = TcpListener::bind("127.0.0.1:9").await?;
            let near = TcpStream::connect("127.0.0.1:9").await?;
            Ok((near, listener.accept().await?.0))
        };
        let wait = |ends: Rc<(TcpStream, TcpStream)>| {
            let mut near = ends.0.clone();
            async move { Ok(near.read_exact(&mut [0]).await?) }
        };
        let send = async |ends: &(TcpStream, TcpStream)| {
            let mut far = ends.1.clone();
            Ok(far.write_all(b"x").await?)
        };
        who_gets_it(loss, yields, open, wait, send)
    });
}

/// Two tasks write one stream that is full, through clones, and there is room again.
#[test]
fn room_goes_to_the_next() {
    check_all(|loss, yields| {
        let open = async || {
            let listener = TcpListener::bind("127.0.0.1:9").await?;
            let mut near = TcpStream::connect("127.0.0.1:9").await?;
            near.write_all(&[0; 65_536]).await?;
            Ok((near, listener.accept().await?.0))
        };
        let wait = |ends: Rc<(TcpStream, TcpStream)>| {
            let mut near = ends.0.clone();
            // All of the room that there will be.
            async move { Ok(near.write_all(&[0; 32_768]).await?) }
        };
        let send = async |ends: &(TcpStream, TcpStream)| {
            let mut far = ends.1.clone();
            Ok(far.read_exact(&mut [0; 32_768]).await?)
        };
        who_gets_it(loss, yields, open, wait, send)
    });
}

/// A task that has polled a listener of tokio's kind and is gone takes nobody's connection.
#[test]
fn a_listener_that_was_polled_once_keeps_nothing() {
    run(async {
        let listener = Rc::new(tokio::net::TcpListener::bind("0.0.0.0:9").await?);
        let polls = Rc::clone(&listener);
        let polls = spawn(async move {
            poll_fn(|cx| polls.poll_accept(cx)).await?;
            Ok(())
        });
        sleep(TICK).await?;
        polls.abort();
        let accepts = spawn(async move { Ok(drop(listener.accept().await?)) });
        sleep(TICK).await?;
        let _stream = TcpStream::connect("127.0.0.1:9").await?;
        timeout(TICK).scope(async |_| accepts.await).await
    })
    .unwrap();
}

/// A task of another host waits at a socket whose host crashes. Source: the docs of `accept` and
/// `recv_from`.
#[test]
fn a_crash_wakes_those_who_wait_elsewhere() {
    let kinds = run(async {
        let server = Host::new("server");
        let (listener, socket) = server
            .spawn(async {
                Ok((TcpListener::bind("0.0.0.0:9").await?, UdpSocket::bind("0.0.0.0:9").await?))
            })
            .await?;
        let accepts = spawn(async move { Ok(listener.accept().await.unwrap_err().kind()) });
        let receives = spawn(async move { Ok(socket.recv(&mut [0]).await.unwrap_err().kind()) });
        sleep(TICK).await?;
        server.crash();
        timeout(TICK).scope(async |_| Ok([accepts.await?, receives.await?])).await
    });
    assert_eq!(kinds.unwrap(), [ErrorKind::NotConnected; 2]);
}

/// Source: Linux, `sk_stream_wait_memory`: who waits for room when the stream is shut down finds a
/// broken pipe.
#[test]
fn a_writer_learns_that_the_stream_was_closed() {
    let kind = run(async {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let mut stream = TcpStream::connect("127.0.0.1:9").await?;
        let (_unread, _) = listener.accept().await?;
        let mut writing = stream.clone();
        let writes =
            spawn(async move { Ok(writing.write_all(&[0; 100_000]).await.unwrap_err().kind()) });
        sleep(TICK).await?;
        stream.close().await?;
        timeout(TICK).scope(async |_| writes.await).await
    });
    assert_eq!(kind.unwrap(), ErrorKind::BrokenPipe);
}
