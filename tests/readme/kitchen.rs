use seedloop::sync::{Queue, Tracked};
use seedloop::{Result, always, sometimes, spawn};

#[seedloop::test(runs = 1_000, cancel = everywhere)]
async fn every_order_is_served_once() -> Result<()> {
    let (orders, served) = (Queue::new(0), Tracked::new(0));
    let (waiting, count) = (orders.clone(), served.clone());
    let kitchen = spawn(async move {
        while let Ok(order) = waiting.get().await {
            count.update(|count| *count += order).await?;
        }
        Ok(())
    });
    let seen = served.clone();
    always!(move || seen.get() <= 3, "nobody is served twice");
    for _ in 0..3 {
        orders.put(1).await?;
        sometimes!(served.get() > 0, "one is served before the last has ordered");
    }
    orders.shutdown(false);
    kitchen.await
}
