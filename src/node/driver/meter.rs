//! How much a peer may ask of us in a time: streams, new pulls, bytes. Counted per network id and not per connection,
//! so that coming again buys nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::shared::locked;
use crate::domain::ids::NetworkId;
use crate::domain::time::Timestamp;
use crate::limits::{
    BLOB_REQUEST_BURST, BLOB_REQUEST_RATE, METERED_PEERS, PULL_BURST, PULL_RATE, SEALED_PUSH_BURST,
    SEALED_PUSH_RATE, STREAM_BURST, STREAM_RATE, UNASKED_BYTES,
};

/// So many in a period, and so many at once.
#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: i64,
    count: i64,
    period_ms: i64,
}

const STREAMS: Rate = Rate { burst: STREAM_BURST, count: STREAM_RATE, period_ms: 10_000 };
const PULLS: Rate = Rate { burst: PULL_BURST, count: PULL_RATE, period_ms: 10_000 };
const BLOBS: Rate = Rate { burst: BLOB_REQUEST_BURST, count: BLOB_REQUEST_RATE, period_ms: 10_000 };
const SEALED: Rate = Rate { burst: SEALED_PUSH_BURST, count: SEALED_PUSH_RATE, period_ms: 3_600_000 };
const BYTES: Rate = Rate { burst: UNASKED_BYTES, count: UNASKED_BYTES, period_ms: 60_000 };

/// A bucket that fills with time, up to the burst.
#[derive(Debug)]
struct Bucket {
    rate: Rate,
    /// What is in it, times the period in milliseconds; below 0 it is owed.
    left: i64,
    filled: Timestamp,
}

impl Bucket {
    const fn full(rate: Rate, now: Timestamp) -> Self {
        Self { rate, left: rate.burst.saturating_mul(rate.period_ms), filled: now }
    }

    fn fill(&mut self, now: Timestamp) {
        let passed = i64::try_from(now.since(self.filled).as_millis()).unwrap_or(i64::MAX);
        let full = self.rate.burst.saturating_mul(self.rate.period_ms);
        self.left = self.left.saturating_add(passed.saturating_mul(self.rate.count)).min(full);
        self.filled = now;
    }

    /// Takes so many, also when they are not there; says how long it is until they would have been.
    fn take(&mut self, count: i64, now: Timestamp) -> Duration {
        self.fill(now);
        self.left = self.left.saturating_sub(count.saturating_mul(self.rate.period_ms));
        let owed = self.left.min(0).unsigned_abs();
        Duration::from_millis(owed.div_ceil(self.rate.count.unsigned_abs().max(1)))
    }

    /// Takes so many if they are there.
    fn try_take(&mut self, count: i64, now: Timestamp) -> Allowance {
        self.fill(now);
        let cost = count.saturating_mul(self.rate.period_ms);
        if self.left < cost {
            return Allowance::UsedUp;
        }
        self.left = self.left.saturating_sub(cost);
        Allowance::Left
    }

    fn is_full(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        self.left >= self.rate.burst.saturating_mul(self.rate.period_ms)
    }
}

/// Whether something more is allowed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    /// It is.
    Left,
    /// It is not.
    UsedUp,
}

/// What one peer may still ask.
#[derive(Debug)]
pub(super) struct Meter {
    streams: Bucket,
    pulls: Bucket,
    blobs: Bucket,
    sealed: Bucket,
    bytes: Bucket,
}

impl Meter {
    fn new(now: Timestamp) -> Self {
        Self {
            streams: Bucket::full(STREAMS, now),
            pulls: Bucket::full(PULLS, now),
            blobs: Bucket::full(BLOBS, now),
            sealed: Bucket::full(SEALED, now),
            bytes: Bucket::full(BYTES, now),
        }
    }

    /// A stream begins: how long to wait before it is served. One that has to wait is paid for, too.
    pub(super) fn stream(&mut self, now: Timestamp) -> Duration {
        self.streams.take(1, now)
    }

    /// A new pull begins.
    pub(super) fn pull(&mut self, now: Timestamp) -> Allowance {
        self.pulls.try_take(1, now)
    }

    /// A blob is asked for.
    pub(super) fn blob(&mut self, now: Timestamp) -> Allowance {
        self.blobs.try_take(1, now)
    }

    /// A sealed post is pushed.
    pub(super) fn sealed(&mut self, now: Timestamp) -> Allowance {
        self.sealed.try_take(1, now)
    }

    /// So many bytes came that we did not ask for.
    pub(super) fn bytes(&mut self, count: usize, now: Timestamp) -> Allowance {
        self.bytes.try_take(i64::try_from(count).unwrap_or(i64::MAX), now)
    }

    fn is_full(&mut self, now: Timestamp) -> bool {
        let Self { streams, pulls, blobs, sealed, bytes } = self;
        let buckets = [streams, pulls, blobs, sealed, bytes];
        buckets.into_iter().all(|bucket| bucket.is_full(now))
    }
}

/// The meters of all peers that asked for something lately.
#[derive(Debug, Default)]
pub(super) struct Meters(Mutex<BTreeMap<NetworkId, Arc<Mutex<Meter>>>>);

impl Meters {
    /// The meter of a peer. A full one that nobody uses is as good as none.
    pub(super) fn of(&self, peer: NetworkId, now: Timestamp) -> Arc<Mutex<Meter>> {
        let mut meters = locked(&self.0);
        meters.retain(|_, meter| Arc::strong_count(meter) > 1 || !locked(meter).is_full(now));
        if meters.len() >= METERED_PEERS && !meters.contains_key(&peer) {
            let unused = meters.iter().find(|(_, meter)| Arc::strong_count(meter) == 1).map(|(id, _)| *id);
            if let Some(unused) = unused {
                meters.remove(&unused);
            }
        }
        Arc::clone(meters.entry(peer).or_insert_with(|| Arc::new(Mutex::new(Meter::new(now)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn a_burst_is_free_and_then_the_rate_holds() {
        let mut now = NOW;
        let mut meter = Meter::new(now);
        for _ in 0..STREAM_BURST {
            assert_eq!(meter.stream(now), Duration::ZERO);
        }
        // Whoever waits as told gets one stream every fifth of a second.
        for _ in 0..STREAM_RATE {
            let wait = meter.stream(now);
            assert_eq!(wait, Duration::from_millis(200));
            now = now.after(wait);
        }
    }

    #[test]
    fn pulls_and_bytes_are_refused_above_their_rate_and_allowed_again_with_time() {
        let mut meter = Meter::new(NOW);
        let blobs = (0..100).filter(|_| meter.blob(NOW) == Allowance::Left).count();
        assert_eq!(i64::try_from(blobs).unwrap(), BLOB_REQUEST_BURST);
        let sealed = (0..100).filter(|_| meter.sealed(NOW) == Allowance::Left).count();
        assert_eq!(i64::try_from(sealed).unwrap(), SEALED_PUSH_BURST);
        let a_little_later = NOW.after(Duration::from_mins(6));
        let sealed = (0..100).filter(|_| meter.sealed(a_little_later) == Allowance::Left).count();
        assert_eq!(i64::try_from(sealed).unwrap(), SEALED_PUSH_RATE / 10);
        let mut meter = Meter::new(NOW);
        let pulls = (0..100).filter(|_| meter.pull(NOW) == Allowance::Left).count();
        assert_eq!(i64::try_from(pulls).unwrap(), PULL_BURST);
        let later = NOW.after(Duration::from_secs(1));
        let pulls = (0..100).filter(|_| meter.pull(later) == Allowance::Left).count();
        assert_eq!(i64::try_from(pulls).unwrap(), PULL_RATE / 10);
        let all = usize::try_from(UNASKED_BYTES).unwrap();
        assert_eq!(meter.bytes(all, NOW), Allowance::Left);
        assert_eq!(meter.bytes(1, NOW), Allowance::UsedUp);
        assert_eq!(meter.bytes(all / 60, later), Allowance::Left);
    }

    #[test]
    fn who_comes_again_finds_its_meter_as_it_left_it_and_full_ones_are_forgotten() {
        let meters = Meters::default();
        let peer = |number: u64| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_be_bytes());
            NetworkId::from_bytes(id)
        };
        let take = |number, now| locked(&meters.of(peer(number), now)).pull(now);
        for _ in 0..PULL_BURST {
            assert_eq!(take(1, NOW), Allowance::Left);
        }
        assert_eq!(take(1, NOW), Allowance::UsedUp);
        for number in 0..5_000 {
            take(number, NOW);
        }
        assert!(locked(&meters.0).len() <= METERED_PEERS);
        let later = NOW.after(Duration::from_mins(1));
        drop(meters.of(peer(1), later));
        assert_eq!(locked(&meters.0).len(), 1);
    }
}
