//! What `gather` takes: collections of one type, and tuples of several.

use std::future::Future;
use std::panic::Location;

use crate::base::Result;
use crate::event_loop::{FutureId, LoopId};
use crate::task::{LoopFuture, ensure_future, ensure_future_anywhere};

/// The arguments of [`gather`](crate::gather): a `Vec` or an array of one type of awaitable, or a
/// tuple of up to eight.
///
/// An awaitable is a task, a future of the loop, or any future that returns a
/// [`seedloop::Result`](crate::Result), which becomes a task.
pub trait GatherInput: sealed::Sealed {
    /// The values, in the order of the arguments.
    type Values: 'static;
    /// A result for each argument, in their order.
    type Results: 'static;
    /// The futures of the loop behind the arguments.
    #[doc(hidden)]
    type Futures: 'static;

    #[doc(hidden)]
    fn into_futures(
        self,
        owner: &mut LoopKey,
        location: &'static Location<'static>,
    ) -> Result<Self::Futures>;
    #[doc(hidden)]
    fn ids(futures: &Self::Futures) -> FutureKeys;
    #[doc(hidden)]
    fn values(futures: &Self::Futures) -> Result<Self::Values>;
    #[doc(hidden)]
    fn results(futures: &Self::Futures) -> Self::Results;
}

/// The loop of the children, for the hidden methods of [`GatherInput`].
///
/// It is that of the first child, and all others must be of it. Source: CPython 3.13, `gather`.
#[derive(Debug)]
pub struct LoopKey {
    pub(super) owner: LoopId,
    is_known: bool,
}

impl LoopKey {
    /// Where there is no child, or the first one is no future yet, it is the running loop.
    pub(super) fn new(running: LoopId) -> Self {
        LoopKey { owner: running, is_known: false }
    }

    fn ensure_future<T, F>(
        &mut self,
        awaitable: F,
        location: &'static Location<'static>,
    ) -> Result<LoopFuture<T>>
    where
        T: 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        if std::mem::replace(&mut self.is_known, true) {
            return ensure_future(self.owner, awaitable, location);
        }
        let future = ensure_future_anywhere(self.owner, awaitable, location)?;
        self.owner = future.raw().owner();
        Ok(future)
    }
}

/// Futures, for the hidden methods of [`GatherInput`].
#[derive(Debug)]
pub struct FutureKeys(pub(super) Vec<FutureId>);

mod sealed {
    pub trait Sealed {}
    impl<F> Sealed for Vec<F> {}
    impl<F, const N: usize> Sealed for [F; N] {}
}

impl<T, F> GatherInput for Vec<F>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    type Values = Vec<T>;
    type Results = Vec<Result<T>>;
    type Futures = Vec<LoopFuture<T>>;

    fn into_futures(
        self,
        owner: &mut LoopKey,
        location: &'static Location<'static>,
    ) -> Result<Self::Futures> {
        self.into_iter().map(|awaitable| owner.ensure_future(awaitable, location)).collect()
    }

    fn ids(futures: &Self::Futures) -> FutureKeys {
        FutureKeys(futures.iter().map(|future| future.raw().id()).collect())
    }

    fn values(futures: &Self::Futures) -> Result<Self::Values> {
        futures.iter().map(LoopFuture::take_result).collect()
    }

    fn results(futures: &Self::Futures) -> Self::Results {
        futures.iter().map(LoopFuture::take_result).collect()
    }
}

impl<T, F, const N: usize> GatherInput for [F; N]
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    type Values = [T; N];
    type Results = [Result<T>; N];
    type Futures = [LoopFuture<T>; N];

    fn into_futures(
        self,
        owner: &mut LoopKey,
        location: &'static Location<'static>,
    ) -> Result<Self::Futures> {
        let futures = self.into_iter().map(|awaitable| owner.ensure_future(awaitable, location));
        Ok(into_array(futures.collect::<Result<_>>()?))
    }

    fn ids(futures: &Self::Futures) -> FutureKeys {
        FutureKeys(futures.iter().map(|future| future.raw().id()).collect())
    }

    fn values(futures: &Self::Futures) -> Result<Self::Values> {
        let values = futures.iter().map(LoopFuture::take_result);
        Ok(into_array(values.collect::<Result<_>>()?))
    }

    fn results(futures: &Self::Futures) -> Self::Results {
        futures.each_ref().map(LoopFuture::take_result)
    }
}

fn into_array<T, const N: usize>(all: Vec<T>) -> [T; N] {
    match all.try_into() {
        Ok(all) => all,
        Err(_) => unreachable!("seedloop bug: another number than that of the arguments"),
    }
}

/// Implements [`GatherInput`] for tuples.
macro_rules! tuples {
    ($(($($future:ident $value:ident $index:tt),+))+) => {$(
        impl<$($future),+> sealed::Sealed for ($($future,)+) {}

        impl<$($future, $value),+> GatherInput for ($($future,)+)
        where
            $($value: 'static, $future: Future<Output = Result<$value>> + 'static,)+
        {
            type Values = ($($value,)+);
            type Results = ($(Result<$value>,)+);
            type Futures = ($(LoopFuture<$value>,)+);

            fn into_futures(
                self,
                owner: &mut LoopKey,
                location: &'static Location<'static>,
            ) -> Result<Self::Futures> {
                Ok(($(owner.ensure_future(self.$index, location)?,)+))
            }

            fn ids(futures: &Self::Futures) -> FutureKeys {
                FutureKeys(vec![$(futures.$index.raw().id()),+])
            }

            fn values(futures: &Self::Futures) -> Result<Self::Values> {
                Ok(($(futures.$index.take_result()?,)+))
            }

            fn results(futures: &Self::Futures) -> Self::Results {
                ($(futures.$index.take_result(),)+)
            }
        }
    )+};
}

tuples! {
    (A Ta 0)
    (A Ta 0, B Tb 1)
    (A Ta 0, B Tb 1, C Tc 2)
    (A Ta 0, B Tb 1, C Tc 2, D Td 3)
    (A Ta 0, B Tb 1, C Tc 2, D Td 3, E Te 4)
    (A Ta 0, B Tb 1, C Tc 2, D Td 3, E Te 4, G Tg 5)
    (A Ta 0, B Tb 1, C Tc 2, D Td 3, E Te 4, G Tg 5, H Th 6)
    (A Ta 0, B Tb 1, C Tc 2, D Td 3, E Te 4, G Tg 5, H Th 6, I Ti 7)
}
