use seedloop::sync::Lock;
use seedloop::{Result, Simulation, spawn_named};

async fn transfer(from: Lock, to: Lock) -> Result<()> {
    let _from = from.lock().await?;
    let _to = to.lock().await?;
    Ok(())
}

async fn bank() -> Result<()> {
    let (a, b) = (Lock::new(), Lock::new());
    let there = spawn_named("a to b", transfer(a.clone(), b.clone()));
    let back = spawn_named("b to a", transfer(b, a));
    there.await?;
    back.await
}

pub(super) fn main() {
    for seed in 0..100 {
        let outcome = Simulation::new().seed(seed).block_on(bank());
        if let Err(error) = outcome.result {
            panic!("seed {seed}: {error}");
        }
    }
}
