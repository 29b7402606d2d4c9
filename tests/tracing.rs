//! What a program logs stands in the record of its run, and changes nothing of it.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seedloop::explore::Explorer;
use seedloop::host::Host;
use seedloop::report::{self, Found, Picture, failure_text};
use seedloop::tracing::{At, VirtualTime, layer};
use seedloop::{
    Outcome, Result, Simulation, gather, out, sleep, spawn_named, to_thread, yield_now,
};
use tracing::{Instrument, debug, error, info, info_span, trace, warn};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

const FILE: &str = file!();
const MODULE: &str = module_path!();
const REQUEST: &str = "request{id=7 user=\"花子\"}";
const SLOW: &str = "slow rows=6 path=\"表\"";

/// The lines of the trace in which something is logged or printed.
fn logged<T>(outcome: &Outcome<T>) -> Vec<String> {
    let trace = report::trace_text(outcome);
    let told = trace.lines().filter(|line| line.contains("logs: ") || line.contains("prints: "));
    told.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The line on which `serve` begins to log.
const LINE: u32 = line!() + 2;
async fn serve(request: u32) -> Result<()> {
    info!("accepted");
    sleep(Duration::from_millis(250)).await?;
    warn!(target: "disk", rows = request * 2, path = "表", "slow");
    Ok(())
}

async fn main() -> Result<()> {
    out!("begins");
    let request = info_span!("request", id = 7, user = tracing::field::Empty);
    let task = spawn_named("server", serve(3).instrument(request.clone()));
    trace!("is below what is kept");
    request.record("user", "花子");
    task.await?;
    let job = to_thread(|| {
        debug!("in a job");
        Ok(())
    });
    job.await?;
    out!("ends");
    Ok(())
}

#[test]
fn what_is_logged_stands_where_it_was_logged() {
    let outcome = Simulation::new().record().block_on(main());
    outcome.result.as_ref().unwrap();
    let told = [
        "0.00s 1 Task-1 prints: begins".to_owned(),
        format!("0.00s 2 server logs: INFO {REQUEST}: {MODULE}: accepted at {FILE}:{LINE}"),
        format!("0.25s 4 server logs: WARN {REQUEST}: disk: {SLOW} at {FILE}:{}", LINE + 2),
        format!("0.25s 7 outside logs: DEBUG {MODULE}: in a job at {FILE}:{}", LINE + 14),
        "0.25s 10 Task-1 prints: ends".to_owned(),
    ];
    assert_eq!(logged(&outcome), told);
}

/// Two that each read, log and write: one of them loses its update.
async fn lost_update() -> Result<()> {
    let count = Arc::new(Mutex::new(0));
    let add = async |count: Arc<Mutex<i32>>| {
        let seen = *count.lock().unwrap();
        debug!(seen, "reads");
        yield_now().await?;
        *count.lock().unwrap() = seen + 1;
        warn!(seen, "writes");
        Ok(())
    };
    let (one, two) = (Arc::clone(&count), Arc::clone(&count));
    gather((async move { add(one).await }, async move { add(two).await })).await?;
    assert_eq!(*count.lock().unwrap(), 2);
    Ok(())
}

/// Warnings and errors stand in the table; what is less grave is on the page alone.
#[test]
fn a_report_shows_warnings_and_the_page_all() {
    let explorer = Explorer::new();
    let failure = explorer.explore(lost_update).failure.unwrap();
    let report = failure_text(&failure, &Found::default());
    assert!(report.contains(&format!("logs: WARN {}: writes seen=0", module_path!())), "{report}");
    assert!(!report.contains("DEBUG"), "{report}");
    let lines = Picture::of_failure("lost_update", &failure, &Found::default()).json_lines();
    let kinds = lines.lines().filter(|line| line.starts_with("[\"log\"")).count();
    assert_eq!(kinds, 4, "{lines}");
}

/// Writes where tests can read it.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_subscriber_of_the_users_own_gets_virtual_times() {
    let written = Written::default();
    let writer = {
        let written = written.clone();
        move || written.clone()
    };
    let subscriber =
        tracing_subscriber::fmt().with_timer(VirtualTime).with_ansi(false).with_writer(writer);
    tracing::subscriber::with_default(subscriber.with_target(false).finish(), || {
        info!("outside");
        let outcome = Simulation::new().record().block_on(async {
            let host = Host::new("db");
            let served = host.spawn(async {
                sleep(Duration::from_millis(1_500)).await?;
                info!("committed");
                Ok(())
            });
            served.await
        });
        outcome.result.unwrap();
        // It is not the layer of this library.
        assert_eq!(outcome.log, []);
    });
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text, "  INFO outside\n1.5s db/db #4  INFO committed\n");
}

/// Keeps where spans began.
struct Begins(Arc<Mutex<Vec<Option<At>>>>);

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Begins {
    fn on_enter(&self, id: &tracing::span::Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        self.0.lock().unwrap().push(span.extensions().get::<At>().cloned());
    }
}

#[test]
fn spans_know_where_they_began() {
    let begins = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::registry().with(layer()).with(Begins(Arc::clone(&begins)));
    tracing::subscriber::with_default(subscriber, || {
        let outside = info_span!("outside", n = 1);
        let line = line!() + 6;
        let outcome = Simulation::new().record().block_on(async move {
            let host = Host::new("db");
            sleep(Duration::from_secs(2)).await?;
            let work = async {
                let inside = info_span!("inside");
                async { error!("both") }.instrument(inside).await;
                Ok(())
            };
            host.spawn(work.instrument(outside)).await
        });
        let place = format!("{FILE}:{line}");
        let text = format!("ERROR outside{{n=1}}:inside: {MODULE}: both");
        assert_eq!(logged(&outcome), [format!("2.0s 4 db logs: {text} at {place}")]);
    });
    let begins = begins.lock().unwrap();
    assert_eq!(begins.first(), Some(&None));
    let at = begins.iter().flatten().next().unwrap();
    assert_eq!(at.to_string(), "2.0s db/db #4");
}

/// A run is the same with and without, and one that nobody looks at keeps nothing.
#[test]
fn a_log_changes_nothing() {
    let run = |record: bool| {
        let simulation = Simulation::new().seed(7);
        let simulation = if record { simulation.record() } else { simulation };
        simulation.block_on(main())
    };
    let (recorded, quiet) = (run(true), run(false));
    assert_eq!(recorded.log.len(), 3);
    assert_eq!(quiet.log, []);
    assert_eq!(recorded.fingerprint, quiet.fingerprint);
    let subscriber = tracing_subscriber::registry().with(layer());
    let under = tracing::subscriber::with_default(subscriber, || run(false));
    assert_eq!((under.log.len(), under.fingerprint), (0, quiet.fingerprint));
}
