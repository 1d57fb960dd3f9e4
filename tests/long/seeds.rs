//! Which histories are played.

use std::ops::Range;

/// These, or with `ITSGOIN_SEED` in the environment only the one of that seed.
pub(super) fn of_environment(all: Range<u64>) -> Range<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test is told by its caller to play one history again")]
    let one = std::env::var("ITSGOIN_SEED");
    match one {
        Ok(seed) => {
            let seed = seed.parse().expect("a seed is a number");
            seed..seed + 1
        }
        Err(_) => all,
    }
}
