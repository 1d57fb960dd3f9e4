//! Taking objects in: from peers, from our own personas, and from the held ones whose time has come.

use std::collections::BTreeSet;
use std::time::Duration;

use super::answer::Checked;
use super::blobs::Fetching;
use super::headers::is_dead_on_arrival;
use super::pool::SealedIntake;
use super::spread::manifest_due;
use super::{ConnectionId, Engine, Fault, Step};
use crate::api::Event;
use crate::db::objects::Have;
use crate::db::space::Class;
use crate::db::timeline::{FeedRow, Mark};
use crate::db::{Author, DbError, ObjectKey};
use crate::domain::envelope::{Content, Kind, Object, Verified};
use crate::domain::ids::{NetworkId, PostingId};
use crate::domain::ordering::{FeedPosition, held_until};
use crate::domain::post::Post;
use crate::domain::profile::{Profile, replaces};
use crate::domain::time::Timestamp;
use crate::limits::{CLOCK_AHEAD, HELD_POSTS, PUSH_LEAD, SEAT_NEWS_AFTER};

/// Held objects released in one step; the rest follows in the next.
const RELEASED_AT_ONCE: u32 = 64;
/// Least time until an author's logs are read again for something there was no room for.
const DEFERRED_LEAST: Duration = Duration::from_mins(1);

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intake {
    /// It is stored now.
    New,
    /// It was here already.
    Known,
    /// There is no room for it yet, perhaps because it is our clock that is wrong: it is asked for again at a time that is
    /// noted.
    Deferred,
}

/// What became of the items of a page.
#[derive(Debug, Default)]
pub(super) struct TakenIn {
    /// New posts of authors who are followed here, or our own.
    pub(super) posts: u64,
    /// Everything that is new, carried or not.
    pub(super) items: u64,
    /// Authors of whom something is new.
    pub(super) authors: BTreeSet<PostingId>,
    /// The earliest day to come on which a sealed post of the page would be taken in.
    pub(super) ahead: Option<u32>,
}

/// A stored object on its way into the log.
pub(super) struct Entry {
    pub(super) key: ObjectKey,
    /// Who signed it.
    pub(super) author: Author,
    /// Under whom it stands in the log.
    pub(super) log_author: PostingId,
    pub(super) received: Timestamp,
    /// The connection it came from, which needs no news of it.
    pub(super) source: Option<ConnectionId>,
}

impl Engine {
    /// Takes in the items of a page.
    pub(super) fn take_in_all(
        &mut self,
        step: &mut Step<'_, '_>,
        items: Vec<Checked>,
        source: Option<ConnectionId>,
    ) -> Result<TakenIn, DbError> {
        let mut taken = TakenIn::default();
        for item in items {
            match item {
                Checked::Object(Object::Sealed(post)) => match self.take_in_sealed(step, &post, source)? {
                    SealedIntake::New => taken.items = taken.items.saturating_add(1),
                    SealedIntake::Known => {}
                    SealedIntake::Ahead { good_from } => {
                        taken.ahead = Some(taken.ahead.map_or(good_from, |day| day.min(good_from)));
                    }
                },
                Checked::Object(object) => {
                    // Nobody here wants it (any more): nothing of it stays, and no cursor passes it.
                    if !self.interest.list.contains(object.log_author()) {
                        continue;
                    }
                    match self.take_in(step, &object, source)? {
                        Intake::New => {
                            taken.items = taken.items.saturating_add(1);
                            let is_ours = self.interest.is_ours(object.author());
                            let posts = u64::from(is_ours && matches!(object, Object::Post(_)));
                            taken.posts = taken.posts.saturating_add(posts);
                            taken.authors.insert(object.log_author());
                        }
                        Intake::Known | Intake::Deferred => {}
                    }
                }
                Checked::Refused(id) => step.store.insert_refused(id)?,
                Checked::UnknownKind(_) | Checked::Forged | Checked::Unasked => {}
            }
        }
        Ok(taken)
    }

    /// Stores a verified object and lets it arrive, unless it is here or has to wait.
    pub(super) fn take_in(
        &mut self,
        step: &mut Step<'_, '_>,
        object: &Object,
        source: Option<ConnectionId>,
    ) -> Result<Intake, DbError> {
        let created = object.created();
        let due = match object {
            // They have their own way in.
            Object::Sealed(_) => return Ok(Intake::Known),
            Object::Post(_) | Object::Operation(_) => held_until(created, step.now),
            Object::Profile(profile) => profile_due(profile.content(), step.now),
            Object::Manifest(manifest) => manifest_due(manifest.content(), step.now),
        };
        // Asked again here: since the pull began it may have come another way, or been deleted.
        if step.store.have(object.id())? != Have::Missing {
            return Ok(Intake::Known);
        }
        let author = self.intern_author(step, object.author())?;
        if matches!(object, Object::Post(_)) && is_dead_on_arrival(step, object.id(), author)? {
            return Ok(Intake::Known);
        }
        if due.is_some()
            && (step.store.count_held(author)? >= HELD_POSTS
                || self.is_full_for(**step.store, author, object.envelope().bytes.len())?)
        {
            let acceptable = match object {
                Object::Post(_) | Object::Operation(_) => created.before(CLOCK_AHEAD),
                Object::Profile(_) | Object::Manifest(_) | Object::Sealed(_) => due.unwrap_or(created),
            };
            return self.defer(step, object.log_author(), acceptable);
        }
        let stored = step.store.insert_object(object.id(), object.envelope(), author, created, step.now)?;
        let Some(key) = stored else {
            return Ok(Intake::Known);
        };
        if let Some(due) = due {
            step.store.insert_held(author, key, due)?;
            self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
            return Ok(Intake::New);
        }
        let entry = Entry { key, author, log_author: object.log_author(), received: step.now, source };
        self.arrive(step, &entry, object)
    }

    /// Something cannot be kept before this time: its author's logs are read again then. Until then the cursors go on,
    /// so that what comes after it is not held up.
    pub(super) fn defer(
        &mut self,
        step: &Step<'_, '_>,
        log_author: PostingId,
        due: Timestamp,
    ) -> Result<Intake, DbError> {
        let due = due.max(step.now.after(DEFERRED_LEAST));
        let author = self.intern_author(step, log_author)?;
        step.store.insert_deferred(author, due)?;
        self.next_deferred = Some(self.next_deferred.map_or(due, |next| next.min(due)));
        Ok(Intake::Deferred)
    }

    /// Lets the logs of authors be read again whose time has come.
    pub(super) fn read_deferred(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.next_deferred.is_none_or(|due| due > step.now) {
            return Ok(());
        }
        for (author, posting_id) in step.store.list_deferred(step.now, RELEASED_AT_ONCE)? {
            step.store.delete_deferred(author)?;
            self.read_again(step, posting_id, author)?;
        }
        self.next_deferred = step.store.find_next_deferred()?;
        Ok(())
    }

    /// Lets an author's logs be read again, soon.
    pub(super) fn read_again(
        &mut self,
        step: &Step<'_, '_>,
        posting_id: PostingId,
        author: Author,
    ) -> Result<(), DbError> {
        self.forget_cursors(step, posting_id, author)?;
        for connection in self.connections.values_mut() {
            connection.pull_soon(step.now);
        }
        Ok(())
    }

    /// Forgets how far an author's logs were read, everywhere, also by pulls under way.
    pub(super) fn forget_cursors(
        &mut self,
        step: &Step<'_, '_>,
        posting_id: PostingId,
        author: Author,
    ) -> Result<(), DbError> {
        self.forget_asked(posting_id);
        step.store.delete_cursors_of(author)
    }

    /// The row of an author. One we carry and had nothing of gets its row, and its cursors, only now.
    pub(super) fn intern_author(&mut self, step: &Step<'_, '_>, id: PostingId) -> Result<Author, DbError> {
        let author = step.store.intern_author(id)?;
        if self.interest.note_author(id, author) {
            self.store_cursors(step, id, author)?;
            self.spread.topic_found(id);
        }
        Ok(author)
    }

    pub(super) fn arrive(
        &mut self,
        step: &mut Step<'_, '_>,
        entry: &Entry,
        object: &Object,
    ) -> Result<Intake, DbError> {
        self.space.changed(entry.author);
        match object {
            Object::Post(post) => {
                self.post_arrived(step, entry, post)?;
                self.release_waiting(step, post.id())?;
                Ok(Intake::New)
            }
            Object::Profile(profile) => self.profile_arrived(step, entry, profile).map(|()| Intake::New),
            Object::Operation(operation) => self.operation_arrived(step, entry, operation),
            Object::Manifest(manifest) => {
                self.space.changed(entry.author);
                if self.manifest_arrived(step, entry.author, entry.key, manifest, entry.source)? {
                    self.note_pushed_arrival(step.now, entry);
                }
                Ok(Intake::New)
            }
            // They have a log of their own and are never held.
            Object::Sealed(_) => Ok(Intake::Known),
        }
    }

    fn post_arrived(
        &mut self,
        step: &mut Step<'_, '_>,
        entry: &Entry,
        post: &Verified<Post>,
    ) -> Result<(), DbError> {
        step.store.insert_arrival(entry.author, entry.key, Kind::Post)?;
        let position = FeedPosition::new(post.content().created(), entry.received, post.id());
        let is_ours = step.store.get_class(entry.author)? == Class::Ours;
        if !post.content().attachments().is_empty() {
            let fetching = if is_ours { Fetching::Automatic } else { Fetching::OnDemand };
            self.note_attachments(step, entry.key, post.content(), entry.source, fetching)?;
        }
        // What is only carried stands in no feed.
        if is_ours && self.talks.is_locked() {
            step.store.insert_unplaced(entry.key)?;
        } else if is_ours {
            let mark = first_mark(step, entry.author, position)?;
            let row = FeedRow { position, object: entry.key, author: entry.author, mark };
            step.store.insert_feed_row(&row)?;
            step.tell(Event::FeedChanged);
        }
        self.note_pushed_arrival(step.now, entry);
        Ok(())
    }

    fn profile_arrived(
        &mut self,
        step: &mut Step<'_, '_>,
        entry: &Entry,
        profile: &Verified<Profile>,
    ) -> Result<(), DbError> {
        let content = profile.content();
        if let Some(current) = step.store.find_profile(entry.author)? {
            if !replaces((content.sequence(), profile.id()), (current.sequence, current.object_id)) {
                step.store.delete_object(entry.key)?;
                return step.store.insert_refused(profile.id());
            }
            // An older version is nobody's question any more, and not fetched again.
            step.store.delete_arrival(current.object)?;
            step.store.delete_object(current.object)?;
            step.store.insert_refused(current.object_id)?;
        }
        step.store.insert_arrival(entry.author, entry.key, Kind::Profile)?;
        step.store.replace_profile(entry.author, content.sequence(), entry.key, content.name())?;
        self.named(step, entry.author, entry.log_author)?;
        step.tell(Event::PeopleChanged);
        if self.personas.contains(&entry.log_author) {
            step.tell(Event::PersonasChanged);
        }
        self.note_arrival(step.now, entry);
        Ok(())
    }

    /// Lets every connection know whose list holds the author, but the one the object came from.
    pub(super) fn note_arrival(&mut self, now: Timestamp, entry: &Entry) {
        self.last_arrival = now;
        if self.keeps_to_itself(entry) {
            return;
        }
        for (id, connection) in &mut self.connections {
            if Some(*id) != entry.source {
                connection.note_arrival(entry.log_author, now);
            }
        }
    }

    /// The same for what peers with a seat hear of by a push: news only come later to them, in case it is lost, and a moment
    /// later to others, who most likely hear of it by a push of somebody else.
    pub(super) fn note_pushed_arrival(&mut self, now: Timestamp, entry: &Entry) {
        self.last_arrival = now;
        if self.keeps_to_itself(entry) {
            return;
        }
        let seats: Vec<NetworkId> = self.spread.seats(entry.log_author).collect();
        for (id, connection) in &mut self.connections {
            if Some(*id) != entry.source {
                let wait = match seats.as_slice() {
                    [] => Duration::ZERO,
                    seats if seats.contains(&connection.peer) => SEAT_NEWS_AFTER,
                    _ => PUSH_LEAD,
                };
                connection.note_arrival(entry.log_author, now.after(wait));
            }
        }
    }

    /// Whether the planted mistake is that nothing is passed on.
    fn keeps_to_itself(&self, entry: &Entry) -> bool {
        entry.source.is_some() && self.faults.has(Fault::PassesNothingOn)
    }

    /// Lets held objects arrive whose time has come.
    pub(super) fn release_due(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.next_due.is_none_or(|due| due > step.now) {
            return Ok(());
        }
        for key in step.store.list_due(step.now, RELEASED_AT_ONCE)? {
            let stored = step.store.get_object(key)?;
            step.store.delete_held(key)?;
            step.store.update_received(key, step.now)?;
            let object = Object::verify(step.store.get_envelope(key)?)
                .map_err(|_was_good_once| DbError::DamagedRow { table: "objects" })?;
            let log_author = object.log_author();
            let entry = Entry { key, author: stored.author, log_author, received: step.now, source: None };
            self.arrive(step, &entry, &object)?;
        }
        self.next_due = step.store.find_next_due()?;
        Ok(())
    }
}

/// Whether a post of somebody I am or follow starts unread: my own does not, nor one that is older than every follow.
fn first_mark(step: &Step<'_, '_>, author: Author, position: FeedPosition) -> Result<Mark, DbError> {
    let followers = step.store.list_followers(author)?;
    let is_new = followers.iter().any(|follower| follower.followed <= position.sort);
    Ok(if is_new && !step.store.is_persona(author)? { Mark::Unread } else { Mark::Read })
}

/// Until when a profile is held back whose sequence lies ahead of the clock.
fn profile_due(profile: &Profile, now: Timestamp) -> Option<Timestamp> {
    profile.is_ahead_of(now).then(|| sequence_due(profile.sequence()))
}

/// When a sequence stops to lie too far ahead.
pub(super) fn sequence_due(sequence: u64) -> Timestamp {
    let sequence = Timestamp::from_millis(i64::try_from(sequence).unwrap_or(i64::MAX));
    sequence.before(CLOCK_AHEAD).after(Duration::from_millis(1))
}
