//! The room for blobs: opens the store of bytes when it is first needed, keeps what is being prepared from being swept,
//! answers sweeps from SQLite, and runs our fetches. It decides nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, OnceCell, broadcast, mpsc, oneshot, watch};

use super::serve::Ended;
use super::shared::{Shared, locked};
use super::{NetworkPhase, is_decided};
use crate::api::{Event, TransferView};
use crate::db::blobs::{BlobState, StoredBlob};
use crate::domain::address::PeerAddress;
use crate::limits::BLOB_SWEEP_EVERY;
use crate::node::engine::{CallId, CloseReason, FetchEnd, Input, RequestId, Verdict};
use crate::node::net::{BlobStore, BlobStoreError, Pinned, SweepAsked};

/// Blobs looked at again after an unclean stop, in one go.
const EXAMINED_AT_ONCE: u32 = 10_000;
/// Least time between two words about the progress of a transfer.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// Time the store of bytes has to close.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// Where blobs are, and what is pinned there.
pub(super) struct BlobRoom {
    folder: PathBuf,
    viewing: PathBuf,
    store: OnceCell<BlobStore>,
    sweeps: mpsc::Sender<SweepAsked>,
    sweep_due: Notify,
    /// Of posts that are being written.
    held: Mutex<BTreeMap<CallId, Vec<Pinned>>>,
    /// What SQLite protects by now: let go once a sweep has read it there.
    retired: Mutex<Vec<Pinned>>,
    /// Held while a blob is looked at again: only one at a time is in memory.
    examining: tokio::sync::Mutex<()>,
}

impl BlobRoom {
    /// A room over these folders, and the questions of its sweeps, which [`keep`] answers.
    pub(super) fn new(folder: PathBuf, viewing: PathBuf) -> (Self, mpsc::Receiver<SweepAsked>) {
        let (sweeps, asked) = mpsc::channel(1);
        let room = Self {
            folder,
            viewing,
            store: OnceCell::new(),
            sweeps,
            sweep_due: Notify::new(),
            held: Mutex::default(),
            retired: Mutex::default(),
            examining: tokio::sync::Mutex::default(),
        };
        (room, asked)
    }

    /// The store, opened if it is not.
    pub(super) async fn store(&self) -> Result<&BlobStore, BlobStoreError> {
        self.store.get_or_try_init(|| BlobStore::open(&self.folder, self.sweeps.clone())).await
    }

    /// Reads all of a blob again: whether it is here as it should be.
    pub(super) async fn is_whole(&self, blob: StoredBlob) -> bool {
        let _one_at_a_time = self.examining.lock().await;
        let Ok(store) = self.store().await else { return false };
        let read = store.read(blob.hash).await;
        read.is_ok_and(|bytes| u64::try_from(bytes.len()).is_ok_and(|length| length == blob.size_bytes))
    }

    /// Where attachments are put that are looked at.
    pub(super) fn viewing(&self) -> &Path {
        &self.viewing
    }

    /// Keeps pins until a call is answered.
    pub(super) fn hold(&self, call: CallId, pins: Vec<Pinned>) {
        locked(&self.held).insert(call, pins);
    }

    /// A call is answered: what it published is protected by its row, what it did not is nobody's.
    pub(super) fn release(&self, call: CallId) {
        let pins = locked(&self.held).remove(&call).unwrap_or_default();
        self.retire(pins);
    }

    fn retire(&self, pins: Vec<Pinned>) {
        locked(&self.retired).extend(pins);
    }

    /// Lets the next sweep begin.
    pub(super) fn sweep_soon(&self) {
        self.sweep_due.notify_one();
    }

    /// Closes the store, if it was opened.
    pub(super) async fn close(&self) {
        if let Some(store) = self.store.get()
            && tokio::time::timeout(CLOSE_TIME, store.close()).await.is_err()
        {
            tracing::warn!("the store of attachments did not close in time");
        }
    }
}

/// Answers the sweeps of the store, when they are due, with what SQLite protects.
pub(super) async fn keep(shared: Arc<Shared>, mut asked: mpsc::Receiver<SweepAsked>) -> Ended {
    let mut was_damaged = false;
    while let Some(answer) = asked.recv().await {
        // That it asks again means that the last sweep is through.
        if std::mem::take(&mut was_damaged) {
            shared.input(Input::BlobsSwept).await;
        }
        let due = shared.blobs.sweep_due.notified();
        tokio::time::timeout(BLOB_SWEEP_EVERY, due).await.unwrap_or_default();
        // What is retired by now stands in SQLite since before the read; what is retired later waits for the next time.
        let retired = std::mem::take(&mut *locked(&shared.blobs.retired));
        let read = shared.readers.read(|read| {
            Ok((read.list_protected_blobs()?, !read.list_blobs_in(BlobState::Damaged, 1)?.is_empty()))
        });
        let kept = match read.await {
            Ok((kept, is_damaged)) => {
                was_damaged = is_damaged;
                Some(kept)
            }
            Err(error) => {
                tracing::warn!(%error, "attachments are not swept");
                None
            }
        };
        // Without a store there is nothing to sweep.
        answer.send(kept).unwrap_or_default();
        let kept_something = !retired.is_empty();
        drop(retired);
        if kept_something {
            // What they named was still kept by this sweep, whatever was deleted meanwhile.
            shared.blobs.sweep_soon();
        }
    }
    None
}

/// Opens the store if something is in it, and looks at what an unclean stop left in doubt.
pub(super) async fn reopen(shared: Arc<Shared>) -> Ended {
    let has_blobs = shared.readers.read(|read| read.has_blobs()).await.unwrap_or(false);
    if !has_blobs && !shared.blobs.folder.exists() {
        return None;
    }
    if let Err(error) = shared.blobs.store().await {
        tracing::error!(%error, "attachments cannot be read");
        return None;
    }
    let doubtful = shared.readers.read(|read| read.list_blobs_in(BlobState::Doubtful, EXAMINED_AT_ONCE));
    for blob in doubtful.await.unwrap_or_default() {
        let verdict = if shared.blobs.is_whole(blob).await { Verdict::Whole } else { Verdict::Broken };
        shared.input(Input::BlobExamined { blob: blob.key, verdict }).await;
    }
    None
}

/// A fetch to be run.
pub(super) struct Fetch {
    pub(super) request: RequestId,
    pub(super) blob: StoredBlob,
    pub(super) from: PeerAddress,
    pub(super) progress: TransferView,
    pub(super) cancelled: oneshot::Receiver<()>,
}

/// Fetches a blob from one peer and tells the engine how that ended, faces how it goes.
pub(super) async fn fetch(
    shared: Arc<Shared>,
    mut network: watch::Receiver<NetworkPhase>,
    events: broadcast::Sender<Event>,
    fetch: Fetch,
) -> Ended {
    let Fetch { request, blob, from, mut progress, cancelled } = fetch;
    let mut told = (shared.clock)();
    let tell = |done_bytes| {
        let now = (shared.clock)();
        if now.since(told) >= PROGRESS_EVERY {
            told = now;
            progress.done_bytes = done_bytes;
            // Nobody listens: then nobody waits for it.
            events.send(Event::Transfer(progress.clone())).map(|_listeners| ()).unwrap_or_default();
        }
    };
    let phase = network.wait_for(is_decided).await.map(|phase| phase.clone());
    let end = tokio::select! {
        end = run_fetch(&shared, phase.ok(), blob, &from, tell) => end,
        // A fetch whose other end is gone is cancelled, too.
        _ = cancelled => FetchEnd::Cut { held_bytes: held_bytes(&shared, blob).await },
    };
    shared.input(Input::BlobFetchEnded { request, blob: blob.key, end }).await;
    None
}

async fn run_fetch(
    shared: &Shared,
    phase: Option<NetworkPhase>,
    blob: StoredBlob,
    from: &PeerAddress,
    tell: impl FnMut(u64) + Send,
) -> FetchEnd {
    let Ok(store) = shared.blobs.store().await else { return FetchEnd::Unstorable };
    let dialled = match phase {
        Some(NetworkPhase::Up(up)) => up.dial_for_blobs(from).await.ok(),
        _ => None,
    };
    let Some(source) = dialled else {
        return FetchEnd::Cut { held_bytes: held_bytes(shared, blob).await };
    };
    let pin = store.pin(blob.hash).await.ok();
    let end = store.fetch(&source, blob.hash, blob.size_bytes, tell).await;
    source.close(CloseReason::Superfluous);
    // The row protects it, whatever came: but the sweep under way may have read SQLite before.
    shared.blobs.retire(pin.into_iter().collect());
    end
}

async fn held_bytes(shared: &Shared, blob: StoredBlob) -> u64 {
    match shared.blobs.store().await {
        Ok(store) => store.held_bytes(blob.hash).await,
        Err(_closed) => blob.held_bytes,
    }
}
