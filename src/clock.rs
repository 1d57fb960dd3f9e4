//! The one home of the clock and of the operating system's randomness. Everything else is handed a time or a generator.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::domain::time::Timestamp;

/// The time of day.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::ZERO.after(since_epoch)
}

/// A cryptographic generator with a fresh seed from the operating system.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place that asks for randomness")]
pub fn fresh_rng() -> StdRng {
    StdRng::from_rng(&mut rand::rng())
}
