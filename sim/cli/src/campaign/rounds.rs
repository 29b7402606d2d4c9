//! The rounds in which the runs of a campaign are made.

/// Returns the first seed of the round in which `seed` is.
pub(super) fn round_start(seed: u64) -> u64 {
    seedloop::explore::round_of(seed).1.start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_small_at_first() {
        for (seed, start) in [
            (0, 0),
            (255, 0),
            (256, 256),
            (4_095, 3_840),
            (4_096, 4_096),
            (8_191, 4_096),
            (8_192, 8_192),
            (u64::MAX, u64::MAX - 4_095),
        ] {
            assert_eq!(round_start(seed), start, "{seed}");
        }
    }
}
