//! The promises of the pull, checked after every step, at every start, and when everything has come to rest.
//!
//! - A cursor never passes what is neither stored, held, refused, replaced nor remembered as having made room here, nor
//!   part of a deleted post, unless it is noted that the author's logs are read again; nor the end of the log it belongs to.
//! - No file has more holders in the store than allowed, and no author more seats.
//! - A number of the log that peers have seen as passed is never given again.
//! - Nothing on the stem of a node can be seen by a peer.
//! - What a person was told is done is on the disk, whatever happens afterwards.
//! - At rest, nothing is on a stem, and every sealed post that was made is in the pool of every node that has room.
//! - At rest, whoever commented has a name here if a neighbour knows it.
//! - At rest, every node wants what its neighbours want and has what they have of it, each post of a followed author
//!   exactly once in its feed and none of one that is only carried, and a connection with every node it knows.

use std::collections::{BTreeMap, BTreeSet};

use super::node::NodeIndex;
use super::world::World;
use super::{Broken, Report, Violation};
use crate::db::Read;
use crate::db::audit::{KnownCursor, KnownSealedCursor};
use crate::db::objects::Have;
use crate::db::peers::PeerRow;
use crate::domain::envelope::{Content, Kind};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::log::Seq;
use crate::domain::manifest::Manifest;
use crate::domain::operation::Operation;
use crate::domain::profile::{Profile, replaces};
use crate::limits::{CLOCK_AHEAD, INTEREST_IDS, KNOWN_PEERS};
use crate::node::engine::Quotas;
use crate::node::engine::answer::epoch_for;
use crate::node::wire::Page;

/// Beyond the end of every log.
const LAST: Seq = match Seq::new(i64::MAX.unsigned_abs()) {
    Some(last) => last,
    None => Seq::START,
};

/// What the checks remember of a node.
#[derive(Default)]
pub(super) struct Seen {
    /// The last number of its log.
    last: Seq,
    /// The highest number peers were told, by the secret that names the log.
    told: BTreeMap<[u8; 32], Seq>,
    /// Its cursors.
    cursors: BTreeMap<(NetworkId, PostingId), KnownCursor>,
    /// The same three of the log of sealed posts.
    last_sealed: Seq,
    told_sealed: BTreeMap<[u8; 32], Seq>,
    sealed_cursors: BTreeMap<NetworkId, KnownSealedCursor>,
    /// How many rows its connection had changed when it was looked at last.
    changes: Option<u64>,
    /// Whether this life's first commit is done: before it the log may end earlier than peers know.
    is_settled: bool,
}

/// Where a node's log stands.
struct Log {
    epoch: [u8; 32],
    last: Seq,
    last_sealed: Seq,
}

impl World {
    fn log(&mut self, index: NodeIndex) -> Option<Log> {
        self.nodes[index].read(|read| {
            let (last, last_sealed) = (read.get_last_seq()?, read.get_last_sealed_seq()?);
            Ok(Log { epoch: read.get_epoch_secret()?, last, last_sealed })
        })
    }

    /// Remembers how far a page says a log was read.
    pub(super) fn note_told(&mut self, index: NodeIndex, page: &Page) {
        let Some(Log { epoch, .. }) = self.log(index) else { return };
        let upto = page.ends.iter().map(|end| end.upto).max().unwrap_or_default();
        let told = self.nodes[index].seen.told.entry(epoch).or_default();
        *told = upto.max(*told);
        if let Some(sealed) = page.sealed {
            let told = self.nodes[index].seen.told_sealed.entry(epoch).or_default();
            *told = sealed.upto.max(*told);
        }
    }

    /// Checks what a commit of this node may have broken.
    pub(super) fn check_step(&mut self, index: NodeIndex) -> Result<(), Violation> {
        self.nodes[index].seen.is_settled = true;
        let changes = self.nodes[index].read(|read| Ok(read.count_changes()));
        // Rows that are as they were when all held break nothing.
        if changes == self.nodes[index].seen.changes {
            return Ok(());
        }
        self.nodes[index].seen.changes = changes;
        self.check_numbers(index)?;
        self.check_quotas(index)?;
        self.check_stem(index)?;
        if self.nodes[index].read(|read| read.holders_are_few()) == Some(false) {
            return Err(self.broken(index, Broken::TooManyHolders));
        }
        self.check_cursors(index)
    }

    /// Checks a store as it is found at a start.
    pub(super) fn check_store(&mut self, index: NodeIndex) -> Result<(), Violation> {
        let Some(log) = self.log(index) else { return Ok(()) };
        let seen = &mut self.nodes[index].seen;
        (seen.last, seen.last_sealed, seen.is_settled) = (log.last, log.last_sealed, false);
        seen.changes = None;
        seen.cursors.clear();
        seen.sealed_cursors.clear();
        self.check_acknowledged(index)?;
        self.check_counts(index)?;
        self.check_cursors(index)
    }

    fn check_quotas(&mut self, index: NodeIndex) -> Result<(), Violation> {
        let Quotas { followed, stranger, strangers, pool, pool_peer, pool_prefix, .. } =
            self.nodes[index].quotas;
        let quotas = [followed, stranger, strangers, pool, pool_peer, pool_prefix];
        match self.nodes[index].read(|read| read.is_over_quota(quotas)) {
            Some(true) => Err(self.broken(index, Broken::OverQuota)),
            _ => Ok(()),
        }
    }

    /// Nothing on the stem is in the log, is said to be here, or is given to who asks for it.
    fn check_stem(&mut self, index: NodeIndex) -> Result<(), Violation> {
        let shown = |read: Read<'_>| {
            for row in read.list_stem()? {
                let id = row.object_id;
                if read.have(id)? != Have::Missing || read.find_servable(id)?.is_some() {
                    return Ok(Some(id));
                }
            }
            Ok(None)
        };
        match self.nodes[index].read(shown).flatten() {
            Some(id) => Err(self.broken(index, Broken::StemShown { id })),
            None => Ok(()),
        }
    }

    /// At rest nothing is on the stem, and what was made is where there is room for it.
    fn check_sealed(&mut self, index: NodeIndex) -> Result<(), Violation> {
        let stem = self.nodes[index].read(|read| read.list_stem()).unwrap_or_default();
        if let Some(row) = stem.first() {
            return Err(self.broken(index, Broken::StuckOnStem { id: row.object_id }));
        }
        // One without room may let a post go before anybody asked for it.
        let have_room = self.nodes.iter().all(|node| node.quotas == Quotas::default());
        for maker in 0..self.nodes.len() {
            for id in self.nodes[maker].sealed.clone() {
                if (maker == index || have_room) && self.lacks(index, id) {
                    return Err(self.broken(maker, Broken::SealedLost { id }));
                }
            }
        }
        Ok(())
    }

    fn check_counts(&mut self, index: NodeIndex) -> Result<(), Violation> {
        match self.nodes[index].read(|read| read.counts_are_right()) {
            Some(false) => Err(self.broken(index, Broken::Miscounted)),
            _ => Ok(()),
        }
    }

    fn check_numbers(&mut self, index: NodeIndex) -> Result<(), Violation> {
        let Some(Log { epoch, last, last_sealed }) = self.log(index) else { return Ok(()) };
        let seen = &self.nodes[index].seen;
        let (before, told) = (seen.last_sealed, seen.told_sealed.get(&epoch).copied().unwrap_or_default());
        if last_sealed != before {
            let new = self.nodes[index].read(|read| read.list_sealed(before, last_sealed, usize::MAX));
            if let Some(post) = new.unwrap_or_default().into_iter().find(|post| post.seq <= told) {
                return Err(self.broken(index, Broken::SeqGivenTwice { seq: post.seq, told }));
            }
            self.nodes[index].seen.last_sealed = last_sealed;
        }
        let seen = &self.nodes[index].seen;
        let (before, told) = (seen.last, seen.told.get(&epoch).copied().unwrap_or_default());
        if last != before {
            let new = self.nodes[index].read(|read| read.list_log(before)).unwrap_or_default();
            if let Some(seq) = new.into_iter().find(|seq| *seq <= told) {
                return Err(self.broken(index, Broken::SeqGivenTwice { seq, told }));
            }
            self.nodes[index].seen.last = last;
        }
        Ok(())
    }

    fn check_cursors(&mut self, index: NodeIndex) -> Result<(), Violation> {
        let cursors = self.nodes[index].read(|read| read.list_known_cursors()).unwrap_or_default();
        let mut before = std::mem::take(&mut self.nodes[index].seen.cursors);
        for cursor in cursors {
            let known = before.remove(&(cursor.peer, cursor.author));
            if known != Some(cursor) {
                let from = known.filter(|known| known.epoch == cursor.epoch && known.since < cursor.since);
                self.check_cursor(index, &cursor, from.map(|known| known.since).unwrap_or_default())?;
            }
            self.nodes[index].seen.cursors.insert((cursor.peer, cursor.author), cursor);
        }
        let cursors = self.nodes[index].read(|read| read.list_known_sealed_cursors()).unwrap_or_default();
        let mut before = std::mem::take(&mut self.nodes[index].seen.sealed_cursors);
        for cursor in cursors {
            let known = before.remove(&cursor.peer);
            if known != Some(cursor) {
                let from = known.filter(|known| known.epoch == cursor.epoch && known.since < cursor.since);
                self.check_sealed_cursor(index, &cursor, from.map(|known| known.since).unwrap_or_default())?;
            }
            self.nodes[index].seen.sealed_cursors.insert(cursor.peer, cursor);
        }
        Ok(())
    }

    /// The same as for authors: everything between `from` and the cursor is done.
    fn check_sealed_cursor(
        &mut self,
        index: NodeIndex,
        cursor: &KnownSealedCursor,
        from: Seq,
    ) -> Result<(), Violation> {
        let us = self.nodes[index].network_id;
        let Some(peer) = self.nodes.iter().position(|node| node.network_id == cursor.peer) else {
            return Ok(());
        };
        let Some(log) = self.log(peer) else { return Ok(()) };
        let (since, last) = (cursor.since, log.last_sealed);
        if cursor.epoch != Some(epoch_for(&log.epoch, us).0) {
            return Ok(());
        }
        if since > last && self.nodes[peer].seen.is_settled {
            return Err(self.broken(index, Broken::CursorBeyondLog { since, last }));
        }
        let passed =
            self.nodes[peer].read(|read| read.list_sealed(from, since, usize::MAX)).unwrap_or_default();
        match passed.into_iter().find(|post| self.lacks(index, post.object_id)) {
            Some(post) if cursor.again.is_none() => {
                Err(self.broken(index, Broken::CursorPasses { since, id: post.object_id }))
            }
            _ => Ok(()),
        }
    }

    fn lacks(&mut self, index: NodeIndex, id: ObjectId) -> bool {
        self.nodes[index].read(|read| read.have(id)) == Some(Have::Missing)
    }

    /// Checks that everything between `from` and the cursor is done.
    fn check_cursor(&mut self, index: NodeIndex, cursor: &KnownCursor, from: Seq) -> Result<(), Violation> {
        let us = self.nodes[index].network_id;
        let Some(peer) = self.nodes.iter().position(|node| node.network_id == cursor.peer) else {
            return Ok(());
        };
        let Some(log) = self.log(peer) else { return Ok(()) };
        if cursor.epoch != Some(epoch_for(&log.epoch, us).0) {
            return Ok(());
        }
        if cursor.since > log.last && self.nodes[peer].seen.is_settled {
            return Err(self.broken(index, Broken::CursorBeyondLog { since: cursor.since, last: log.last }));
        }
        let passed = self.nodes[peer]
            .read(|read| read.list_log_of(cursor.author, from, cursor.since))
            .unwrap_or_default();
        for id in passed {
            let is_missing = self.nodes[index].read(|read| read.have(id)) == Some(Have::Missing);
            if is_missing
                && !self.is_deferred(index, cursor.author)
                && !self.is_replaced(peer, id)
                && !self.is_orphan(peer, id)
            {
                return Err(self.broken(index, Broken::CursorPasses { since: cursor.since, id }));
            }
        }
        Ok(())
    }

    /// Whether an author's logs are going to be read again: something had to wait and could not.
    fn is_deferred(&mut self, index: NodeIndex, author: PostingId) -> bool {
        let find = |read: Read<'_>| match read.find_author(author)? {
            Some(author) => read.find_deferred(author),
            None => Ok(None),
        };
        self.nodes[index].read(find).flatten().is_some()
    }

    /// Whether something in a peer's log is an older version of what is anywhere. A peer that lost its power may have gone
    /// back to a version that had left its log before it was read; the newer one comes to it again, and from it to others.
    fn is_replaced(&mut self, peer: NodeIndex, id: ObjectId) -> bool {
        let manifest = self.decoded(peer, id, Kind::Manifest, Manifest::decode);
        let profile = self.decoded(peer, id, Kind::Profile, Profile::decode);
        let manifest = manifest.map(|old| (old.author(), old.sequence()));
        let profile = profile.map(|old| (old.author(), old.sequence()));
        let Some((author, sequence)) = manifest.or(profile) else { return false };
        let current = |read: Read<'_>| {
            let Some(author) = read.find_author(author)? else { return Ok(None) };
            if profile.is_some() {
                return Ok(read.find_profile(author)?.map(|current| (current.sequence, current.object_id)));
            }
            Ok(read.find_manifest(author)?.map(|current| (current.sequence, current.object_id)))
        };
        let is_newer = |current| replaces(current, (sequence, id));
        self.nodes.iter_mut().any(|node| node.read_even_off(current).flatten().is_some_and(is_newer))
    }

    /// Whether something in a peer's log belongs to a post that its author has deleted. It may be back there in the same
    /// way; it goes again with the post when the tombstone comes again.
    fn is_orphan(&mut self, peer: NodeIndex, id: ObjectId) -> bool {
        let operation = self.decoded(peer, id, Kind::Operation, Operation::decode);
        operation.is_some_and(|operation| self.deleted.contains(&operation.target().post))
    }

    /// What a peer has of this kind under this id.
    fn decoded<T, E>(
        &mut self,
        peer: NodeIndex,
        id: ObjectId,
        kind: Kind,
        decode: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Option<T> {
        let envelope_of =
            |read: Read<'_>| read.find_object(id)?.map(|key| read.get_envelope(key)).transpose();
        let envelope = self.nodes[peer].read(envelope_of).flatten()?;
        (envelope.kind == kind).then(|| decode(&envelope.bytes).ok()).flatten()
    }

    fn check_acknowledged(&mut self, index: NodeIndex) -> Result<(), Violation> {
        for at in 0..self.acknowledged.len() {
            let (node, id) = self.acknowledged[at];
            if node == index && self.nodes[index].read(|read| read.have(id)) == Some(Have::Missing) {
                return Err(self.broken(index, Broken::AcknowledgedLost { id }));
            }
        }
        Ok(())
    }

    /// Checks everything once everything has come to rest.
    pub(super) fn check_end(mut self) -> Result<Report, Violation> {
        for index in 0..self.nodes.len() {
            self.nodes[index].seen.cursors.clear();
            self.nodes[index].seen.sealed_cursors.clear();
            self.check_acknowledged(index)?;
            self.check_cursors(index)?;
            self.check_connections(index)?;
            self.check_feed(index)?;
            self.check_sealed(index)?;
        }
        for at in 0..self.links.len() {
            if self.links[at].is_alive {
                let [a, b] = self.links[at].nodes();
                self.check_neighbours(a, b)?;
                self.check_neighbours(b, a)?;
                self.check_names(a, b)?;
                self.check_names(b, a)?;
            }
        }
        Ok(self.report)
    }

    fn check_connections(&mut self, index: NodeIndex) -> Result<(), Violation> {
        let known = self.nodes[index].read(|read| read.list_peers(KNOWN_PEERS)).unwrap_or_default();
        for PeerRow { network_id, .. } in known {
            let Some(peer) = self.nodes.iter().position(|node| node.network_id == network_id) else {
                continue;
            };
            let are_connected = self
                .links
                .iter()
                .any(|link| link.is_alive && link.nodes().contains(&index) && link.nodes().contains(&peer));
            if !are_connected {
                return Err(self.broken(index, Broken::NotConnected { peer }));
            }
        }
        Ok(())
    }

    fn posts(&mut self, index: NodeIndex) -> BTreeSet<(PostingId, ObjectId)> {
        self.nodes[index].read(|read| read.list_posts()).unwrap_or_default().into_iter().collect()
    }

    /// Whom a node's personas are and follow.
    fn followed(&mut self, index: NodeIndex) -> BTreeSet<PostingId> {
        let list = self.nodes[index].read(|read| read.list_interest(INTEREST_IDS)).unwrap_or_default();
        list.into_iter().map(|(id, _)| id).collect()
    }

    /// Whom a node wants: for its persons, or for the nodes around.
    fn wanted(&mut self, index: NodeIndex) -> BTreeSet<PostingId> {
        let carried = self.nodes[index].read(|read| read.list_carried(INTEREST_IDS)).unwrap_or_default();
        let mut wanted = self.followed(index);
        wanted.extend(carried.into_iter().map(|row| row.posting_id));
        wanted
    }

    /// Whether something that `other` has lies ahead of this node's clock: where there is no room for it to wait it is
    /// asked for again when its time has come.
    fn lies_ahead(&mut self, index: NodeIndex, other: NodeIndex, id: ObjectId) -> bool {
        let latest = self.nodes[index].clock(self.now).after(CLOCK_AHEAD);
        let created = self.nodes[other].read(|read| match read.find_object(id)? {
            Some(key) => Ok(Some(read.get_object(key)?.created)),
            None => Ok(None),
        });
        created.flatten().is_some_and(|created| created > latest)
    }

    /// What `other` wants is wanted here, and what it has of the authors `index` wants must be here: with that true for
    /// all neighbours, whatever anybody wants comes to it over any nodes between.
    fn check_neighbours(&mut self, index: NodeIndex, other: NodeIndex) -> Result<(), Violation> {
        let (wanted, here, there) = (self.wanted(index), self.posts(index), self.posts(other));
        let wishes = self.wanted(other);
        if let Some(author) = wishes.difference(&wanted).next().filter(|_| wanted.len() < INTEREST_IDS) {
            return Err(self.broken(index, Broken::NotCarried { author: *author }));
        }
        let pool = self.nodes[other].read(|read| read.list_sealed(Seq::START, LAST, usize::MAX));
        if let Some(post) =
            pool.unwrap_or_default().into_iter().find(|post| self.lacks(index, post.object_id))
        {
            return Err(self.broken(index, Broken::NotConverged { id: post.object_id }));
        }
        let operations = self.nodes[other].read(|read| read.list_operations()).unwrap_or_default();
        let there = there.difference(&here).copied().chain(operations);
        for (_, id) in there.filter(|(author, _)| wanted.contains(author)) {
            // Held back counts as here: it lies in the future of this clock.
            if self.nodes[index].read(|read| read.have(id)) == Some(Have::Missing)
                && !self.lies_ahead(index, other, id)
            {
                return Err(self.broken(index, Broken::NotConverged { id }));
            }
        }
        Ok(())
    }

    /// Who commented here has a name if `other` knows it, unless there is hardly any room.
    pub(super) fn check_names(&mut self, index: NodeIndex, other: NodeIndex) -> Result<(), Violation> {
        if self.nodes[index].quotas != Quotas::default() {
            return Ok(());
        }
        let unnamed = self.nodes[index].read(|read| read.list_unnamed_commenters()).unwrap_or_default();
        for author in unnamed {
            let Some(id) = self.nodes[other].read(|read| read.find_profile_id(author)).flatten() else {
                continue;
            };
            let is_missing = self.nodes[index].read(|read| read.have(id)) == Some(Have::Missing);
            if is_missing && !self.lies_ahead(index, other, id) {
                return Err(self.broken(index, Broken::Nameless { author }));
            }
        }
        Ok(())
    }

    fn check_feed(&mut self, index: NodeIndex) -> Result<(), Violation> {
        self.check_counts(index)?;
        let (followed, posts) = (self.followed(index), self.posts(index));
        let rows = self.nodes[index].read(|read| read.list_feed_ids()).unwrap_or_default();
        let mut feed = BTreeSet::new();
        for id in rows {
            if !feed.insert(id) {
                return Err(self.broken(index, Broken::NotOnceInFeed { id }));
            }
        }
        if let Some((_, id)) =
            posts.iter().find(|(author, id)| followed.contains(author) && !feed.contains(id))
        {
            return Err(self.broken(index, Broken::NotOnceInFeed { id: *id }));
        }
        // Who was never followed here stands in no feed, whatever is carried.
        let strange = |author: &PostingId| !self.ever_followed.contains(&(index, *author));
        match posts.iter().find(|(author, id)| strange(author) && feed.contains(id)) {
            Some((_, id)) => Err(self.broken(index, Broken::CarriedInFeed { id: *id })),
            None => Ok(()),
        }
    }
}
