//! `join!` and `try_join!`: several futures at once, inside one task.

/// Waits for several futures at once and gives the tuple of their outputs.
///
/// They run inside the task that awaits them: none is spawned, and at each turn of the task those
/// that are not over are polled in the order written. A cancel of the task goes to everything of
/// ours that they wait on.
///
/// ```
/// use seedloop::{Instant, join, run, sleep};
/// use std::time::Duration;
///
/// let time = run(async {
///     let (one, two) = join!(sleep(Duration::from_secs(1)), sleep(Duration::from_secs(2)));
///     one?;
///     two?;
///     Ok(Instant::now().since_start())
/// });
/// assert_eq!(time.unwrap(), Duration::from_secs(2));
/// ```
#[macro_export]
macro_rules! join {
    ($(biased;)? $($future:expr),+ $(,)?) => { $crate::__join!([all] [] [] $($future,)+) };
    ($(biased;)?) => { () };
}

/// Waits for several futures at once and gives `Ok` with the tuple of their values, or the first
/// error, as soon as there is one: then the others are dropped.
///
/// As [`join!`](crate::join) otherwise. If several have failed at one turn, the error is that of
/// the first one written.
///
/// ```
/// use seedloop::{Result, run, try_join};
///
/// async fn half(of: u32) -> Result<u32> {
///     Ok(of / 2)
/// }
/// let sum = run(async {
///     let (one, two) = try_join!(half(2), half(4))?;
///     Ok(one + two)
/// });
/// assert_eq!(sum.unwrap(), 3);
/// ```
#[macro_export]
macro_rules! try_join {
    ($(biased;)? $($future:expr),+ $(,)?) => { $crate::__join!([each] [] [] $($future,)+) };
    ($(biased;)?) => { ::core::result::Result::Ok(()) };
}

/// Takes one future after the other: `[what to do] [the futures] [backwards] what is left`.
#[doc(hidden)]
#[macro_export]
macro_rules! __join {
    // The name `future` is another one at each turn.
    ($what:tt [$($done:tt)*] [$($back:ident)*] $next:expr, $($rest:tt)*) => {
        $crate::__join!($what [$($done)* { future ($next) }] [future $($back)*] $($rest)*)
    };
    ([all] [$({ $future:ident ($expr:expr) })+] [$($back:ident)+]) => {{
        $(let $future = $crate::branches::Joined::new(
            ::core::future::IntoFuture::into_future($expr)
        );)+
        // Backwards, so that they are dropped in the order written.
        $(let mut $back = ::core::pin::pin!($back);)+
        ::core::future::poll_fn(|cx| {
            let mut over = true;
            $(over &= $future.as_mut().poll_over(cx);)+
            if !over {
                return ::core::task::Poll::Pending;
            }
            ::core::task::Poll::Ready(($($future.as_mut().take(),)+))
        })
        .await
    }};
    ([each] [$({ $future:ident ($expr:expr) })+] [$($back:ident)+]) => {{
        $(let $future = $crate::branches::Joined::new(
            ::core::future::IntoFuture::into_future($expr)
        );)+
        $(let mut $back = ::core::pin::pin!($back);)+
        ::core::future::poll_fn(|cx| {
            let mut over = true;
            $(if !$future.as_mut().poll_over(cx) {
                over = false;
            } else if let ::core::option::Option::Some(error) = $future.as_mut().take_error() {
                return ::core::task::Poll::Ready(::core::result::Result::Err(error));
            })+
            if !over {
                return ::core::task::Poll::Pending;
            }
            ::core::task::Poll::Ready(
                ::core::result::Result::Ok(($($future.as_mut().take_value(),)+))
            )
        })
        .await
    }};
}

pub use {join, try_join};
