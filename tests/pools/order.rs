use seedloop::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;
fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn first() {
    let l = EventLoop::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let lg = log.clone();
    let l2 = l.clone();
    let r = l.run_until_complete(async move {
        let lg2 = lg.clone();
        let f = run_in_executor(None, move || {
            lg2.lock().unwrap().push("start");
            blocking::sleep(secs(3));
            lg2.lock().unwrap().push("end");
            Ok(5)
        });
        lg.lock().unwrap().push("submitted");
        let v = f.await?;
        lg.lock().unwrap().push("awaited");
        Ok((v, l2.time()))
    });
    println!("{r:?} {log:?}");
    let (v, t) = r.unwrap();
    assert_eq!((v, t.since_start()), (5, secs(3)));
    assert_eq!(*log.lock().unwrap(), ["start", "submitted", "end", "awaited"]);
}
