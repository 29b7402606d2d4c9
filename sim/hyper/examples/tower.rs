//! A tower stack around hyper, client and server, in a simulation.
//!
//! The server answers two requests at once and sheds the rest; the client gives each a limit on
//! time and tries again, with a pause that doubles. Layers that have no clock are tower's own; the
//! two that need one have it from `seedloop::tokio::time`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;
use hyper::{Request, Response, StatusCode, client, server};
use seedloop::host::Host;
use seedloop::net::{TcpListener, TcpStream};
use seedloop::tokio::time::{sleep, timeout};
use seedloop::{Error, Result, Simulation, out, spawn};
use seedloop_hyper::{SeedloopIo, SeedloopTimer};
use tower::layer::layer_fn;
use tower::retry::Policy;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

type Answering<T> = Pin<Box<dyn Future<Output = std::result::Result<T, BoxError>>>>;

/// tower's `Timeout` on the virtual clock: its own asks tokio's runtime for the time.
#[derive(Clone)]
struct Timeout<S> {
    inner: S,
    limit: Duration,
}

impl<R, S> Service<R> for Timeout<S>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
    S::Future: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Answering<S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let answer = timeout(self.limit, self.inner.call(request));
        Box::pin(async { answer.await?.map_err(Into::into) })
    }
}

/// Tries again after an error and when the server has too much to do.
#[derive(Clone)]
struct Again {
    left: u32,
    pause: Duration,
}

impl<B: Clone> Policy<Request<B>, StatusCode, BoxError> for Again {
    type Future = Pin<Box<dyn Future<Output = ()>>>;

    fn retry(
        &mut self,
        _request: &mut Request<B>,
        result: &mut std::result::Result<StatusCode, BoxError>,
    ) -> Option<Self::Future> {
        if self.left == 0 || matches!(result, Ok(StatusCode::OK)) {
            return None;
        }
        self.left -= 1;
        self.pause *= 2;
        Some(Box::pin(sleep(self.pause)))
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}

/// Two requests are at work at once, for 100 ms each.
async fn serve() -> Result<()> {
    let work = service_fn(|path: String| async move {
        sleep(Duration::from_millis(100)).await;
        Ok::<_, BoxError>(format!("did {path}"))
    });
    let stack = ServiceBuilder::new().load_shed().concurrency_limit(2).service(work);
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let stack = stack.clone();
        spawn(async move {
            let answer = hyper::service::service_fn(move |request: Request<_>| {
                let done = stack.clone().oneshot(request.uri().path().to_owned());
                async move {
                    let (status, text) = match done.await {
                        Ok(text) => (StatusCode::OK, text),
                        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
                    };
                    Response::builder().status(status).body(Full::<Bytes>::from(text))
                }
            });
            let mut http = server::conn::http1::Builder::new();
            http.timer(SeedloopTimer).auto_date_header(false);
            // A connection that is reset is the client's to see.
            drop(http.serve_connection(SeedloopIo::new(stream), answer).await);
            Ok(())
        });
    }
}

/// One request on a connection of its own.
async fn get(request: Request<Empty<Bytes>>) -> std::result::Result<StatusCode, BoxError> {
    let stream = TcpStream::connect("server:80").await?;
    let (mut sender, connection) = client::conn::http1::handshake(SeedloopIo::new(stream)).await?;
    spawn(async { connection.await.map_err(Error::from) });
    let response = sender.send_request(request).await?;
    let status = response.status();
    response.into_body().collect().await?;
    Ok(status)
}

/// Five clients ask at once; returns what each was answered in the end.
async fn ask() -> Result<Vec<StatusCode>> {
    Host::new("server").run(serve);
    sleep(Duration::from_millis(1)).await;
    let limit = Duration::from_secs(2);
    let again = Again { left: 8, pause: Duration::from_millis(50) };
    let stack = ServiceBuilder::new()
        .retry(again)
        .layer(layer_fn(|inner| Timeout { inner, limit }))
        .service_fn(get);
    let asking: Vec<_> = (0..5)
        .map(|number| {
            let stack = stack.clone();
            spawn(async move {
                let request = Request::get(format!("/{number}")).header("host", "server");
                let status = stack.oneshot(request.body(Empty::new())?).await;
                let status = status.map_err(Error::from_boxed)?;
                out!("client {number}: {status}");
                Ok(status)
            })
        })
        .collect();
    let mut answers = Vec::new();
    for client in asking {
        answers.push(client.await?);
    }
    Ok(answers)
}

fn main() {
    let outcome = Simulation::new().block_on(ask());
    for line in &outcome.lines {
        #[expect(clippy::print_stdout, reason = "an example shows what it does")]
        {
            println!("{:?} {line}", line.time.since_start());
        }
    }
    outcome.result.expect("all are answered");
}

#[test]
fn all_are_answered_in_the_end() {
    let mut times = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let outcome = Simulation::new().seed(seed).block_on(async {
            let often = seedloop::Ratio::new(1, 50);
            seedloop::net::everywhere().loss(often).resets(often);
            ask().await
        });
        let answers = outcome.result.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(answers, [StatusCode::OK; 5], "seed {seed}");
        times.insert(outcome.time);
    }
    assert!(times.len() > 90, "the seeds are alike: {times:?}");
}

/// Without a seed: 100 ms of work, and 2 ms on the links after a start at 1 ms. Of those who are
/// shed all ask again 100 ms later, and the one that is shed again 200 ms after that.
#[test]
fn two_are_answered_at_once_and_three_later() {
    let outcome = Simulation::new().block_on(ask());
    assert_eq!(outcome.result.unwrap(), [StatusCode::OK; 5]);
    let milliseconds: Vec<_> =
        outcome.lines.iter().map(|line| line.time.since_start().as_millis()).collect();
    assert_eq!(milliseconds, [103, 103, 205, 205, 407]);
}

/// What of tower asks tokio for the time does not work, and says so.
#[test]
fn tower_s_own_timeout_panics() {
    let outcome = Simulation::new().block_on(async {
        let waits = service_fn(|()| std::future::pending::<std::result::Result<(), BoxError>>());
        let stack = ServiceBuilder::new().timeout(Duration::from_secs(1)).service(waits);
        Ok(stack.oneshot(()).await.is_err())
    });
    let error = outcome.result.unwrap_err().to_string();
    assert!(error.contains("there is no reactor running"), "{error}");
}
