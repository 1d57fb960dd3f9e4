//! Bytes of blobs: their store, fetching them from a peer, and giving them to one. The only place that names iroh-blobs.
//!
//! Nothing is decided here: what is served, fetched or swept is asked of whoever holds the truth about blobs.
//! Every transfer is verified piece by piece against the hash, goes on where an earlier one was cut, and moves never
//! more bytes than were said to be there.

use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use iroh::endpoint::{Connection, RecvStream, SendStream, VarInt};
use iroh_blobs::api::TempTag;
use iroh_blobs::api::remote::GetProgressItem;
use iroh_blobs::get::GetError;
use iroh_blobs::get::fsm::DecodeError;
use iroh_blobs::protocol::{ChunkRanges, ChunkRangesExt, ERR_LIMIT, ERR_PERMISSION, GetRequest, Request};
use iroh_blobs::provider::events::EventSender;
use iroh_blobs::provider::{StreamPair, handle_get};
use iroh_blobs::store::fs::FsStore;
use iroh_blobs::store::fs::options::{Options, PathOptions};
use iroh_blobs::store::{GcConfig, ProtectOutcome};
use iroh_blobs::{Hash, HashAndFormat};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::NetError;
use crate::domain::ids::{BlobHash, NetworkId};
use crate::limits::{BLOB_REQUEST_BYTES, BLOB_SLOW_BYTES, BLOB_SLOW_TIME, FIRST_BYTE_TIME};
use crate::node::engine::{CloseReason, FetchEnd};

/// The protocol's name in the handshake.
pub(super) const ALPN: &[u8] = iroh_blobs::ALPN;
/// The pause before the store asks what to keep; the answer comes when a sweep is due.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);

/// The store of bytes failed.
#[derive(Debug, Error)]
#[error("the store of attachments failed: {detail}")]
pub struct BlobStoreError {
    detail: String,
}

fn failed(error: impl std::fmt::Display) -> BlobStoreError {
    BlobStoreError { detail: error.to_string() }
}

/// The store wants to sweep and asks what must stay: answered when a sweep is due, with `None` for 'not now'.
pub type SweepAsked = oneshot::Sender<Option<Vec<BlobHash>>>;

/// Bytes of blobs on the disk. Cheap to clone; one per folder and process.
#[derive(Clone)]
pub struct BlobStore {
    store: FsStore,
    paths: PathOptions,
}

/// Bytes that no sweep takes while this lives.
pub struct Pinned {
    tag: TempTag,
}

impl Pinned {
    /// Of which blob.
    #[must_use]
    pub fn hash(&self) -> BlobHash {
        BlobHash::from_bytes(*self.tag.hash().as_bytes())
    }
}

fn raw(hash: BlobHash) -> Hash {
    Hash::from_bytes(*hash.as_bytes())
}

impl BlobStore {
    /// Opens the folder, making it if needed. Before each sweep it asks through `sweeps` what must stay.
    ///
    /// # Errors
    /// [`BlobStoreError`].
    pub async fn open(folder: &Path, sweeps: mpsc::Sender<SweepAsked>) -> Result<Self, BlobStoreError> {
        let database = folder.join("blobs.db");
        if !database.exists() {
            make_database(folder, &database).await?;
        }
        let mut options = Options::new(folder);
        let paths = options.path.clone();
        options.gc = Some(GcConfig {
            interval: SWEEP_PAUSE,
            add_protected: Some(Arc::new(move |protected| {
                let sweeps = sweeps.clone();
                Box::pin(async move {
                    let (answer, answered) = oneshot::channel();
                    if sweeps.send(answer).await.is_err() {
                        return ProtectOutcome::Abort;
                    }
                    match answered.await {
                        Ok(Some(kept)) => {
                            protected.extend(kept.into_iter().map(raw));
                            ProtectOutcome::Continue
                        }
                        Ok(None) | Err(_) => ProtectOutcome::Abort,
                    }
                })
            })),
        });
        let store = FsStore::load_with_opts(database, options).await.map_err(failed)?;
        Ok(Self { store, paths })
    }

    /// Takes bytes in. They are on the disk when this returns.
    ///
    /// # Errors
    /// [`BlobStoreError`].
    pub async fn add(&self, bytes: Vec<u8>) -> Result<Pinned, BlobStoreError> {
        let tag = self.store.blobs().add_bytes(bytes).temp_tag().await.map_err(failed)?;
        let pinned = Pinned { tag };
        self.sync(pinned.hash()).await?;
        Ok(pinned)
    }

    /// Keeps bytes from being swept that are here, or will be.
    ///
    /// # Errors
    /// [`BlobStoreError`].
    pub async fn pin(&self, hash: BlobHash) -> Result<Pinned, BlobStoreError> {
        let tag = self.store.tags().temp_tag(HashAndFormat::raw(raw(hash))).await.map_err(failed)?;
        Ok(Pinned { tag })
    }

    /// All bytes of a blob, checked against its hash while they are read. The caller knows that it is not large.
    ///
    /// # Errors
    /// [`BlobStoreError`] when some are missing or wrong.
    pub async fn read(&self, hash: BlobHash) -> Result<Vec<u8>, BlobStoreError> {
        let bytes = self.store.blobs().get_bytes(raw(hash)).await.map_err(failed)?;
        // The store checks them against the tree of hashes; this is the root.
        if BlobHash::of(&bytes) == hash { Ok(bytes.into()) } else { Err(failed("bytes are damaged")) }
    }

    /// How many bytes of a blob are here; 0 when nothing is known of it.
    pub async fn held_bytes(&self, hash: BlobHash) -> u64 {
        let local = self.store.remote().local(HashAndFormat::raw(raw(hash))).await;
        local.map_or(0, |local| local.local_bytes())
    }

    /// Has everything about a blob written to the disk: the store itself does that only for what it keeps inside its
    /// database.
    async fn sync(&self, hash: BlobHash) -> Result<(), BlobStoreError> {
        let files = [self.paths.data_path(&raw(hash)), self.paths.outboard_path(&raw(hash))];
        let folder = self.paths.data_path.clone();
        let synced = tokio::task::spawn_blocking(move || sync_files(&files, &folder)).await;
        synced.map_err(failed)?.map_err(failed)?;
        self.store.sync_db().await.map_err(failed)
    }

    /// Closes the store in order.
    pub async fn close(&self) {
        if let Err(error) = self.store.shutdown().await {
            tracing::debug!(%error, "the store of attachments was closed already");
        }
    }

    /// Fetches what is missing of a blob of `size_bytes`, telling from time to time how much is here. It is on the disk
    /// when this returns [`FetchEnd::Complete`]. Dropping the future ends the transfer; what came stays.
    pub async fn fetch(
        &self,
        source: &BlobConnection,
        hash: BlobHash,
        size_bytes: u64,
        mut tell: impl FnMut(u64) + Send,
    ) -> FetchEnd {
        let Ok(_pinned) = self.pin(hash).await else { return FetchEnd::Unstorable };
        let Ok(here) = self.store.blobs().observe(raw(hash)).await else { return FetchEnd::Unstorable };
        let asked = &ChunkRanges::bytes(..size_bytes) - &here.ranges;
        if !asked.is_empty() {
            let begun_with = self.held_bytes(hash).await;
            let request = GetRequest::blob_ranges(raw(hash), asked);
            let moved = self.run(source, request, |moved| tell(begun_with.saturating_add(moved))).await;
            if let Err(end) = moved {
                return end.with(self.held_bytes(hash).await);
            }
        }
        let Ok(here) = self.store.blobs().observe(raw(hash)).await else { return FetchEnd::Unstorable };
        match here.validated_size() {
            Some(size) if size == size_bytes && here.is_complete() => match self.sync(hash).await {
                Ok(()) => FetchEnd::Complete,
                Err(_disk) => FetchEnd::Unstorable,
            },
            Some(size) if size != size_bytes => FetchEnd::False,
            _ if !here.ranges.is_empty()
                && here.validated_size().is_none()
                && asked_all(&here.ranges, size_bytes) =>
            {
                // Everything that was said to be there came, and it is not the end.
                FetchEnd::False
            }
            _ => FetchEnd::Cut { held_bytes: self.held_bytes(hash).await },
        }
    }

    async fn run(
        &self,
        source: &BlobConnection,
        request: GetRequest,
        mut tell: impl FnMut(u64) + Send,
    ) -> Result<(), Broken> {
        let mut items = pin!(self.store.remote().execute_get(source.connection.clone(), request).stream());
        let mut slow = tokio::time::interval(BLOB_SLOW_TIME);
        slow.tick().await;
        let (mut moved, mut moved_before) = (0_u64, 0_u64);
        loop {
            tokio::select! {
                item = items.next() => match item {
                    Some(GetProgressItem::Progress(bytes)) => {
                        moved = bytes;
                        tell(moved);
                    }
                    Some(GetProgressItem::Done(_)) => return Ok(()),
                    Some(GetProgressItem::Error(error)) => return Err(Broken::of(&error)),
                    None => return Err(Broken::Cut),
                },
                _ = slow.tick() => {
                    if moved.saturating_sub(moved_before) < BLOB_SLOW_BYTES {
                        return Err(Broken::Cut);
                    }
                    moved_before = moved;
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "blob_tests.rs"]
mod tests;

fn asked_all(here: &ChunkRanges, size_bytes: u64) -> bool {
    (&ChunkRanges::bytes(..size_bytes) - here).is_empty()
}

/// Makes the store's database beside its place and puts it there when it is whole: one that a kill cut short while it was
/// made could never be opened again.
async fn make_database(folder: &Path, database: &Path) -> Result<(), BlobStoreError> {
    let unfinished = folder.join("blobs.db.new");
    match tokio::fs::remove_file(&unfinished).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    let made = FsStore::load_with_opts(unfinished.clone(), Options::new(folder)).await.map_err(failed)?;
    made.shutdown().await.map_err(failed)?;
    tokio::fs::rename(&unfinished, database).await.map_err(failed)?;
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || sync_files(&[], &folder)).await.map_err(failed)?.map_err(failed)
}

fn sync_files(files: &[std::path::PathBuf], folder: &Path) -> io::Result<()> {
    for file in files {
        match std::fs::File::open(file) {
            Ok(file) => file.sync_all()?,
            // Small ones are inside the database.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    std::fs::File::open(folder)?.sync_all()
}

/// Why a transfer did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Cut,
    Lacking,
    Corrupt,
    Unstorable,
}

impl Broken {
    fn of(error: &GetError) -> Self {
        if let Some(code) = error.iroh_error_code() {
            return if code == ERR_LIMIT { Self::Cut } else { Self::Lacking };
        }
        match error {
            GetError::Decode { source, .. } => match source {
                DecodeError::ParentHashMismatch { .. } | DecodeError::LeafHashMismatch { .. } => {
                    Self::Corrupt
                }
                DecodeError::Read { .. } => Self::Cut,
                DecodeError::Write { .. } => Self::Unstorable,
                _ => Self::Lacking,
            },
            GetError::AtBlobHeaderNext { .. } => Self::Lacking,
            GetError::LocalFailure { .. } | GetError::IrpcSend { .. } => Self::Unstorable,
            _ => Self::Cut,
        }
    }

    const fn with(self, held_bytes: u64) -> FetchEnd {
        match self {
            Self::Cut => FetchEnd::Cut { held_bytes },
            Self::Lacking => FetchEnd::Lacking { held_bytes },
            Self::Corrupt => FetchEnd::Corrupt { held_bytes },
            Self::Unstorable => FetchEnd::Unstorable,
        }
    }
}

/// A connection on which blobs are asked for, by us or by the peer. Cheap to clone.
#[derive(Clone)]
pub struct BlobConnection {
    connection: Connection,
}

impl BlobConnection {
    pub(super) const fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Who is there, proven by the handshake.
    #[must_use]
    pub fn peer(&self) -> NetworkId {
        NetworkId::from_bytes(*self.connection.remote_id().as_bytes())
    }

    /// The next request of the peer. May be cancelled.
    ///
    /// # Errors
    /// [`NetError::Lost`] when the connection has ended.
    pub async fn accept(&self) -> Result<BlobStream, NetError> {
        let (send, receive) = self.connection.accept_bi().await.map_err(|_detail| NetError::Lost)?;
        Ok(BlobStream { send, receive })
    }

    /// Ends the connection.
    pub fn close(&self, reason: CloseReason) {
        self.connection.close(VarInt::from_u32(reason.code()), b"");
    }
}

/// A peer's request, not read yet.
pub struct BlobStream {
    send: SendStream,
    receive: RecvStream,
}

/// Why a peer does not get what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotServed {
    /// It is not here, no post names it, or it is no plain blob that was asked for. These are not told apart.
    Nothing,
    /// It asks too often.
    TooOften,
}

impl BlobStream {
    /// Reads the request: which blob, when it is a plain question for one. Everything else the protocol knows (lists of
    /// hashes, several blobs at once, watching, pushing) is `None`.
    ///
    /// # Errors
    /// [`NetError`] when nothing comes in time, or too much.
    pub async fn read(&mut self) -> Result<Option<PlainRequest>, NetError> {
        let read = timeout(FIRST_BYTE_TIME, self.receive.read_to_end(BLOB_REQUEST_BYTES)).await;
        let bytes = read.map_err(|_elapsed| NetError::Timeout)?.map_err(|_detail| NetError::Cut)?;
        let parsed = Request::read_async(&mut Bytes::from(bytes)).await;
        Ok(match parsed {
            Ok((Request::Get(request), _)) if request.ranges.is_blob() => Some(PlainRequest { request }),
            Ok(_) | Err(_) => None,
        })
    }

    /// Says no.
    pub fn refuse(mut self, why: NotServed) {
        let code = match why {
            NotServed::Nothing => ERR_PERMISSION,
            NotServed::TooOften => ERR_LIMIT,
        };
        // A stream that is closed already hears nothing, which is as well.
        self.send.reset(code).unwrap_or_default();
    }

    /// Sends what was asked for, until the peer has it or is too slow for it.
    pub async fn serve(self, store: &BlobStore, asked: PlainRequest, connection: &BlobConnection) {
        let taken = Arc::<AtomicU64>::default();
        let send = Counted { inner: self.send, taken: Arc::clone(&taken) };
        let number = u64::try_from(connection.connection.stable_id()).unwrap_or(0);
        let pair = StreamPair::new(number, self.receive, send, EventSender::DEFAULT);
        let mut served = pin!(handle_get(pair, (*store.store).clone(), asked.request));
        let mut before = 0;
        loop {
            match timeout(BLOB_SLOW_TIME, &mut served).await {
                Ok(_done_or_hung_up) => return,
                Err(_elapsed) => {
                    let now = taken.load(Ordering::Relaxed);
                    if now.saturating_sub(before) < BLOB_SLOW_BYTES {
                        return;
                    }
                    before = now;
                }
            }
        }
    }
}

/// A question for a part of one blob.
pub struct PlainRequest {
    request: GetRequest,
}

impl PlainRequest {
    /// Which blob.
    #[must_use]
    pub fn hash(&self) -> BlobHash {
        BlobHash::from_bytes(*self.request.hash.as_bytes())
    }
}

/// A stream that counts what it took, so that a peer that stops reading is noticed.
struct Counted {
    inner: SendStream,
    taken: Arc<AtomicU64>,
}

impl Counted {
    fn count(&self, bytes: usize) {
        self.taken.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl iroh_blobs::util::SendStream for Counted {
    async fn send_bytes(&mut self, bytes: Bytes) -> io::Result<()> {
        let length = bytes.len();
        self.inner.send_bytes(bytes).await?;
        self.count(length);
        Ok(())
    }

    async fn send(&mut self, buffer: &[u8]) -> io::Result<()> {
        self.inner.send(buffer).await?;
        self.count(buffer.len());
        Ok(())
    }

    async fn sync(&mut self) -> io::Result<()> {
        self.inner.sync().await
    }

    fn reset(&mut self, code: VarInt) -> io::Result<()> {
        iroh_blobs::util::SendStream::reset(&mut self.inner, code)
    }

    async fn stopped(&mut self) -> io::Result<Option<VarInt>> {
        iroh_blobs::util::SendStream::stopped(&mut self.inner).await
    }

    fn id(&self) -> u64 {
        iroh_blobs::util::SendStream::id(&self.inner)
    }
}
