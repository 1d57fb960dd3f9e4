//! What the driver's tasks share: the way to the writer, readers for peers, and requests that wait for the engine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::blobs::BlobRoom;
use crate::domain::ids::NetworkId;
use crate::domain::time::Timestamp;
use crate::limits::{FIRST_BYTE_TIME, STREAM_BURST, STREAM_RATE};
use crate::node::engine::interest::InterestList;
use crate::node::engine::{Bans, Input, ReplyId};
use crate::node::store::{Job, Readers};
use crate::node::wire::Message;

/// Shared by all tasks of a node.
pub(super) struct Shared {
    pub(super) network_id: NetworkId,
    pub(super) clock: fn() -> Timestamp,
    /// Connections for answering peers; faces have their own.
    pub(super) readers: Readers,
    /// Who is refused before the engine hears of it.
    pub(super) bans: Mutex<Arc<Bans>>,
    /// Where the bytes of blobs are.
    pub(super) blobs: BlobRoom,
    jobs: mpsc::Sender<Job>,
    replies: Mutex<BTreeMap<ReplyId, oneshot::Sender<Message>>>,
    last_reply: AtomicU64,
}

/// The list pulls on one connection are answered for.
pub(super) type Heard = Arc<Mutex<Option<Arc<InterestList>>>>;

/// A lock whose holder never panics while holding it, so that poison means nothing.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        network_id: NetworkId,
        clock: fn() -> Timestamp,
        readers: Readers,
        blobs: BlobRoom,
        jobs: mpsc::Sender<Job>,
    ) -> Self {
        let (bans, replies, last_reply) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        Self { network_id, clock, readers, bans, blobs, jobs, replies, last_reply }
    }

    /// Hands an input to the writer, waiting for room. Without a writer the node is stopping: nobody needs it.
    pub(super) async fn input(&self, input: Input) {
        self.jobs.send(Job::Input(input)).await.unwrap_or_default();
    }

    /// Asks the engine for the answer to a peer's request.
    pub(super) async fn ask_engine(&self, make: impl FnOnce(ReplyId) -> Input) -> Option<Message> {
        let reply = ReplyId(self.last_reply.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
        let (answer, answered) = oneshot::channel();
        locked(&self.replies).insert(reply, answer);
        self.input(make(reply)).await;
        // The peer waits no longer than this for the first byte.
        let message = tokio::time::timeout(FIRST_BYTE_TIME, answered).await;
        locked(&self.replies).remove(&reply);
        message.ok()?.ok()
    }

    /// The engine answers a request. One that gave up meanwhile needs no answer.
    pub(super) fn reply(&self, reply: ReplyId, message: Message) {
        if let Some(answer) = locked(&self.replies).remove(&reply) {
            answer.send(message).unwrap_or_default();
        }
    }
}

/// How much a peer may still ask for: a bucket that fills with time. What has to wait is paid for, too.
pub(super) struct Bucket {
    /// Thousandths of what it holds when it is full.
    full: i64,
    /// What comes in ten seconds.
    rate: i64,
    millis: i64,
    filled: Timestamp,
}

impl Bucket {
    /// A full bucket of `burst`, which gains `rate` in ten seconds.
    pub(super) const fn full(now: Timestamp, burst: i64, rate: i64) -> Self {
        let full = burst.saturating_mul(1_000);
        Self { full, rate, millis: full, filled: now }
    }

    /// For the streams of a peer.
    pub(super) const fn of_streams(now: Timestamp) -> Self {
        Self::full(now, STREAM_BURST, STREAM_RATE)
    }

    /// What is in it now, in thousandths; below 0 what is owed.
    pub(super) fn level(&self, now: Timestamp) -> i64 {
        let passed = i64::try_from(now.since(self.filled).as_millis()).unwrap_or(i64::MAX);
        // A rate per ten seconds is a tenth of it in thousandths per millisecond.
        let gained = passed.saturating_mul(self.rate) / 10;
        self.millis.saturating_add(gained).min(self.full)
    }

    /// Takes one; says how long to wait before it may be served.
    pub(super) fn take(&mut self, now: Timestamp) -> Duration {
        self.millis = self.level(now).saturating_sub(1_000);
        self.filled = now;
        let debt = self.millis.min(0).unsigned_abs();
        Duration::from_millis(debt.saturating_mul(10).div_ceil(self.rate.unsigned_abs()))
    }

    /// Takes one if there is one.
    pub(super) fn try_take(&mut self, now: Timestamp) -> bool {
        let level = self.level(now);
        let is_there = level >= 1_000;
        self.millis = if is_there { level.saturating_sub(1_000) } else { level };
        self.filled = now;
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_rate_holds() {
        let mut now = Timestamp::from_millis(1_000_000);
        let mut bucket = Bucket::of_streams(now);
        for _ in 0..STREAM_BURST {
            assert_eq!(bucket.take(now), Duration::ZERO);
        }
        // Whoever waits as told gets one stream every fifth of a second.
        for _ in 0..STREAM_RATE {
            let wait = bucket.take(now);
            assert_eq!(wait, Duration::from_millis(200));
            now = now.after(wait);
        }
    }

    #[test]
    fn who_asks_too_often_gets_no_more_than_the_rate() {
        let start = Timestamp::from_millis(1_000_000);
        let mut bucket = Bucket::full(start, 20, 20);
        let mut count = |millis: std::ops::Range<u64>| {
            millis.step_by(10).filter(|at| bucket.try_take(start.after(Duration::from_millis(*at)))).count()
        };
        assert_eq!(count(0..1_000), 21, "the burst, and what came meanwhile");
        assert_eq!(count(1_000..11_000), 20);
    }
}
