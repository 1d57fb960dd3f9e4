//! Header diffs: operations pushed to whoever is known to hold their post, and on, once per operation.
//!
//! An operation is passed on when it takes effect here, and also when it is verified and waits for its post: holders need
//! not be connected with each other, so the author's seats relay what they cannot use yet. What the store knows is
//! never passed on again; what waited and takes effect later is remembered for that.

use super::topic::{Happened, NewsCopy};
use super::{OWN_WAIT, Spread};
use crate::db::DbError;
use crate::db::objects::Have;
use crate::domain::envelope::{Content, Object, Verified};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::limits::{DIFF_BYTES, DIFF_ITEMS, DIFFS_SEEN, FILE_HOLDERS};
use crate::node::engine::answer::Checked;
use crate::node::engine::{ConnectionId, Effect, Engine, Fault, Offence, Step};
use crate::node::wire::{Item, Message};

/// Operations that wait to be pushed; of more the rest comes by pulls.
const DIFFS: usize = 512;

/// An operation to be pushed.
#[derive(Debug, Clone, Copy)]
pub(super) struct DueDiff {
    pub(super) due: Timestamp,
    operation: ObjectId,
    file: ObjectId,
    /// Of the file: whose seats hear of it.
    author: PostingId,
    signer: PostingId,
    /// Who has it already.
    source: Option<NetworkId>,
}

impl Engine {
    /// An operation took effect, or is verified and waits: holders of its post are told, once.
    pub(in crate::node::engine) fn spread_operation(
        &mut self,
        now: Timestamp,
        operation: &Verified<Operation>,
        source: Option<ConnectionId>,
    ) {
        if source.is_some() && self.faults.has(Fault::PassesNothingOn) {
            return;
        }
        let id = operation.id();
        let Spread { diffs, diffs_seen, .. } = &mut self.spread;
        if diffs_seen.contains(&id) || diffs.len() >= DIFFS {
            return;
        }
        if diffs_seen.len() >= DIFFS_SEEN {
            diffs_seen.pop_front();
        }
        diffs_seen.push_back(id);
        let target = operation.content().target();
        let source = source.and_then(|id| self.connections.get(&id)).map(|connection| connection.peer);
        diffs.push(DueDiff {
            due: now,
            operation: id,
            file: target.post,
            author: target.author,
            signer: operation.content().author(),
            source,
        });
    }

    /// Pushes the operations that are due, those for one peer together; of our own personas one's, the others' a little
    /// later.
    pub(super) fn send_diffs(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let now = step.now;
        let (due, mut later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.spread.diffs).into_iter().partition(|diff| diff.due <= now);
        let mut batches: std::collections::BTreeMap<NetworkId, Vec<Item>> = std::collections::BTreeMap::new();
        for diff in due {
            if !self.may_cause(diff.signer) {
                later.push(DueDiff { due: now.after(step.within(OWN_WAIT)), ..diff });
                continue;
            }
            // Deleted or evicted meanwhile: nothing is left to tell.
            let Some(key) = step.store.find_object(diff.operation)? else { continue };
            let item = Item::from(step.store.get_envelope(key)?);
            if item.is_empty() || item.len() > DIFF_BYTES {
                continue;
            }
            for peer in self.holders(step, diff.file, diff.author)? {
                if Some(peer) != diff.source && self.spread.near.contains_key(&peer) {
                    batches.entry(peer).or_default().push(item.clone());
                    self.note_given(step, peer, diff.file)?;
                }
            }
        }
        self.spread.diffs = later;
        for (peer, items) in batches {
            let Some(connection) = self.connections_with(peer).next() else { continue };
            for items in frames_of(items) {
                step.push(Effect::Push { connection, message: Message::HeaderDiff(items) });
            }
        }
        Ok(())
    }

    /// Whom to tell of changes around a file: the author's seats, then others known to have it, the one last dealt with
    /// first.
    fn holders(
        &self,
        step: &Step<'_, '_>,
        file: ObjectId,
        author: PostingId,
    ) -> Result<Vec<NetworkId>, DbError> {
        let mut holders: Vec<NetworkId> = self.spread.seats(author).collect();
        for peer in step.store.list_file_holders(file)? {
            if !holders.contains(&peer) {
                holders.push(peer);
            }
        }
        holders.truncate(FILE_HOLDERS);
        Ok(holders)
    }

    /// A peer pushed operations; what is here already was dropped, the rest was checked.
    pub(in crate::node::engine) fn diff_received(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        items: Vec<Checked>,
    ) -> Result<(), DbError> {
        let Some(peer) =
            self.connections.get(&id).filter(|known| known.row().is_some()).map(|known| known.peer)
        else {
            return Ok(());
        };
        let mut offence = items.iter().find_map(Checked::offence);
        for item in items {
            match item {
                Checked::Object(Object::Operation(operation)) => {
                    let target = operation.content().target();
                    let is_new = step.store.have(operation.id())? == Have::Missing;
                    if !is_new || !self.interest.list.contains(target.author) {
                        continue;
                    }
                    self.take_in(step, &Object::Operation(operation), Some(id))?;
                    self.note_taken(step, peer, &[target.post])?;
                    let delivered = Happened::Delivered(peer, NewsCopy::First);
                    self.topic_happens(step, target.author, delivered)?;
                }
                // Nobody pushes anything but operations.
                Checked::Object(_) => offence = offence.or(Some(Offence::Unasked)),
                Checked::Refused(id) => step.store.insert_refused(id)?,
                Checked::UnknownKind(_) | Checked::Forged | Checked::Unasked => {}
            }
        }
        match offence {
            Some(offence) => self.offended(step, id, offence),
            None => Ok(()),
        }
    }
}

/// Items shared out over frames of at most [`DIFF_ITEMS`] and [`DIFF_BYTES`].
fn frames_of(items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut frames: Vec<Vec<Item>> = Vec::new();
    let mut bytes = 0_usize;
    for item in items {
        let size = item.len();
        match frames.last_mut() {
            Some(last) if last.len() < DIFF_ITEMS && bytes.saturating_add(size) <= DIFF_BYTES => {
                bytes = bytes.saturating_add(size);
                last.push(item);
            }
            _ => {
                bytes = size;
                frames.push(vec![item]);
            }
        }
    }
    frames
}
