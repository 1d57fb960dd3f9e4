//! Blobs: which are fetched, from whom, and when to give up for a while. The bytes pass by the engine; it hears of
//! their end.
//!
//! Whoever had a post that names a blob is asked for it, then those who follow its author; one source at a time, the
//! next one when it fails. What waits is in the store as 'wanted', so that a restart goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::connection::Greeting;
use super::person::{Refusal, not_found};
use super::{ConnectionId, Effect, Engine, Offence, RequestId, Step, jittered};
use crate::api::{Event, TransferState, TransferView};
use crate::db::blobs::{BlobState, StoredBlob};
use crate::db::{Blob, DbError, ObjectKey, Read};
use crate::domain::attachment::Attachment;
use crate::domain::envelope::Content;
use crate::domain::ids::{BlobHash, NetworkId, ObjectId};
use crate::domain::post::Post;
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;
use crate::limits::{
    AUTOMATIC_BLOB_BYTES, BLOB_FETCHES, BLOB_RETRY_FIRST, BLOB_RETRY_LONGEST, BLOB_SOURCES, BLOBS_WAITING,
};

/// What became of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchEnd {
    /// All of it is here and on the disk.
    Complete,
    /// The transfer ended early, was too slow, or was cancelled.
    Cut {
        /// What is here.
        held_bytes: u64,
    },
    /// The peer does not have it or does not give it.
    Lacking {
        /// What is here.
        held_bytes: u64,
    },
    /// The peer sent bytes that are not the ones asked for.
    Corrupt {
        /// What is here.
        held_bytes: u64,
    },
    /// The bytes exist, but not as many as the author said: they are never taken.
    False,
    /// Our own store of bytes failed.
    Unstorable,
}

/// Where a file that is to be published comes from: here already, pinned by whoever prepared it.
pub type Prepared = Vec<Attachment>;

/// A blob that is to be fetched.
#[derive(Debug)]
struct Transfer {
    blob: StoredBlob,
    phase: Phase,
    /// Whom not to ask again in this round.
    tried: BTreeSet<NetworkId>,
    /// Who was lost in the middle of it, at most [`BLOB_SOURCES`]: worth asking when it is back.
    lost: BTreeSet<NetworkId>,
    rounds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Looks for a source at this time.
    Due(Timestamp),
    /// Nobody could be asked: goes on when something changes.
    Blocked,
    /// Comes from this peer.
    Running { request: RequestId, source: NetworkId, since: Timestamp },
}

/// Whether the store holds more wanted blobs than are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    After(Blob),
}

/// The blobs that are to be fetched.
#[derive(Debug)]
pub(super) struct Transfers {
    known: BTreeMap<Blob, Transfer>,
    rest: Rest,
}

impl Transfers {
    pub(super) fn load(read: Read<'_>) -> Result<Self, DbError> {
        let mut transfers = Self { known: BTreeMap::new(), rest: Rest::None };
        transfers.load_after(read, None, Timestamp::ZERO)?;
        Ok(transfers)
    }

    fn load_after(&mut self, read: Read<'_>, after: Option<Blob>, now: Timestamp) -> Result<(), DbError> {
        let wanted = read.list_wanted_blobs(after, BLOBS_WAITING)?;
        self.rest = match wanted.last() {
            Some(last) if wanted.len() >= BLOBS_WAITING => Rest::After(last.key),
            _ => Rest::None,
        };
        for blob in wanted {
            self.want(blob, now);
        }
        Ok(())
    }

    /// Takes in more of what the store holds once there is room.
    fn refill(&mut self, step: &Step<'_, '_>) -> Result<(), DbError> {
        match self.rest {
            Rest::After(last) if self.known.len() < BLOBS_WAITING / 2 => {
                self.load_after(**step.store, Some(last), step.now)
            }
            _ => Ok(()),
        }
    }

    fn want(&mut self, blob: StoredBlob, now: Timestamp) {
        self.known.entry(blob.key).or_insert_with(|| Transfer {
            blob,
            phase: Phase::Due(now),
            tried: BTreeSet::new(),
            lost: BTreeSet::new(),
            rounds: 0,
        });
    }

    fn running(&self) -> impl Iterator<Item = (RequestId, NetworkId)> {
        self.known.values().filter_map(|transfer| match transfer.phase {
            Phase::Running { request, source, .. } => Some((request, source)),
            Phase::Due(_) | Phase::Blocked => None,
        })
    }

    /// Something changed: whatever found nobody looks again.
    fn wake(&mut self, now: Timestamp) {
        for transfer in self.known.values_mut() {
            if transfer.phase == Phase::Blocked {
                transfer.phase = Phase::Due(now);
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let due = self.known.values().filter_map(|transfer| match transfer.phase {
            Phase::Due(due) => Some(due),
            Phase::Blocked | Phase::Running { .. } => None,
        });
        due.min()
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        for transfer in self.known.values_mut() {
            if let Phase::Due(due) = &mut transfer.phase {
                *due = (*due).min(now);
            }
        }
    }
}

impl Engine {
    /// A post came into the log: notes what it names, and what of it is fetched unasked.
    pub(super) fn note_attachments(
        &mut self,
        step: &mut Step<'_, '_>,
        object: ObjectKey,
        post: &Post,
        source: Option<ConnectionId>,
        fetching: Fetching,
    ) -> Result<(), DbError> {
        let source = source.and_then(|id| self.connections.get(&id)).map(|connection| connection.peer);
        for (position, attachment) in (0_u32..).zip(post.attachments()) {
            let is_wanted = fetching == Fetching::Automatic && attachment.size_bytes <= AUTOMATIC_BLOB_BYTES;
            let state = if is_wanted { BlobState::Wanted } else { BlobState::Absent };
            let named = (attachment.blob, attachment.size_bytes);
            let blob = step.store.insert_blob_use(object, position, named, state, step.now)?;
            if let Some(peer) = source {
                step.store.insert_blob_source(blob.key, peer, step.now)?;
            }
            if blob.state == BlobState::Wanted {
                self.want_blob(blob, step.now);
            }
        }
        Ok(())
    }

    /// Above the bound it waits in the store.
    fn want_blob(&mut self, blob: StoredBlob, now: Timestamp) {
        if self.transfers.known.len() < BLOBS_WAITING {
            self.transfers.want(blob, now);
        } else if self.transfers.rest == Rest::None
            && let Some(last) = self.transfers.known.keys().next_back().filter(|last| **last < blob.key)
        {
            self.transfers.rest = Rest::After(*last);
        }
    }

    /// The files of a post of ours are here: they were pinned before the post was signed.
    pub(super) fn own_attachments_are_here(
        &mut self,
        step: &Step<'_, '_>,
        post: ObjectId,
    ) -> Result<(), DbError> {
        let Some(object) = step.store.find_object(post)? else { return Ok(()) };
        for blob in step.store.list_blobs_of(object)? {
            step.store.complete_blob(blob.key, step.now)?;
            self.transfers.known.remove(&blob.key);
        }
        Ok(())
    }

    /// A peer introduced itself or told what it reads: perhaps it has what we look for.
    pub(super) fn wake_transfers(&mut self, now: Timestamp) {
        self.transfers.wake(now);
    }

    /// Starts every fetch that is due and for which there is a source.
    pub(super) fn start_fetches(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        self.transfers.refill(step)?;
        let is_due = |transfer: &Transfer| matches!(transfer.phase, Phase::Due(due) if due <= step.now);
        let due: Vec<Blob> = self
            .transfers
            .known
            .iter()
            .filter(|(_, transfer)| is_due(transfer))
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            self.start_blob(step, key)?;
        }
        Ok(())
    }

    fn start_blob(&mut self, step: &mut Step<'_, '_>, key: Blob) -> Result<(), DbError> {
        let busy: BTreeSet<NetworkId> = self.transfers.running().map(|(_, source)| source).collect();
        let is_full = self.transfers.running().count() >= BLOB_FETCHES;
        let sources = if is_full { Vec::new() } else { self.sources_of(step, key)? };
        let is_free = |id: &NetworkId| !busy.contains(id);
        let request = self.new_request();
        let Some(transfer) = self.transfers.known.get_mut(&key) else { return Ok(()) };
        let untried: Vec<&NetworkId> = sources.iter().filter(|id| !transfer.tried.contains(id)).collect();
        if is_full || (untried.is_empty() && transfer.tried.is_empty()) {
            transfer.phase = Phase::Blocked;
            return Ok(());
        }
        let Some(source) = untried.iter().copied().copied().find(is_free) else {
            transfer.phase = if untried.is_empty() {
                // A round over all of them is through.
                transfer.tried.clear();
                transfer.rounds = transfer.rounds.saturating_add(1);
                Phase::Due(step.now.after(jittered(step.rng, retry_wait(transfer.rounds))))
            } else {
                Phase::Blocked
            };
            return Ok(());
        };
        let known = self.connections.values().find(|connection| connection.peer == source);
        let Some(from) = known.map(|connection| connection.address.clone()) else { return Ok(()) };
        transfer.phase = Phase::Running { request, source, since: step.now };
        let blob = transfer.blob;
        let progress = view_of(step, &blob, TransferState::Running)?;
        step.push(Effect::Tell(Event::Transfer(progress.clone())));
        step.push(Effect::FetchBlob { request, blob, from, progress });
        Ok(())
    }

    /// Connected peers that may have a blob: those who had a post that names it, then those who follow its author.
    fn sources_of(&self, step: &Step<'_, '_>, key: Blob) -> Result<Vec<NetworkId>, DbError> {
        let is_here = |id: &NetworkId| {
            self.connections
                .values()
                .any(|one| one.peer == *id && matches!(one.greeting, Greeting::Done { .. }))
        };
        let mut sources = step.store.list_blob_sources(key)?;
        let authors = step.store.list_authors_naming(key)?;
        for connection in self.connections.values() {
            let follows = connection
                .subscription
                .as_ref()
                .is_some_and(|list| authors.iter().any(|author| list.contains(*author)));
            if follows && !sources.contains(&connection.peer) {
                sources.push(connection.peer);
            }
        }
        sources.retain(is_here);
        Ok(sources)
    }

    pub(super) fn fetch_ended(
        &mut self,
        step: &mut Step<'_, '_>,
        request: RequestId,
        key: Blob,
        end: FetchEnd,
    ) -> Result<(), DbError> {
        self.transfers.wake(step.now);
        let Some(blob) = step.store.find_blob(key)? else {
            // No post names it any more.
            self.transfers.known.remove(&key);
            return Ok(());
        };
        let (source, since) = match self.transfers.known.get(&key).map(|transfer| transfer.phase) {
            Some(Phase::Running { request: running, source, since }) if running == request => (source, since),
            _ => return note_late_end(step, &blob, end),
        };
        match end {
            FetchEnd::Complete => {
                step.store.complete_blob(key, step.now)?;
                self.transfers.known.remove(&key);
                let done = StoredBlob { held_bytes: blob.size_bytes, ..blob };
                tell(step, &done, TransferState::Complete)?;
            }
            FetchEnd::False => {
                step.store.update_blob(key, BlobState::Absent, 0)?;
                self.transfers.known.remove(&key);
                tell(step, &blob, TransferState::Failed)?;
            }
            FetchEnd::Cut { held_bytes }
            | FetchEnd::Lacking { held_bytes }
            | FetchEnd::Corrupt { held_bytes } => {
                step.store.update_blob(key, BlobState::Wanted, held_bytes)?;
                self.try_next_source(step, key, source, held_bytes);
                if matches!(end, FetchEnd::Cut { .. }) {
                    self.source_lost(key, source, since);
                }
                if matches!(end, FetchEnd::Corrupt { .. }) {
                    let theirs = self.connections.iter().find(|(_, connection)| connection.peer == source);
                    if let Some(id) = theirs.map(|(id, _)| *id) {
                        self.offended(step, id, Offence::FalseBlob)?;
                    }
                }
                tell(step, &StoredBlob { held_bytes, ..blob }, TransferState::Waiting)?;
            }
            FetchEnd::Unstorable => {
                let wait = jittered(step.rng, BLOB_RETRY_LONGEST);
                if let Some(transfer) = self.transfers.known.get_mut(&key) {
                    transfer.phase = Phase::Due(step.now.after(wait));
                }
                tell(step, &blob, TransferState::Failed)?;
            }
        }
        Ok(())
    }

    /// A peer that was lost in the middle of transfers is back: they go on at once.
    pub(super) fn source_returned(&mut self, now: Timestamp, peer: NetworkId) {
        for transfer in self.transfers.known.values_mut().filter(|transfer| transfer.lost.contains(&peer)) {
            transfer.lost.remove(&peer);
            transfer.tried.remove(&peer);
            if !matches!(transfer.phase, Phase::Running { .. }) {
                transfer.phase = Phase::Due(now);
            }
        }
    }

    /// Notes that a transfer ended early, with its source lost or not. One that came back before the end of the old
    /// connection was noticed is asked again.
    fn source_lost(&mut self, key: Blob, source: NetworkId, since: Timestamp) {
        let is_back = self.connections.values().any(|known| known.peer == source && known.since > since);
        let Some(transfer) = self.transfers.known.get_mut(&key) else { return };
        if is_back {
            transfer.tried.remove(&source);
        } else if transfer.lost.len() < usize::try_from(BLOB_SOURCES).unwrap_or(usize::MAX) {
            transfer.lost.insert(source);
        }
    }

    fn try_next_source(&mut self, step: &Step<'_, '_>, key: Blob, source: NetworkId, held_bytes: u64) {
        let Some(transfer) = self.transfers.known.get_mut(&key) else { return };
        if held_bytes > transfer.blob.held_bytes {
            // It moved: worth asking everybody again soon.
            transfer.rounds = 0;
        }
        transfer.blob.held_bytes = held_bytes;
        transfer.tried.insert(source);
        transfer.phase = Phase::Due(step.now);
    }

    /// A person asks for an attachment.
    pub(super) fn fetch_asked(
        &mut self,
        step: &mut Step<'_, '_>,
        post: ObjectId,
        position: u32,
    ) -> Result<TransferView, Refusal> {
        let mut blob = find_attachment(**step.store, post, position)?;
        match blob.state {
            BlobState::Complete | BlobState::Doubtful => {
                return Ok(view_of(step, &blob, TransferState::Complete)?);
            }
            BlobState::Damaged => {}
            BlobState::Absent | BlobState::Partial | BlobState::Wanted => {
                step.store.update_blob(blob.key, BlobState::Wanted, blob.held_bytes)?;
                blob.state = BlobState::Wanted;
                // Whoever asks does not wait for the places of what comes by itself.
                self.transfers.want(blob, step.now);
                if let Some(transfer) = self.transfers.known.get_mut(&blob.key)
                    && !matches!(transfer.phase, Phase::Running { .. })
                {
                    (transfer.phase, transfer.rounds) = (Phase::Due(step.now), 0);
                }
                blob_changed(step, blob.key)?;
            }
        }
        let is_running = self
            .transfers
            .known
            .get(&blob.key)
            .is_some_and(|transfer| matches!(transfer.phase, Phase::Running { .. }));
        let state = if is_running { TransferState::Running } else { TransferState::Waiting };
        let view = view_of(step, &blob, state)?;
        if !is_running {
            step.tell(Event::Transfer(view.clone()));
        }
        Ok(view)
    }

    /// A person does not want a blob any more. What is here of it stays until its post goes.
    pub(super) fn cancel_asked(
        &mut self,
        step: &mut Step<'_, '_>,
        hash: BlobHash,
    ) -> Result<TransferView, Refusal> {
        let mut cancelled = None;
        for blob in step.store.list_blobs_with(hash)? {
            if blob.state != BlobState::Wanted {
                continue;
            }
            let state = if blob.held_bytes > 0 { BlobState::Partial } else { BlobState::Absent };
            step.store.update_blob(blob.key, state, blob.held_bytes)?;
            let known = self.transfers.known.remove(&blob.key);
            if let Some(Phase::Running { request, .. }) = known.map(|transfer| transfer.phase) {
                step.push(Effect::CancelFetch { request });
            }
            let view = view_of(step, &blob, TransferState::Cancelled)?;
            step.tell(Event::Transfer(view.clone()));
            blob_changed(step, blob.key)?;
            cancelled = Some(view);
        }
        self.transfers.wake(step.now);
        cancelled.ok_or_else(|| {
            not_found(
                "nothing like this is being fetched",
                "`itsgoin thread ID --json` shows what a post names",
            )
        })
    }

    /// What was looked at again after an unclean stop.
    pub(super) fn blob_examined(step: &mut Step<'_, '_>, key: Blob, verdict: Verdict) -> Result<(), DbError> {
        match (step.store.find_blob(key)?, verdict) {
            (Some(blob), Verdict::Whole) if blob.state == BlobState::Doubtful => {
                step.store.update_blob(key, BlobState::Complete, blob.size_bytes)?;
            }
            (Some(blob), Verdict::Broken) if blob.state == BlobState::Doubtful => {
                step.store.update_blob(key, BlobState::Damaged, 0)?;
                step.push(Effect::SweepBlobs);
            }
            _ => return Ok(()),
        }
        blob_changed(step, key)
    }

    /// Everything without protection is gone: what was damaged can be fetched anew.
    pub(super) fn blobs_swept(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if step.store.want_damaged_blobs()? > 0 {
            self.transfers.load_after(**step.store, None, step.now)?;
            step.tell(Event::FeedChanged);
        }
        Ok(())
    }

    /// A post is about to be deleted, in this transaction: what only it named ends being fetched, and its bytes are
    /// swept.
    pub(super) fn forget_attachments(
        &mut self,
        step: &mut Step<'_, '_>,
        object: ObjectKey,
    ) -> Result<(), DbError> {
        let gone = step.store.delete_blob_uses(object)?;
        let left: Vec<Blob> = self
            .transfers
            .known
            .iter()
            .filter(|(_, transfer)| gone.contains(&transfer.blob.hash))
            .map(|(key, _)| *key)
            .collect();
        for key in left {
            let known = self.transfers.known.remove(&key);
            if let Some(Phase::Running { request, .. }) = known.map(|transfer| transfer.phase) {
                step.push(Effect::CancelFetch { request });
            }
        }
        if !gone.is_empty() {
            step.push(Effect::SweepBlobs);
        }
        Ok(())
    }
}

/// Whether what a post names is fetched unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetching {
    /// Small blobs are: somebody here follows the author, or is the author.
    Automatic,
    /// Only when a person asks.
    OnDemand,
}

/// What a second look at a blob showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its bytes are what its hash says.
    Whole,
    /// They are not, or some are missing.
    Broken,
}

/// The blob at a position of a post's attachments.
pub(super) fn find_attachment(read: Read<'_>, post: ObjectId, position: u32) -> Result<StoredBlob, Refusal> {
    let object = read.find_object(post)?.ok_or_else(|| {
        not_found("there is no such post here", "`itsgoin feed --json` lists the ids of posts")
    })?;
    let blobs = read.list_blobs_of(object)?;
    let found = usize::try_from(position).ok().and_then(|position| blobs.get(position).copied());
    found.ok_or_else(|| {
        let count = blobs.len();
        not_found(format!("this post has {count} attachments"), "`itsgoin thread ID` lists them")
    })
}

/// The end of a transfer that nobody waits for any more: it was cancelled.
fn note_late_end(step: &mut Step<'_, '_>, blob: &StoredBlob, end: FetchEnd) -> Result<(), DbError> {
    let is_idle = matches!(blob.state, BlobState::Absent | BlobState::Partial);
    match end {
        FetchEnd::Complete if blob.state != BlobState::Complete => {
            step.store.complete_blob(blob.key, step.now)?;
            blob_changed(step, blob.key)?;
        }
        FetchEnd::Cut { held_bytes } | FetchEnd::Lacking { held_bytes } if is_idle => {
            let state = if held_bytes > 0 { BlobState::Partial } else { BlobState::Absent };
            step.store.update_blob(blob.key, state, held_bytes)?;
            blob_changed(step, blob.key)?;
        }
        _ => {}
    }
    Ok(())
}

fn tell(step: &mut Step<'_, '_>, blob: &StoredBlob, state: TransferState) -> Result<(), DbError> {
    let view = view_of(step, blob, state)?;
    step.tell(Event::Transfer(view));
    blob_changed(step, blob.key)
}

/// What is here of a blob is another thing now: whoever shows a post that names it asks again.
fn blob_changed(step: &mut Step<'_, '_>, key: Blob) -> Result<(), DbError> {
    for post_id in step.store.list_posts_naming(key)? {
        step.tell(Event::ThreadChanged { post_id });
    }
    step.tell(Event::FeedChanged);
    Ok(())
}

/// A transfer as faces see it; the name is that of the first post that names the blob.
fn view_of(step: &Step<'_, '_>, blob: &StoredBlob, state: TransferState) -> Result<TransferView, DbError> {
    let name = match step.store.find_blob_use(blob.key)? {
        Some((object, position)) => {
            let post = Post::decode(&step.store.get_envelope(object)?.bytes)
                .map_err(|_was_good_once| DbError::DamagedRow { table: "objects" })?;
            let named = usize::try_from(position).ok().and_then(|at| post.attachments().get(at).cloned());
            named.map(|attachment| attachment.name).unwrap_or_default()
        }
        None => String::new(),
    };
    let done_bytes = if state == TransferState::Complete { blob.size_bytes } else { blob.held_bytes };
    Ok(TransferView {
        blob: blob.hash,
        name: SafeText::line(&name),
        size_bytes: blob.size_bytes,
        done_bytes,
        state,
    })
}

/// How long to wait before all holders are asked once more.
fn retry_wait(rounds: u32) -> Duration {
    let doublings = rounds.saturating_sub(1).min(16);
    BLOB_RETRY_FIRST.saturating_mul(1 << doublings).min(BLOB_RETRY_LONGEST)
}
