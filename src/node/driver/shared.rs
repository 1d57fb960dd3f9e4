//! What the driver's tasks share: the way to the writer, readers for peers, and requests that wait for the engine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::domain::ids::NetworkId;
use crate::domain::time::Timestamp;
use crate::limits::{FRAME_BURST, FRAME_RATE, FRAME_TIME};
use crate::node::engine::interest::InterestList;
use crate::node::engine::{Input, ReplyId};
use crate::node::store::{Job, Readers};
use crate::node::wire::Message;

/// Shared by all tasks of a node.
pub(super) struct Shared {
    pub(super) network_id: NetworkId,
    pub(super) clock: fn() -> Timestamp,
    /// Connections for answering peers; faces have their own.
    pub(super) readers: Readers,
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
        jobs: mpsc::Sender<Job>,
    ) -> Self {
        Self { network_id, clock, readers, jobs, replies: Mutex::default(), last_reply: AtomicU64::new(0) }
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
        let message = tokio::time::timeout(FRAME_TIME, answered).await;
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

/// How many frames a peer may still send: a bucket that fills with time.
pub(super) struct FrameBucket {
    milliframes: u64,
    filled: Timestamp,
}

impl FrameBucket {
    /// [`FRAME_BURST`] in thousandths of a frame.
    const FULL: u64 = FRAME_BURST * 1_000;

    pub(super) const fn full(now: Timestamp) -> Self {
        Self { milliframes: Self::FULL, filled: now }
    }

    /// Takes one frame; says how long to wait before it may be handled.
    pub(super) fn take(&mut self, now: Timestamp) -> Duration {
        let passed = u64::try_from(now.since(self.filled).as_millis()).unwrap_or(0);
        // FRAME_RATE per 10 s are FRAME_RATE / 10 thousandths of a frame per millisecond.
        let gained = passed.saturating_mul(FRAME_RATE) / 10;
        self.filled = now;
        self.milliframes = self.milliframes.saturating_add(gained).min(Self::FULL);
        match self.milliframes.checked_sub(1_000) {
            Some(left) => {
                self.milliframes = left;
                Duration::ZERO
            }
            None => Duration::from_millis(10_000 / FRAME_RATE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_rate_holds() {
        let start = Timestamp::from_millis(1_000_000);
        let mut bucket = FrameBucket::full(start);
        for _ in 0..FRAME_BURST {
            assert_eq!(bucket.take(start), Duration::ZERO);
        }
        assert_eq!(bucket.take(start), Duration::from_millis(200));
        assert_eq!(bucket.take(start.after(Duration::from_millis(200))), Duration::ZERO);
        assert_eq!(bucket.take(start.after(Duration::from_millis(200))), Duration::from_millis(200));
    }
}
