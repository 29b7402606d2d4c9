//! `to_thread`: what CPython's tests assert.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_threads.py`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use seedloop::{ContextVar, Error, blocking, gather, to_thread};

use super::check::{ZeroDivision, check, is_zero_division, now};
use crate::surprises::helpers::ms;

#[test]
fn a_value() {
    check(async {
        assert_eq!(to_thread(|| Ok([40, 2].iter().sum::<i32>())).await?, 42);
        Ok(())
    });
}

#[test]
fn an_error() {
    check(async {
        is_zero_division(to_thread(|| Err::<(), _>(Error::new(ZeroDivision))).await);
        Ok(())
    });
}

/// Ten at once, each once.
#[test]
fn called_once_each() {
    check(async {
        let calls = Arc::new(AtomicU32::new(0));
        let call = || {
            let calls = Arc::clone(&calls);
            to_thread(move || {
                calls.fetch_add(1, Ordering::Relaxed);
                blocking::sleep(ms(10));
                Ok(())
            })
        };
        call().await?;
        assert_eq!((calls.load(Ordering::Relaxed), now()), (1, ms(10)));
        gather([(); 10].map(|()| call())).await?;
        // There are 8 threads unless more cores were asked for.
        assert_eq!((calls.load(Ordering::Relaxed), now()), (11, ms(30)));
        Ok(())
    });
}

/// What the job needs, it takes along.
#[test]
fn arguments() {
    check(async {
        let (text, something) = ("test".to_owned(), true);
        let got = to_thread(move || Ok((text, something))).await?;
        assert_eq!(got, ("test".to_owned(), true));
        Ok(())
    });
}

#[test]
fn context_variables() {
    static NAME: ContextVar<&str> = ContextVar::new();
    check(async {
        drop(NAME.set("parrot"));
        assert_eq!(to_thread(|| Ok(NAME.get())).await?, Some("parrot"));
        Ok(())
    });
}
