use scenarios::job_queue::{Faults, History, System, wreck};
use seedloop::{Result, always, eventually, host};
use std::time::Duration;

#[seedloop::test(runs = 20)]
async fn every_job_is_done_once() -> Result<()> {
    let history = History::new(); // what the client and the workers have seen
    let system = System::start(&history, None); // a broker, two workers, a client: four hosts
    let holds = |invariant: fn(&History) -> Result<(), String>| {
        let history = history.clone();
        move || invariant(&history)
    };
    always!(holds(History::nothing_is_lost), "an accepted job is never lost");
    always!(holds(History::one_holder), "no two workers hold a job");
    always!(holds(History::no_stale_lease), "no stale lease completes a job");
    wreck(&system, Faults::ALL).await?; // crashes, partitions, losses, resets, clocks, bad disks
    host::heal();
    let is_done = move || history.fetched_count() == 4;
    eventually!(Duration::from_secs(20), is_done, "all jobs are done").await?;
    Ok(())
}
