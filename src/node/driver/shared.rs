//! What the driver's tasks share: the way to the writer, readers for peers, and requests that wait for the engine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::blobs::BlobRoom;
use super::meter::Meters;
use crate::domain::ids::NetworkId;
use crate::domain::time::Timestamp;
use crate::limits::FIRST_BYTE_TIME;
use crate::node::engine::interest::InterestList;
use crate::node::engine::{Bans, ConnectionId, Input, Offence, ReplyId};
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
    /// What peers may still ask.
    pub(super) meters: Meters,
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
        let (bans, meters) = (Mutex::default(), Meters::default());
        let (replies, last_reply) = (Mutex::default(), AtomicU64::new(0));
        Self { network_id, clock, readers, bans, meters, blobs, jobs, replies, last_reply }
    }

    /// Hands an input to the writer, waiting for room. Without a writer the node is stopping: nobody needs it.
    pub(super) async fn input(&self, input: Input) {
        self.jobs.send(Job::Input(input)).await.unwrap_or_default();
    }

    /// A peer did what it must not.
    pub(super) async fn offended(&self, connection: ConnectionId, offence: Offence) {
        self.input(Input::PeerOffended { connection, offence }).await;
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
