//! Manifests: raised with every post, pushed in their short form to the author's seats, fetched with the newest post from
//! whoever pushed, and passed on once.
//!
//! A push carries no signature: it is a hint, and costs a hundred bytes however often it comes. The receiver fetches the
//! manifest and the newest post together, so that one round trip brings both and whoever passes the push on can also
//! serve what it announces. A false push costs its sender's connection one fetch and spreads no further.

use std::collections::BTreeSet;
use std::time::Duration;

use super::topic::{Happened, NewsCopy};
use super::{DuePush, OWN_WAIT, PutOff};
use crate::crypto::keys::PostingKey;
use crate::db::objects::Have;
use crate::db::{Author, DbError, ObjectKey};
use crate::domain::envelope::{Content, Kind, Object, Verified};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::manifest::{Manifest, adds_to, is_sequence_ahead, merge_newest};
use crate::domain::profile::{next_sequence, replaces};
use crate::domain::time::Timestamp;
use crate::limits::{FILE_HOLDERS, MANIFEST_FETCHES, MANIFEST_POSTS, PROOF_TIME};
use crate::node::engine::answer::{Checked, Wanted};
use crate::node::engine::connection::Prompt;
use crate::node::engine::{ConnectionId, Effect, Engine, Fault, RequestId, Step};
use crate::node::wire::{ManifestPush, Message};

/// Fetches under way; what is pushed meanwhile comes by pulls.
const FETCHES: usize = 64;
/// Other peers remembered that pushed the same manifest, to be asked when the first one fails.
const OTHERS: usize = 4;
/// How long a replaced manifest is served: a page that was sent before may have offered it.
const REPLACED_KEPT: Duration = Duration::from_mins(10);
/// Longest wait before a manifest of ours that another store made is merged and passed on.
const MERGE_WAIT: Duration = Duration::from_secs(30);

/// A fetch that a push led to.
#[derive(Debug)]
pub(super) struct Fetching {
    push: ManifestPush,
    connection: ConnectionId,
    stage: Stage,
    /// Who else pushed it.
    others: Vec<ConnectionId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The manifest and its newest post.
    Manifest,
    /// Further posts it lists.
    Posts,
}

impl Engine {
    /// A persona's newest posts changed: signs a manifest that says so, unless the last one does.
    pub(in crate::node::engine) fn raise_manifest(
        &mut self,
        step: &mut Step<'_, '_>,
        key: &PostingKey,
    ) -> Result<(), DbError> {
        let author = step.store.intern_author(key.posting_id())?;
        let here = step.store.list_newest_posts(author, MANIFEST_POSTS)?;
        let last = step.store.find_manifest(author)?;
        let listed = match &last {
            Some(last) => listed_in(step, last.object)?,
            None => Vec::new(),
        };
        let mut unseen = BTreeSet::new();
        for id in &listed {
            if step.store.find_object(*id)?.is_none() {
                unseen.insert(*id);
            }
        }
        let newest = merge_newest(&here, &listed, |id| !unseen.contains(&id));
        if !adds_to(&newest, &listed) {
            return Ok(());
        }
        let sequence = next_sequence(last.map(|last| last.sequence), step.now);
        let previous = last.map(|last| last.object_id);
        let manifest = Manifest::new(key.posting_id(), step.now, sequence, newest, previous);
        self.take_in(step, &Object::Manifest(Box::new(key.sign(&manifest))), None)?;
        Ok(())
    }

    /// A manifest is stored and not held back: the newest one replaces the last and is passed on.
    pub(in crate::node::engine) fn manifest_arrived(
        &mut self,
        step: &mut Step<'_, '_>,
        author: Author,
        key: ObjectKey,
        manifest: &Verified<Manifest>,
        source: Option<ConnectionId>,
    ) -> Result<bool, DbError> {
        let content = manifest.content();
        if let Some(current) = step.store.find_manifest(author)? {
            if !replaces((content.sequence(), manifest.id()), (current.sequence, current.object_id)) {
                step.store.insert_replaced_manifest(key, step.now)?;
                return Ok(false);
            }
            step.store.delete_arrival(current.object)?;
            step.store.insert_replaced_manifest(current.object, step.now)?;
            step.store.hollow_manifests(step.now.before(REPLACED_KEPT))?;
        }
        step.store.insert_arrival(author, key, Kind::Manifest)?;
        step.store.replace_manifest(author, content.sequence(), key)?;
        let posting_id = content.author();
        let source = source.and_then(|id| self.connections.get(&id)).map(|connection| connection.peer);
        let mut due = step.now;
        if source.is_some() && self.personas.contains(&posting_id) {
            // Made by another device of ours, or by this one before a copy was put back.
            due = step.now.after(step.within(OWN_WAIT));
            self.merge_later(step, posting_id);
        }
        if source.is_none() || !self.faults.has(Fault::PassesNothingOn) {
            self.spread.pushes.insert(posting_id, DuePush { due, source });
        }
        Ok(true)
    }

    /// Lets a persona's manifest be looked at again, at a time of its own.
    pub(super) fn merge_later(&mut self, step: &mut Step<'_, '_>, persona: PostingId) {
        let due = step.now.after(OWN_WAIT).after(step.within(MERGE_WAIT));
        self.spread.merges.entry(persona).or_insert(due);
    }

    /// Merges what is due, one persona in a step.
    pub(super) fn merge_due(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let now = step.now;
        let due = self.spread.merges.iter().find(|(_, due)| **due <= now).map(|(persona, _)| *persona);
        let Some(persona) = due else { return Ok(()) };
        self.spread.merges.remove(&persona);
        for other in self.spread.merges.values_mut().filter(|due| **due <= now) {
            *other = now.after(step.within(OWN_WAIT));
        }
        match self.keys.get(&persona).map(std::sync::Arc::clone) {
            Some(key) => self.raise_manifest(step, &key),
            None => Ok(()),
        }
    }

    /// Pushes the manifests that are due; of our own personas one, the others a little later.
    pub(super) fn push_due(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let now = step.now;
        let due: Vec<PostingId> = self
            .spread
            .pushes
            .iter()
            .filter(|(_, push)| push.due <= now)
            .map(|(author, _)| *author)
            .collect();
        for author in due {
            if !self.may_cause(author) {
                let later = now.after(step.within(OWN_WAIT));
                if let Some(push) = self.spread.pushes.get_mut(&author) {
                    push.due = later;
                }
                continue;
            }
            let Some(DuePush { source, .. }) = self.spread.pushes.remove(&author) else { continue };
            let holders = self.manifest_holders(step, author)?;
            let targets: Vec<NetworkId> = holders.into_iter().filter(|peer| Some(*peer) != source).collect();
            self.push_to(step, author, &targets)?;
        }
        Ok(())
    }

    /// Pushes an author's newest manifest to those of these peers that are connected.
    pub(super) fn push_to(
        &mut self,
        step: &mut Step<'_, '_>,
        author: PostingId,
        peers: &[NetworkId],
    ) -> Result<(), DbError> {
        let Some(row) = step.store.find_author(author)? else { return Ok(()) };
        let Some(current) = step.store.find_manifest(row)? else { return Ok(()) };
        let newest = listed_in(step, current.object)?.first().copied();
        let push = ManifestPush { author, sequence: current.sequence, newest, manifest: current.object_id };
        for peer in peers {
            let connection = self.connections_with(*peer).next();
            if let (Some(connection), true) = (connection, self.spread.near.contains_key(peer)) {
                step.push(Effect::Push { connection, message: Message::ManifestPush(push) });
            }
        }
        Ok(())
    }

    /// A peer says that an author published.
    pub(in crate::node::engine) fn manifest_pushed(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        push: ManifestPush,
    ) -> Result<(), DbError> {
        let Some(connection) = self.connections.get(&id).filter(|known| known.row().is_some()) else {
            return Ok(());
        };
        let peer = connection.peer;
        if !self.interest.list.contains(push.author) || is_sequence_ahead(push.sequence, step.now) {
            return Ok(());
        }
        self.topic_happens(step, push.author, Happened::Pushed(peer))?;
        let current = match step.store.find_author(push.author)? {
            Some(author) => step.store.find_manifest(author)?,
            None => None,
        };
        if let Some(current) = current {
            if current.object_id == push.manifest {
                if current.received.after(PROOF_TIME) >= step.now {
                    let copy = Happened::Delivered(peer, NewsCopy::Later);
                    self.topic_happens(step, push.author, copy)?;
                }
                return Ok(());
            }
            if current.sequence > push.sequence {
                // It missed something.
                let due = step.now.after(step.within(OWN_WAIT));
                self.put_off(due, PutOff::Push(peer, push.author));
                return Ok(());
            }
        }
        if step.store.have(push.manifest)? != Have::Missing {
            return Ok(());
        }
        let same = self.spread.fetches.values_mut().find(|fetching| fetching.push.manifest == push.manifest);
        if let Some(fetching) = same {
            if fetching.others.len() < OTHERS {
                fetching.others.push(id);
            }
            return Ok(());
        }
        self.fetch_manifest(step, id, push, Vec::new())
    }

    fn fetch_manifest(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        push: ManifestPush,
        others: Vec<ConnectionId>,
    ) -> Result<(), DbError> {
        let mut ids = vec![push.manifest];
        if let Some(newest) = push.newest
            && step.store.have(newest)? == Have::Missing
        {
            ids.push(newest);
        }
        self.start_fetch(step, ids, Fetching { push, connection: id, stage: Stage::Manifest, others });
        Ok(())
    }

    fn start_fetch(&mut self, step: &mut Step<'_, '_>, ids: Vec<ObjectId>, fetching: Fetching) {
        if self.spread.fetches.len() >= FETCHES {
            return;
        }
        let (connection, request) = (fetching.connection, self.new_request());
        self.spread.fetches.insert(request, fetching);
        step.push(Effect::Fetch { connection, request, wanted: Wanted::Objects(ids) });
    }

    /// What a fetch of ours brought, if anything.
    pub(in crate::node::engine) fn fetched(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        request: RequestId,
        items: Vec<Checked>,
    ) -> Result<(), DbError> {
        let fetching = self.spread.fetches.remove(&request);
        let offence = items.iter().find_map(Checked::offence);
        let files: Vec<ObjectId> = items.iter().filter_map(Checked::post_id).collect();
        let source = self.connections.get(&id).map(|connection| connection.peer);
        let taken = self.take_in_all(step, items, Some(id))?;
        if let Some(peer) = source {
            if taken.posts > 0 {
                self.keep_peer(step, peer)?;
            }
            self.note_taken(step, peer, &files)?;
        }
        self.note_synced_items(id, taken.posts);
        if let Some(offence) = offence {
            self.offended(step, id, offence)?;
        }
        let Some(Fetching { push, stage, others, .. }) = fetching else { return Ok(()) };
        if stage == Stage::Posts {
            return Ok(());
        }
        let Some(object) = step.store.find_object(push.manifest)? else {
            return self.fetch_from_others(step, push, others);
        };
        if let Some(peer) = source {
            self.topic_happens(step, push.author, Happened::Delivered(peer, NewsCopy::First))?;
        }
        let mut missing = Vec::new();
        for listed in listed_in(step, object)? {
            if Some(listed) != push.newest && step.store.have(listed)? == Have::Missing {
                missing.push(listed);
            }
        }
        if missing.len() > MANIFEST_FETCHES
            && let Some(connection) = self.connections.get_mut(&id)
        {
            // More than a few are missing: the log has them in order.
            connection.news_received(step.now, Prompt::News);
        }
        missing.truncate(MANIFEST_FETCHES);
        if !missing.is_empty() && self.connections.contains_key(&id) {
            let fetching = Fetching { push, connection: id, stage: Stage::Posts, others: Vec::new() };
            self.start_fetch(step, missing, fetching);
        }
        Ok(())
    }

    fn fetch_from_others(
        &mut self,
        step: &mut Step<'_, '_>,
        push: ManifestPush,
        mut others: Vec<ConnectionId>,
    ) -> Result<(), DbError> {
        others.retain(|other| self.connections.contains_key(other));
        match others.pop() {
            Some(next) => self.fetch_manifest(step, next, push, others),
            None => Ok(()),
        }
    }

    /// Fetches on a connection that is gone go on elsewhere.
    pub(super) fn fetches_lost(&mut self, step: &mut Step<'_, '_>, id: ConnectionId) -> Result<(), DbError> {
        let lost: Vec<_> =
            self.spread.fetches.extract_if(.., |_, fetching| fetching.connection == id).collect();
        for (_, fetching) in lost {
            if let Fetching { push, stage: Stage::Manifest, others, .. } = fetching {
                self.fetch_from_others(step, push, others)?;
            }
        }
        Ok(())
    }

    /// Whom to tell of an author's manifest: the seats, or in the control whoever last dealt with the newest posts.
    fn manifest_holders(&self, step: &Step<'_, '_>, author: PostingId) -> Result<Vec<NetworkId>, DbError> {
        if !self.is_plain_lru() {
            return Ok(self.spread.seats(author).collect());
        }
        let Some(row) = step.store.find_author(author)? else { return Ok(Vec::new()) };
        let mut holders = Vec::new();
        for post in step.store.list_newest_posts(row, 2)? {
            for peer in step.store.list_file_holders(post)? {
                if !holders.contains(&peer) {
                    holders.push(peer);
                }
            }
        }
        holders.truncate(FILE_HOLDERS);
        Ok(holders)
    }

    /// Valid news of these authors came from a peer, by a pull.
    pub(in crate::node::engine) fn news_delivered(
        &mut self,
        step: &mut Step<'_, '_>,
        peer: NetworkId,
        authors: &BTreeSet<PostingId>,
    ) -> Result<(), DbError> {
        for author in authors {
            self.topic_happens(step, *author, Happened::Delivered(peer, NewsCopy::First))?;
        }
        Ok(())
    }
}

/// The posts a stored manifest lists.
fn listed_in(step: &Step<'_, '_>, object: ObjectKey) -> Result<Vec<ObjectId>, DbError> {
    let bytes = step.store.get_envelope(object)?.bytes;
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let manifest =
        Manifest::decode(&bytes).map_err(|_was_good_once| DbError::DamagedRow { table: "objects" })?;
    Ok(manifest.newest().to_vec())
}

/// Until when a manifest is held back whose sequence lies ahead of the clock.
pub(in crate::node::engine) fn manifest_due(manifest: &Manifest, now: Timestamp) -> Option<Timestamp> {
    manifest.is_ahead_of(now).then(|| crate::node::engine::intake::sequence_due(manifest.sequence()))
}
