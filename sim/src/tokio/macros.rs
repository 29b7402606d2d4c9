//! `pin!`, as tokio has it.

/// Pins futures where they are: `tokio::pin!`. Names become pinned references to what they were, or
/// are bound to it with `let`.
#[doc(hidden)]
#[macro_export]
macro_rules! __pin {
    ($($name:ident),+ $(,)?) => {
        $(
            #[allow(unused_mut, reason = "it need not be polled by name")]
            let mut $name = ::core::pin::pin!($name);
        )+
    };
    ($(let $name:ident = $future:expr;)+) => {
        $(
            #[allow(unused_mut, reason = "it need not be polled by name")]
            let mut $name = ::core::pin::pin!($future);
        )+
    };
}

#[doc(inline)]
pub use __pin as pin;
