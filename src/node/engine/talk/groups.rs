//! Groups: who is in one by its roster, and what comes from members.
//!
//! A roster travels as signed versions by messages between two, each confirmed like any other, so that everybody comes to
//! have all of it. What comes in a thread the sender is not in is refused; as a version may be on its way that takes it
//! in, it is kept in memory for a while and looked at again with the next version.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::group_rows::{Circle, GroupRow, HeardChain, OwnChain};
use super::matching::is_followed;
use super::publishing::new_row;
use super::rows::{Conversation, Outgoing, StoredKind, StoredStanding, load_all};
use super::{Engine, Pair, Step, random_id};
use crate::crypto::data_key::DataKey;
use crate::crypto::keys::PostingKey;
use crate::db::{DbError, Read};
use crate::domain::conversation::{ConversationId, ThreadId};
use crate::domain::ids::{PostingId, RecipientTag};
use crate::domain::inner::{Inner, Reach, Said};
use crate::domain::roster::{Change, Membership, Roster, SignedVersion, Version};
use crate::domain::statement::Statement;
use crate::domain::time::Timestamp;
use crate::limits::{CONVERSATIONS, GROUPLESS_MESSAGES, MESSAGE_TEXT_BYTES, SLOT_MEMBERS};

/// A group or circle as one persona takes part in it.
pub(super) type Part = (PostingId, ThreadId);
/// A chain of somebody: the persona that follows it, where, whose, and its epoch.
pub(super) type Heard = (PostingId, ThreadId, PostingId, u32);

/// What is kept in memory about groups and circles: all of it but `waiting` stands in the store as well.
#[derive(Default)]
pub(super) struct Groups {
    pub(super) rosters: BTreeMap<ConversationId, Known>,
    pub(super) own: BTreeMap<Part, OwnChain>,
    pub(super) heard: BTreeMap<Heard, HeardChain>,
    /// Which chains know a tag. All who have the key of a chain can give it out as one of theirs.
    tags: BTreeMap<RecipientTag, BTreeSet<Heard>>,
    pub(super) circles: BTreeMap<String, Circle>,
    /// What came before the version that lets it in. Not confirmed, so it is sent again when it is lost.
    waiting: VecDeque<(Pair, Inner)>,
}

/// A roster, and who is in the group by it.
pub(super) struct Known {
    pub(super) roster: Roster,
    pub(super) now: Membership,
}

/// How something said in a group came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// On a session of two.
    Session,
    /// On the sender's chain.
    Chain,
}

impl Groups {
    pub(super) fn load(read: Read<'_>, key: &DataKey) -> Result<Self, DbError> {
        let mut rosters = BTreeMap::new();
        for row in load_all::<GroupRow>(read, key)? {
            let mut roster = Roster::new(row.thread);
            for version in row.versions.iter().filter_map(|version| version.verify().ok()) {
                roster.insert(version);
            }
            let now = roster.fold();
            rosters.insert(ConversationId::of(row.me, row.thread), Known { roster, now });
        }
        let own = load_all::<OwnChain>(read, key)?;
        let circles = load_all::<Circle>(read, key)?;
        let mut groups = Self {
            rosters,
            own: own.into_iter().map(|row| ((row.me, row.thread), row)).collect(),
            heard: BTreeMap::new(),
            tags: BTreeMap::new(),
            circles: circles.into_iter().map(|row| (row.name.clone(), row)).collect(),
            waiting: VecDeque::new(),
        };
        for mut row in load_all::<HeardChain>(read, key)? {
            row.chain.watch();
            groups.follow(row);
        }
        Ok(groups)
    }

    /// Watches for the tags of a chain, which takes the place of what was known of it.
    pub(super) fn follow(&mut self, row: HeardChain) {
        let of = (row.me, row.thread, row.sender, row.chain.epoch());
        self.unfollow(&of);
        for tag in row.chain.tags() {
            self.tags.entry(tag).or_default().insert(of);
        }
        self.heard.insert(of, row);
    }

    /// Forgets a chain and its tags.
    pub(super) fn unfollow(&mut self, of: &Heard) -> Option<HeardChain> {
        let row = self.heard.remove(of)?;
        for tag in row.chain.tags() {
            if let Entry::Occupied(mut chains) = self.tags.entry(tag) {
                chains.get_mut().remove(of);
                if chains.get().is_empty() {
                    chains.remove();
                }
            }
        }
        Some(row)
    }

    /// The chains that know a tag.
    pub(super) fn chains_with(&self, tag: &RecipientTag) -> Vec<Heard> {
        self.tags.get(tag).into_iter().flatten().copied().collect()
    }
}

/// Whether what is said in a group goes on chains: there are more people than slots.
pub(super) fn is_on_chains(conversation: &Conversation) -> bool {
    match conversation.kind {
        StoredKind::Group => conversation.people.len() >= SLOT_MEMBERS,
        StoredKind::OwnCircle => true,
        StoredKind::Two | StoredKind::HeardCircle => false,
    }
}

impl Engine {
    /// Whether a persona is in a group with somebody.
    pub(super) fn shares_group(&self, (me, peer): Pair) -> bool {
        let accepted = |known: &&Conversation| known.standing == StoredStanding::Accepted;
        let of_me = self.talks.conversations.values().filter(|known| known.me == me).filter(accepted);
        of_me.filter(|known| known.kind == StoredKind::Group).any(|known| known.people.contains(&peer))
    }

    /// Something somebody said in a thread that is not the one of two.
    pub(super) fn heard_in_group(
        &mut self,
        step: &mut Step<'_, '_>,
        pair: Pair,
        inner: Inner,
        way: Way,
    ) -> Result<(), DbError> {
        let (me, peer) = pair;
        match (&inner.said, way) {
            (Said::Roster { .. }, Way::Session) => return self.roster_heard(step, pair, inner),
            (Said::Chain { reach: Reach::Circle, .. }, Way::Session) => {
                return self.circle_key_heard(step, pair, &inner);
            }
            (Said::Roster { .. } | Said::Chain { .. }, Way::Chain) => return Ok(()),
            _ => {}
        }
        let circle = ConversationId::of_circle(me, peer, inner.thread);
        let is_circle = self.talks.conversations.contains_key(&circle);
        let id = if is_circle { circle } else { ConversationId::of(me, inner.thread) };
        let Some(conversation) = self.talks.conversations.get(&id) else {
            self.wait_for_roster(pair, inner);
            return Ok(());
        };
        let standing = conversation.standing;
        match conversation.kind {
            StoredKind::Group if conversation.people.contains(&peer) => {}
            StoredKind::Group if way == Way::Session => {
                self.wait_for_roster(pair, inner);
                return Ok(());
            }
            StoredKind::Two | StoredKind::Group => return Ok(()),
            StoredKind::OwnCircle | StoredKind::HeardCircle => {
                return self.heard_in_circle(step, pair, id, inner);
            }
        }
        self.acks_heard(step, pair, &inner)?;
        if standing == StoredStanding::Left || self.is_early(step, id, peer, &inner.said)? {
            return Ok(());
        }
        if standing == StoredStanding::Accepted {
            self.confirm_later(step, pair, &inner)?;
        }
        match inner.said {
            Said::Chain { key, .. } => self.chain_heard(step, (me, inner.thread), peer, &key),
            _ => self.apply_said(step, id, peer, inner),
        }
    }

    fn wait_for_roster(&mut self, pair: Pair, inner: Inner) {
        let waiting = &mut self.talks.groups.waiting;
        if waiting.len() >= GROUPLESS_MESSAGES {
            waiting.pop_front();
        }
        waiting.push_back((pair, inner));
    }

    /// Versions of a roster, of a group that is known or not.
    fn roster_heard(&mut self, step: &mut Step<'_, '_>, pair: Pair, inner: Inner) -> Result<(), DbError> {
        let (me, peer) = pair;
        let part = (me, inner.thread);
        let id = ConversationId::of(me, inner.thread);
        let Said::Roster { versions } = &inner.said else { return Ok(()) };
        let known = self.talks.groups.rosters.get(&id);
        // A long roster comes in several messages, in any order: to who is new only all of them say that it is in.
        let before = self
            .talks
            .groups
            .waiting
            .iter()
            .filter(|(from, inner)| known.is_none() && *from == pair && inner.thread == part.1);
        let before = before.flat_map(|(_, inner)| match &inner.said {
            Said::Roster { versions } => versions.as_slice(),
            _ => &[],
        });
        let all = versions.iter().chain(before);
        let verified: Vec<_> = all.filter_map(|version| version.verify().ok()).collect();
        let mut roster = known.map_or_else(|| Roster::new(inner.thread), |known| known.roster.clone());
        let taken = verified.into_iter().filter(|version| roster.insert(version.clone())).count();
        let now = roster.fold();
        let was_member = known.is_some_and(|known| known.now.has(peer));
        if known.is_none() && !(now.has(me) && now.has(peer)) {
            self.wait_for_roster(pair, inner);
            return Ok(());
        }
        // Who is in it only by what it brings itself has brought its own proof.
        if !was_member && !now.has(peer) {
            return Ok(());
        }
        if !self.talks.conversations.contains_key(&id) && !self.begin_group(step, pair, inner.thread)? {
            return Ok(());
        }
        self.acks_heard(step, pair, &inner)?;
        if self.talks.conversations.get(&id).is_some_and(|known| known.standing != StoredStanding::Request) {
            self.confirm_later(step, pair, &inner)?;
        }
        if taken > 0 {
            self.keep_roster(step, part, Known { roster, now })?;
            self.look_at_waiting(step, part)?;
        }
        Ok(())
    }

    /// A group somebody takes a persona into. `false` when there is no room.
    fn begin_group(
        &mut self,
        step: &mut Step<'_, '_>,
        pair: Pair,
        thread: ThreadId,
    ) -> Result<bool, DbError> {
        let (me, peer) = pair;
        let is_known = self.is_known(step, pair)?;
        let standing = if is_known { StoredStanding::Accepted } else { StoredStanding::Request };
        let has_room =
            self.talks.conversations.len() < CONVERSATIONS && (is_known || self.has_room_for_requests());
        if has_room {
            let mut conversation = Conversation::new(me, thread, vec![peer], step.now);
            (conversation.kind, conversation.standing) = (StoredKind::Group, standing);
            self.keep_conversation(step, conversation)?;
        }
        Ok(has_room)
    }

    /// Whether somebody is followed, or was accepted to write to a persona.
    pub(super) fn is_known(&self, step: &Step<'_, '_>, (me, peer): Pair) -> Result<bool, DbError> {
        let with = self.talks.conversations.get(&ConversationId::of(me, ThreadId::between(me, peer)));
        let is_accepted = with.is_some_and(|known| known.standing == StoredStanding::Accepted);
        Ok(is_accepted || is_followed(step, (me, peer))?)
    }

    /// What waited for a version of this group.
    pub(super) fn look_at_waiting(&mut self, step: &mut Step<'_, '_>, part: Part) -> Result<(), DbError> {
        let all = std::mem::take(&mut self.talks.groups.waiting);
        let (found, left): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|((me, _), inner)| (*me, inner.thread) == part);
        self.talks.groups.waiting = left.into();
        for (pair, inner) in found.into_iter().filter(|(pair, _)| !self.is_blocked(*pair)).collect::<Vec<_>>()
        {
            self.heard_in_group(step, pair, inner, Way::Session)?;
        }
        Ok(())
    }

    /// Stores a roster that grew, and does what follows from it.
    fn keep_roster(&mut self, step: &mut Step<'_, '_>, part: Part, known: Known) -> Result<(), DbError> {
        let (me, thread) = part;
        let id = ConversationId::of(me, thread);
        self.save_row(step, &GroupRow { me, thread, versions: known.roster.signed() })?;
        let now = known.now.clone();
        let before = self.talks.groups.rosters.insert(id, known);
        let before: BTreeSet<PostingId> = before.iter().flat_map(|known| known.now.members()).collect();
        let Some(mut conversation) = self.talks.conversations.get(&id).cloned() else { return Ok(()) };
        conversation.people = now.members().filter(|member| *member != me).collect();
        conversation.admins = now.members().filter(|member| now.is_admin(*member)).collect();
        now.title().clone_into(&mut conversation.title);
        let is_in = now.has(me);
        conversation.standing = match conversation.standing {
            _ if !is_in => StoredStanding::Left,
            StoredStanding::Left => StoredStanding::Accepted,
            standing => standing,
        };
        self.keep_conversation(step, conversation)?;
        let gone: Vec<PostingId> = before.into_iter().filter(|member| !now.has(*member)).collect();
        if !gone.is_empty() {
            self.spend_chain(step, part)?;
        }
        for member in gone {
            self.drop_chains(step, part, if member == me { None } else { Some(member) })?;
            self.forget_unsaid(step, part, if member == me { None } else { Some(member) })?;
        }
        Ok(())
    }

    /// What waits to be said to somebody who is not in the group any more (to everybody, when that is us) is not said.
    pub(super) fn forget_unsaid(
        &mut self,
        step: &mut Step<'_, '_>,
        (me, thread): Part,
        to: Option<PostingId>,
    ) -> Result<(), DbError> {
        let is_theirs = |row: &Outgoing| {
            (row.me, row.thread) == (me, thread)
                && to.is_none_or(|peer| row.peer == peer)
                && !matches!(row.said, Said::Roster { .. })
        };
        self.forget_where(step, is_theirs).map(drop)
    }

    /// Founds a group.
    pub(super) fn found_group(
        &mut self,
        step: &mut Step<'_, '_>,
        key: &PostingKey,
        title: String,
        members: Vec<PostingId>,
    ) -> Result<ConversationId, DbError> {
        let me = key.posting_id();
        let change = Change::Found { salt: random_id(step).into(), title, members: members.clone() };
        let founding = Version { thread: None, parents: Vec::new(), author: me, change };
        let signed = sign(key, &founding);
        let verified = signed.verify().map_err(|_out_of_bounds| DbError::DamagedRow { table: "groups" })?;
        let thread = verified.thread();
        let mut roster = Roster::new(thread);
        roster.insert(verified);
        let mut conversation = Conversation::new(me, thread, members, step.now);
        conversation.kind = StoredKind::Group;
        let id = conversation.id;
        self.keep_conversation(step, conversation)?;
        let now = roster.fold();
        let others: Vec<PostingId> = now.members().filter(|member| *member != me).collect();
        self.keep_roster(step, (me, thread), Known { roster, now })?;
        self.queue_roster(step, (me, thread), &others, &[signed])?;
        Ok(id)
    }

    /// Changes a group; the change was checked.
    pub(super) fn change_group(
        &mut self,
        step: &mut Step<'_, '_>,
        key: &PostingKey,
        id: ConversationId,
        change: Change,
    ) -> Result<(), DbError> {
        let me = key.posting_id();
        let Some(known) = self.talks.groups.rosters.get(&id) else { return Ok(()) };
        let mut roster = known.roster.clone();
        let before: BTreeSet<PostingId> = known.now.members().collect();
        let signed = sign(key, &roster.next(me, change));
        let Ok(verified) = signed.verify() else { return Ok(()) };
        let thread = verified.thread();
        roster.insert(verified);
        let (now, all) = (roster.fold(), roster.signed());
        let (known, new): (Vec<PostingId>, Vec<PostingId>) = before
            .iter()
            .copied()
            .chain(now.members().filter(|member| !before.contains(member)))
            .filter(|member| *member != me)
            .partition(|member| before.contains(member));
        self.keep_roster(step, (me, thread), Known { roster, now })?;
        self.queue_roster(step, (me, thread), &known, &[signed])?;
        self.queue_roster(step, (me, thread), &new, &all)
    }

    /// Tells people of versions, in as many messages as it takes.
    fn queue_roster(
        &mut self,
        step: &mut Step<'_, '_>,
        (me, thread): Part,
        people: &[PostingId],
        versions: &[SignedVersion],
    ) -> Result<(), DbError> {
        let mut parts: Vec<(usize, Vec<SignedVersion>)> = Vec::new();
        for version in versions {
            let taken = version.taken_bytes();
            match parts.last_mut() {
                Some((bytes, part)) if bytes.saturating_add(taken) <= MESSAGE_TEXT_BYTES => {
                    *bytes = bytes.saturating_add(taken);
                    part.push(version.clone());
                }
                _ => parts.push((taken, vec![version.clone()])),
            }
        }
        for (_, versions) in parts {
            let row = new_row(step, me, me, thread, Said::Roster { versions });
            self.queue_to(step, people, &row)?;
        }
        Ok(())
    }

    /// Queues one thing said to several people: those a session stands with four to a post, the others one by one.
    pub(super) fn queue_to(
        &mut self,
        step: &mut Step<'_, '_>,
        people: &[PostingId],
        row: &Outgoing,
    ) -> Result<(), DbError> {
        let (confirmed, others): (Vec<PostingId>, Vec<PostingId>) =
            people.iter().partition(|peer| self.confirmed_session((row.me, **peer)).is_some());
        let mut due = step.now;
        for four in confirmed.chunks(SLOT_MEMBERS).chain(others.chunks(1)) {
            due = due.after(Self::delay(step));
            for peer in four {
                self.queue_at(step, Outgoing { peer: *peer, ..row.clone() }, due)?;
            }
        }
        Ok(())
    }

    pub(super) fn queue_at(
        &mut self,
        step: &mut Step<'_, '_>,
        row: Outgoing,
        due: Timestamp,
    ) -> Result<(), DbError> {
        self.keep_outgoing(step, Outgoing { due, ..row })
    }

    /// Queues something said in a conversation of whatever kind. The row names its first person.
    pub(super) fn queue_in(
        &mut self,
        step: &mut Step<'_, '_>,
        conversation: &Conversation,
        row: Outgoing,
    ) -> Result<(), DbError> {
        match conversation.kind {
            StoredKind::Two | StoredKind::HeardCircle => self.queue(step, row),
            StoredKind::OwnCircle => self.queue(step, Outgoing { peer: row.me, ..row }),
            StoredKind::Group if is_on_chains(conversation) => {
                let due = step.now.after(Self::delay(step));
                let rows = conversation.people.iter().map(|peer| Outgoing { peer: *peer, ..row.clone() });
                rows.collect::<Vec<_>>().into_iter().try_for_each(|row| self.queue_at(step, row, due))
            }
            StoredKind::Group => self.queue_to(step, &conversation.people, &row),
        }
    }
}

/// A version as its author signs it.
fn sign(key: &PostingKey, version: &Version) -> SignedVersion {
    let bytes = version.encode();
    let signature = key.state(Statement::Roster, &bytes);
    SignedVersion { bytes: bytes.into(), signature: signature.into() }
}
