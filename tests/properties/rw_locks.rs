//! A read-write lock and a mutex: writers are alone, nobody waits for a place that is free, and no
//! change of the value is lost.

use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;
use seedloop::Result;
use seedloop::sync::{Mutex, RwLock};

use super::check::Way;
use super::scenario::{Count, Line, Pause, Place, Subject, check_subject, pause};

#[derive(Clone, Debug)]
enum Op {
    Read(Pause),
    TryRead(Pause),
    Write(Pause),
    TryWrite(Pause),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    RwLock,
    /// Reads are writes that change nothing.
    Mutex,
}

#[derive(Clone)]
struct Gates {
    kind: Kind,
    lock: RwLock<u32>,
    mutex: Mutex<u32>,
    /// What the value must be.
    value: Rc<Cell<u32>>,
    readers: Count,
    writers: Count,
    waiting_readers: Count,
    line: Line,
}

impl Gates {
    async fn read(&self, value: &u32, place: Place, pause: Pause) -> Result<()> {
        place.served();
        let inside = self.readers.enter();
        self.holds();
        assert_eq!(*value, self.value.get());
        pause.wait().await?;
        assert_eq!(*value, self.value.get(), "the value changed under a reader");
        drop(inside);
        Ok(())
    }

    /// The change is there at once for the others, whatever ends the pause.
    async fn write(&self, value: &mut u32, place: Place, pause: Pause) -> Result<()> {
        place.served();
        let inside = self.writers.enter();
        self.holds();
        assert_eq!(*value, self.value.get());
        *value += 1;
        self.value.set(*value);
        pause.wait().await?;
        assert_eq!(*value, self.value.get(), "two writers");
        drop(inside);
        Ok(())
    }

    async fn perform_on_lock(&self, op: &Op) -> Result<()> {
        let place = self.line.join_as(matches!(op, Op::Read(_) | Op::TryRead(_)));
        match *op {
            Op::Read(pause) => {
                let waiting = self.waiting_readers.enter();
                let guard = self.lock.read().await;
                drop(waiting);
                self.read(&guard, place, pause).await
            }
            Op::TryRead(pause) => {
                let Some(guard) = self.lock.try_read() else { return Ok(()) };
                self.read(&guard, place, pause).await
            }
            Op::Write(pause) => {
                let mut guard = self.lock.write().await;
                self.write(&mut guard, place, pause).await
            }
            Op::TryWrite(pause) => {
                let Some(mut guard) = self.lock.try_write() else { return Ok(()) };
                self.write(&mut guard, place, pause).await
            }
        }
    }

    async fn perform_on_mutex(&self, op: &Op) -> Result<()> {
        let place = self.line.join();
        match *op {
            Op::Read(pause) | Op::Write(pause) => {
                let mut guard = self.mutex.lock().await;
                self.write(&mut guard, place, pause).await
            }
            Op::TryRead(pause) | Op::TryWrite(pause) => {
                let Some(mut guard) = self.mutex.try_lock() else { return Ok(()) };
                self.write(&mut guard, place, pause).await
            }
        }
    }
}

impl Subject for Gates {
    type Setup = Kind;
    type Op = Op;
    type Own = ();

    fn new(kind: &Kind, way: Way) -> Self {
        Gates {
            kind: *kind,
            lock: RwLock::new(0),
            mutex: Mutex::new(0),
            value: Rc::default(),
            readers: Count::default(),
            writers: Count::default(),
            waiting_readers: Count::default(),
            line: Line::new(way),
        }
    }

    fn own(&self, _task: usize) {}

    async fn perform(&self, (): &mut (), op: &Op) -> Result<()> {
        match self.kind {
            Kind::RwLock => self.perform_on_lock(op).await,
            Kind::Mutex => self.perform_on_mutex(op).await,
        }
    }

    fn holds(&self) {
        let (readers, writers) = (self.readers.get(), self.writers.get());
        assert!(writers == 0 || writers == 1 && readers == 0, "{writers} and {readers} are inside");
    }

    fn quiet(&self) {
        self.holds();
        let (waiting, waiting_readers) = (self.line.len(), self.waiting_readers.get());
        let inside = self.readers.get() + self.writers.get();
        assert!(inside > 0 || waiting == 0, "{waiting} wait for nobody");
        let only_readers = self.writers.get() == 0 && waiting == waiting_readers;
        assert!(!only_readers || waiting == 0, "{waiting} readers wait for readers");
    }

    async fn finish(&self) -> Result<()> {
        let of_lock = self.lock.try_write().map(|value| *value).expect("a free lock");
        let of_mutex = self.mutex.try_lock().map(|value| *value).expect("a free mutex");
        assert_eq!(of_lock + of_mutex, self.value.get(), "a change was lost");
        let (one, other) = (self.lock.read().await, self.lock.try_read());
        assert!(other.is_some());
        drop((one, other));
        drop(self.lock.write().await);
        Ok(drop(self.mutex.lock().await))
    }
}

#[test]
fn writers_are_alone() {
    let op = prop_oneof![
        4 => pause().prop_map(Op::Read),
        1 => pause().prop_map(Op::TryRead),
        4 => pause().prop_map(Op::Write),
        1 => pause().prop_map(Op::TryWrite),
    ];
    check_subject::<Gates>(prop_oneof![2 => Just(Kind::RwLock), 1 => Just(Kind::Mutex)], op);
}
