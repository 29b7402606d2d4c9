//! Hints to the processor of what is needed soon, where many tasks do not fit into its caches.

/// Lets the processor fetch what stands at an address from memory, if it can, while others go on.
/// Whether anything stands there does not matter.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "an instruction that only tells the processor of an address")]
#[inline]
pub(super) fn prefetch<T>(address: *const T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: the instruction does nothing but fetch, whatever the address, and every x86-64 has
    // it.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}

/// There is no such instruction that Rust knows.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn prefetch<T>(address: *const T) {
    let _ = address;
}
