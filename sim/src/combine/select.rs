//! `select!`: the first of several branches that is ready.

/// Waits for the first of several branches, runs its handler and drops the others.
///
/// The syntax is tokio's: `pattern = future => handler`, with `, if condition` before the arrow for
/// a branch that is left out unless the condition holds, and `else => handler` for when no branch
/// is left. A branch whose value does not match its pattern is left out from then on. All futures
/// are made, in the order written, whatever their conditions say; before the handler runs all of
/// them are dropped, in that order, and so it may use what they had borrowed, and `?`, `break`,
/// `continue` and `return` leave the surrounding code.
///
/// At each poll a choice of the kind [`Branch`](crate::explore::ChoiceKind::Branch) says with which
/// branch the polls begin; they go on from there, round the end. Without a seed that is the first
/// one written. With `biased;` in front it always is.
///
/// ```
/// use seedloop::{run, select, sleep, sync::mpsc};
/// use std::time::Duration;
///
/// let got = run(async {
///     let (sender, mut receiver) = mpsc::channel::<u32>(1);
///     let got = select! {
///         Some(item) = receiver.recv() => format!("item {item}"),
///         slept = sleep(Duration::from_secs(2)) => {
///             slept?;
///             "nothing for two seconds".to_owned()
///         }
///     };
///     drop(sender);
///     Ok(got)
/// });
/// assert_eq!(got.unwrap(), "nothing for two seconds");
/// ```
///
/// # Panics
///
/// When no branch is left and there is no `else`.
///
/// # Cancel safety
///
/// As that of the futures: those that come second are dropped. One that is to go on is polled by
/// reference, as `result = &mut future => ..`; until it is polled again the task does not await it,
/// and a cancel leaves it alone.
#[macro_export]
macro_rules! select {
    ($(biased;)? else => $else:expr $(,)?) => { $else };
    (biased; $($branches:tt)+) => {
        $crate::__select!(@ { first_branch () } [] [] $($branches)+)
    };
    ($($branches:tt)+) => { $crate::__select!(@ { choose_branch () } [] [] $($branches)+) };
}

/// Takes one branch after the other: `{how to start, how many there are} [the branches] [their
/// futures, backwards] what is left`.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // The name `future` is another one at each turn.
    (
        @@ { $start:ident ($($skip:tt)*) } [$($done:tt)*] [$($back:ident)*]
        ($p:pat) ($f:expr) ($c:expr) ($h:expr) $($rest:tt)*
    ) => {
        $crate::__select! {
            @ { $start ($($skip)* _) }
            [$($done)* { future ($($skip)*) ($p) ($f) ($c) ($h) }] [future $($back)*]
            $($rest)*
        }
    };
    (@ $at:tt $done:tt $back:tt) => {
        $crate::__select_all! {
            $at $done $back
            panic!("all branches are disabled and there is no else branch")
        }
    };
    (@ $at:tt $done:tt $back:tt else => $else:expr $(,)?) => {
        $crate::__select_all!($at $done $back $else)
    };
    (@ $at:tt $done:tt $back:tt $p:pat = $f:expr, if $c:expr => $h:block, $($rest:tt)*) => {
        $crate::__select!(@@ $at $done $back ($p) ($f) ($c) ($h) $($rest)*)
    };
    (@ $at:tt $done:tt $back:tt $p:pat = $f:expr => $h:block, $($rest:tt)*) => {
        $crate::__select!(@@ $at $done $back ($p) ($f) (true) ($h) $($rest)*)
    };
    (@ $at:tt $done:tt $back:tt $p:pat = $f:expr, if $c:expr => $h:block $($rest:tt)*) => {
        $crate::__select!(@@ $at $done $back ($p) ($f) ($c) ($h) $($rest)*)
    };
    (@ $at:tt $done:tt $back:tt $p:pat = $f:expr => $h:block $($rest:tt)*) => {
        $crate::__select!(@@ $at $done $back ($p) ($f) (true) ($h) $($rest)*)
    };
    (@ $at:tt $done:tt $back:tt $p:pat = $f:expr, if $c:expr => $h:expr) => {
        $crate::__select!(@@ $at $done $back ($p) ($f) ($c) ($h))
    };
    (@ $at:tt $done:tt $back:tt $p:pat = $f:expr => $h:expr) => {
        $crate::__select!(@@ $at $done $back ($p) ($f) (true) ($h))
    };
    (@ $at:tt $done:tt $back:tt $p:pat = $f:expr, if $c:expr => $h:expr, $($rest:tt)*) => {
        $crate::__select!(@@ $at $done $back ($p) ($f) ($c) ($h) $($rest)*)
    };
    (@ $at:tt $done:tt $back:tt $p:pat = $f:expr => $h:expr, $($rest:tt)*) => {
        $crate::__select!(@@ $at $done $back ($p) ($f) (true) ($h) $($rest)*)
    };
}

/// Polls the branches and runs the handler.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_all {
    (
        { $start:ident $count:tt }
        [$({ $future:ident $skip:tt ($p:pat) ($f:expr) ($c:expr) ($h:expr) })+]
        [$($back:ident)+]
        $else:expr
    ) => {{
        let output = {
            let mut enabled = [$($c),+];
            $(let $future = ::core::future::IntoFuture::into_future($f);)+
            // Backwards, so that they are dropped in the order written.
            $(let mut $back = ::core::pin::pin!($back);)+
            ::core::future::poll_fn(|cx| {
                let mut pending = false;
                let count = enabled.len();
                let begin = $crate::branches::begin_select();
                let start = $crate::branches::$start(count);
                for turn in 0..count {
                    let branch = (start + turn) % count;
                    if !enabled[branch] {
                        continue;
                    }
                    $(if branch == $crate::__select_count!($skip) {
                        match ::core::future::Future::poll($future.as_mut(), cx) {
                            ::core::task::Poll::Pending => pending = true,
                            ::core::task::Poll::Ready(output) => {
                                enabled[branch] = false;
                                if $crate::__select_matches!(output, $p) {
                                    $crate::branches::end_select(begin);
                                    return ::core::task::Poll::Ready(
                                        $crate::__select_nest!($skip output)
                                    );
                                }
                            }
                        }
                    })+
                }
                if pending {
                    return ::core::task::Poll::Pending;
                }
                ::core::task::Poll::Ready($crate::__select_end!($count))
            })
            .await
        };
        match output {
            $($crate::__select_nest!($skip $p) => $h,)+
            $crate::__select_end!($count) => $else,
            #[allow(unreachable_patterns, reason = "a pattern may match everything")]
            _ => ::core::unreachable!("the value of a branch has matched its pattern before"),
        }
    }};
}

/// Tells whether a value matches a pattern, and leaves the value as it is.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_matches {
    ($output:ident, $p:pat) => {{
        let mut matches = false;
        // The arm is never taken, and so nothing is moved into what the pattern binds.
        #[allow(unused_mut, unused_variables, unreachable_code, reason = "only the guard runs")]
        match $output {
            $p if {
                matches = true;
                false
            } =>
            {
                ::core::unreachable!()
            }
            _ => {}
        }
        matches
    }};
}

/// Wraps a value or a pattern as that of a branch.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_nest {
    (() $($inner:tt)+) => { $crate::branches::Branch::This($($inner)+) };
    ((_ $($skip:tt)*) $($inner:tt)+) => {
        $crate::branches::Branch::Later($crate::__select_nest!(($($skip)*) $($inner)+))
    };
}

/// What stands behind the last branch.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_end {
    (()) => { () };
    ((_ $($skip:tt)*)) => {
        $crate::branches::Branch::Later($crate::__select_end!(($($skip)*)))
    };
}

/// Counts the branches before one.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_count {
    (()) => { 0_usize };
    ((_ $($skip:tt)*)) => { 1_usize + $crate::__select_count!(($($skip)*)) };
}

pub use select;
