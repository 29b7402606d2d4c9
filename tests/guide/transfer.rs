use seedloop::sync::Lock;
use seedloop::{Result, spawn_named};

async fn transfer(from: Lock, to: Lock) -> Result<()> {
    let _from = from.lock().await?;
    let _to = to.lock().await?;
    Ok(())
}

// #[seedloop::test]
pub(super) async fn transfers_end() -> Result<()> {
    let (a, b) = (Lock::new(), Lock::new());
    let there = spawn_named("a to b", transfer(a.clone(), b.clone()));
    let back = spawn_named("b to a", transfer(b, a));
    there.await?;
    back.await
}
