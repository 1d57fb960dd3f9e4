//! Names of people who only comment. Profiles travel in the log of their own author, which nobody here may read; so the
//! profiles of commenters are asked for by themselves, of whoever the comment came from and then of other peers.
//!
//! Who has no name here is in the store; what is remembered besides (whom was asked, when the next one is) can be lost at
//! any time. Asked for are commenters on whatever is here, for whichever of our personas or neighbours it is here, and
//! never a persona of our own, whose profile is here: so a question says no more than our log, which anybody may read
//! (P2, P5). What comes is kept beside the log, unless its author stands on our list anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::answer::{Checked, Wanted};
use super::intake::Entry;
use super::{ConnectionId, Effect, Engine, Fault, RequestId, Step, jittered};
use crate::api::Event;
use crate::db::objects::Have;
use crate::db::{Author, DbError, Read};
use crate::domain::envelope::{Content, Object, Verified};
use crate::domain::ids::{NetworkId, PostingId};
use crate::domain::profile::Profile;
use crate::domain::time::Timestamp;
use crate::limits::{
    FETCH_IDS, NAME_AFTER, NAME_PEERS, NAME_RETRY_FIRST, NAME_RETRY_LONGEST, NAME_SPACING, NAMELESS_AUTHORS,
};

/// Whose profiles are looked for, and where.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// At most [`NAMELESS_AUTHORS`].
    wanted: BTreeMap<PostingId, Want>,
    /// Questions under way, one per connection.
    running: BTreeMap<RequestId, Question>,
    /// When to look again whom to ask.
    next: Option<Timestamp>,
    /// How many were ever wanted.
    count: u64,
}

#[derive(Debug)]
struct Question {
    connection: ConnectionId,
    authors: Vec<PostingId>,
}

/// A profile that is looked for.
#[derive(Debug)]
struct Want {
    /// Higher than that of everybody wanted before.
    number: u64,
    /// Who brought the last comment: asked first.
    source: Option<NetworkId>,
    /// Who was asked since the last rest.
    asked: BTreeSet<NetworkId>,
    /// How long the next rest is.
    rest: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Somebody is asked then.
    Due(Timestamp),
    /// Somebody is asked now.
    Asked,
}

impl Want {
    /// Nobody had it: from the beginning again, later.
    fn rests(&mut self, step: &mut Step<'_, '_>) {
        self.asked.clear();
        self.state = State::Due(step.now.after(jittered(step.rng, self.rest)));
        self.rest = self.rest.saturating_mul(2).min(NAME_RETRY_LONGEST);
    }
}

impl Names {
    pub(super) fn load(read: Read<'_>) -> Result<Self, DbError> {
        let mut names = Self::default();
        for author in read.list_nameless()?.into_iter().rev() {
            names.want(author, None, Timestamp::ZERO);
        }
        // Nobody is there to be asked.
        names.next = None;
        Ok(names)
    }

    pub(super) fn want(&mut self, author: PostingId, source: Option<NetworkId>, now: Timestamp) {
        let soon = now.after(NAME_AFTER);
        if let Some(want) = self.wanted.get_mut(&author) {
            want.source = source.or(want.source);
            if let (State::Due(due), Some(source)) = (want.state, source)
                && !want.asked.contains(&source)
            {
                want.state = State::Due(due.min(soon));
                self.wake(soon);
            }
            return;
        }
        if u32::try_from(self.wanted.len()).is_ok_and(|count| count >= NAMELESS_AUTHORS) {
            let oldest = self.wanted.iter().min_by_key(|(_, want)| want.number).map(|(author, _)| *author);
            oldest.and_then(|author| self.wanted.remove(&author));
        }
        self.count = self.count.saturating_add(1);
        let (number, asked, rest) = (self.count, BTreeSet::new(), NAME_RETRY_FIRST);
        let want = Want { number, source, asked, rest, state: State::Due(soon) };
        self.wanted.insert(author, want);
        self.wake(soon);
    }

    /// Lets it be looked then, or before.
    fn wake(&mut self, due: Timestamp) {
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
    }

    /// Somebody more can be asked.
    pub(super) fn peer_reached(&mut self, now: Timestamp) {
        if !self.wanted.is_empty() {
            self.wake(now.after(NAME_AFTER));
        }
    }

    /// What was asked on a connection that is gone is asked elsewhere.
    pub(super) fn connection_lost(&mut self, now: Timestamp, id: ConnectionId) {
        let lost: Vec<_> = self.running.extract_if(.., |_, question| question.connection == id).collect();
        for (_, question) in lost {
            self.look_on(now, &question.authors);
        }
    }

    /// Takes out a question that came to its end: the authors it was about.
    fn ended(&mut self, now: Timestamp, request: RequestId) -> Option<Vec<PostingId>> {
        let Question { authors, .. } = self.running.remove(&request)?;
        self.look_on(now, &authors);
        Some(authors)
    }

    /// Lets these be asked for elsewhere.
    fn look_on(&mut self, now: Timestamp, authors: &[PostingId]) {
        let next = now.after(NAME_SPACING);
        for author in authors {
            if let Some(want) = self.wanted.get_mut(author) {
                want.state = State::Due(next);
            }
        }
        self.wake(next);
    }

    pub(super) const fn next_deadline(&self) -> Option<Timestamp> {
        self.next
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        for want in self.wanted.values_mut() {
            if let State::Due(due) = &mut want.state {
                *due = (*due).min(now.after(NAME_RETRY_LONGEST));
            }
        }
        self.next = self.next.map(|next| next.min(now));
    }
}

impl Engine {
    /// Somebody commented: without a profile here it is looked for.
    pub(super) fn want_name(
        &mut self,
        step: &Step<'_, '_>,
        entry: &Entry,
        author: PostingId,
    ) -> Result<(), DbError> {
        if self.personas.contains(&author) || step.store.find_profile(entry.author)?.is_some() {
            return Ok(());
        }
        step.store.insert_nameless(entry.author)?;
        let source = entry.source.and_then(|id| self.connections.get(&id)).map(|connection| connection.peer);
        self.names.want(author, source, step.now);
        Ok(())
    }

    /// Somebody's profile is here.
    pub(super) fn named(
        &mut self,
        step: &Step<'_, '_>,
        author: Author,
        posting_id: PostingId,
    ) -> Result<(), DbError> {
        self.names.wanted.remove(&posting_id);
        step.store.delete_nameless(author)
    }

    /// Asks for the profiles that are due, those of one peer together.
    pub(super) fn ask_names(&mut self, step: &mut Step<'_, '_>) {
        if self.names.next.is_none_or(|due| due > step.now) {
            return;
        }
        self.names.next = None;
        if self.faults.has(Fault::AsksNoNames) {
            return;
        }
        if self.space.is_short() {
            self.names.wake(step.now.after(NAME_RETRY_FIRST));
            return;
        }
        for (connection, authors) in self.questions(step) {
            let request = self.new_request();
            self.names.running.insert(request, Question { connection, authors: authors.clone() });
            step.push(Effect::Fetch { connection, request, wanted: Wanted::Profiles(authors) });
        }
        let due = self.names.wanted.values().filter_map(|want| match want.state {
            State::Due(due) => Some(due),
            State::Asked => None,
        });
        if let Some(due) = due.min().filter(|_| self.connections.values().any(|known| known.row().is_some()))
        {
            self.names.wake(due);
        }
    }

    /// Whom to ask now for which profiles.
    fn questions(&mut self, step: &mut Step<'_, '_>) -> BTreeMap<ConnectionId, Vec<PostingId>> {
        let greeted = self.connections.iter().filter(|(_, known)| known.row().is_some());
        let peers: BTreeMap<NetworkId, ConnectionId> = greeted.map(|(id, known)| (known.peer, *id)).collect();
        let mut order: Vec<NetworkId> = peers.keys().copied().collect();
        if order.is_empty() {
            return BTreeMap::new();
        }
        let first = usize::try_from(step.rng.next_u32()).unwrap_or(0) % order.len();
        order.rotate_left(first);
        let Names { wanted, running, .. } = &mut self.names;
        let busy: BTreeSet<ConnectionId> = running.values().map(|question| question.connection).collect();
        let mut questions: BTreeMap<ConnectionId, Vec<PostingId>> = BTreeMap::new();
        for (author, want) in wanted {
            if !matches!(want.state, State::Due(due) if due <= step.now) {
                continue;
            }
            let open = want.source.iter().filter(|source| peers.contains_key(source)).chain(&order);
            let open: Vec<NetworkId> = open.filter(|peer| !want.asked.contains(*peer)).copied().collect();
            if open.is_empty() || want.asked.len() >= NAME_PEERS {
                want.rests(step);
                continue;
            }
            let has_room = |connection: &ConnectionId| {
                let asked = questions.get(connection).map_or(0, Vec::len);
                !busy.contains(connection) && asked < FETCH_IDS
            };
            let chosen = open.into_iter().find_map(|peer| {
                let connection = peers.get(&peer).copied().filter(has_room)?;
                Some((peer, connection))
            });
            match chosen {
                Some((peer, connection)) => {
                    want.asked.insert(peer);
                    want.state = State::Asked;
                    questions.entry(connection).or_default().push(*author);
                }
                None => want.state = State::Due(step.now.after(NAME_SPACING)),
            }
        }
        questions
    }

    /// A fetch of ours came to its end: one for profiles, or one a push led to.
    pub(super) fn fetch_answered(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        request: RequestId,
        items: Vec<Checked>,
    ) -> Result<(), DbError> {
        if self.names.ended(step.now, request).is_none() {
            return self.fetched(step, id, request, items);
        }
        let offence = items.iter().find_map(Checked::offence);
        for item in items {
            match item {
                Checked::Object(object) => self.take_in_name(step, &object, id)?,
                Checked::Refused(id) => step.store.insert_refused(id)?,
                Checked::UnknownKind(_) | Checked::Forged | Checked::Unasked => {}
            }
        }
        match offence {
            Some(offence) => self.offended(step, id, offence),
            None => Ok(()),
        }
    }

    /// Takes in a profile that is looked for: into the log when its author stands on our list, else beside it.
    fn take_in_name(
        &mut self,
        step: &mut Step<'_, '_>,
        object: &Object,
        source: ConnectionId,
    ) -> Result<(), DbError> {
        let Object::Profile(profile) = object else { return Ok(()) };
        let author = profile.content().author();
        if !self.names.wanted.contains_key(&author) {
            return Ok(());
        }
        if self.interest.list.contains(author) {
            self.take_in(step, object, Some(source))?;
            return Ok(());
        }
        self.keep_unlogged(step, profile, object)
    }

    fn keep_unlogged(
        &mut self,
        step: &mut Step<'_, '_>,
        profile: &Verified<Profile>,
        object: &Object,
    ) -> Result<(), DbError> {
        let (content, envelope) = (profile.content(), object.envelope());
        let Some(author) = step.store.find_author(content.author())? else { return Ok(()) };
        // What lies ahead of the clock, or has no room, is asked for again.
        if content.is_ahead_of(step.now)
            || step.store.have(profile.id())? != Have::Missing
            || self.is_full_for(**step.store, author, envelope.bytes.len())?
        {
            return Ok(());
        }
        let stored = step.store.insert_object(profile.id(), envelope, author, content.created(), step.now)?;
        let Some(key) = stored else { return Ok(()) };
        step.store.replace_profile(author, content.sequence(), key, content.name())?;
        step.store.insert_unlogged_profile(author, key)?;
        self.named(step, author, content.author())?;
        step.tell(Event::PeopleChanged);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
