//! What operations do to the headers of posts. Whatever the order in which the same operations come, and however often,
//! the header ends the same: reactions, edits and policies are decided by `(created, id)`, comments and hidden ones are
//! sets, and a tombstone wins over what comes before and after it.
//!
//! An operation whose post is not here waits outside the log, within bounds. One that can never take effect is refused
//! for good. Both count as done for the cursor that brought them.

use super::intake::{Entry, Intake};
use super::{Engine, Step};
use crate::api::Event;
use crate::db::comments::{NewComment, State};
use crate::db::headers::{EditRow, Met};
use crate::db::objects::StoredObject;
use crate::db::operations::{ActionCode, Counted, OperationRow};
use crate::db::reactions::ReactionRow;
use crate::db::space::Class;
use crate::db::timeline::Mark;
use crate::db::{Author, DbError, ObjectKey};
use crate::domain::envelope::{Content, Kind, Object, Verified};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::operation::{Action, CommentPolicy, Operation, ReactionSwitch};
use crate::domain::ordering::FeedPosition;
use crate::domain::time::Timestamp;
use crate::limits::{
    POST_OPERATIONS, RESERVED_OPERATIONS, UNKNOWN_TOMBSTONES, WAITING_OPERATIONS, WAITING_TIME,
};

/// Operations of strangers that make room at once when a post has too many: looking for the oldest costs a scan.
const EVICTED_AT_ONCE: u32 = 100;
/// Operations that have waited too long and are dropped in one step.
const DROPPED_AT_ONCE: u32 = 64;

/// An operation on its way into the header of a post that is here.
struct Change<'a> {
    entry: &'a Entry,
    post: &'a StoredObject,
    post_author: PostingId,
    operation: &'a Verified<Operation>,
}

impl Change<'_> {
    const fn id(&self) -> ObjectId {
        self.operation.id()
    }

    /// The id of what is meant: the post or one of its operations.
    fn target_id(&self) -> ObjectId {
        self.operation.content().target().operation.unwrap_or(self.post.object_id)
    }

    fn created(&self) -> Timestamp {
        self.operation.content().created()
    }
}

/// Whether an operation took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effective {
    /// It is in force, and others want it.
    Yes,
    /// Its author deleted it before it came.
    Deleted,
    /// It can never take effect, or a later one has replaced it: refused for good.
    Never,
}

impl Engine {
    pub(super) fn operation_arrived(
        &mut self,
        step: &mut Step<'_, '_>,
        entry: &Entry,
        operation: &Verified<Operation>,
    ) -> Result<Intake, DbError> {
        let target = operation.content().target();
        if target.operation.is_none() && *operation.content().action() == Action::Tombstone {
            return self.post_deleted(step, entry, operation);
        }
        let post_author = self.intern_author(step, target.author)?;
        if let Some(key) = step.store.find_object(target.post)? {
            let post = step.store.get_object(key)?;
            if post.kind != Kind::Post || post.author != post_author {
                return refuse(step, entry.key, operation.id());
            }
            if !step.store.is_held(key)? {
                return self.change_header(step, &post, entry, operation);
            }
        } else if step.store.is_deleted(target.post, post_author)? {
            return refuse(step, entry.key, operation.id());
        } else if step.store.is_evicted(target.post)? {
            // It comes again when its post does.
            step.store.delete_object(entry.key)?;
            step.store.insert_evicted(operation.id(), Some(post_author))?;
            return Ok(Intake::Known);
        }
        if step.store.count_waiting()? >= WAITING_OPERATIONS {
            step.store.delete_object(entry.key)?;
            return self.defer(step, target.author, step.now.after(WAITING_TIME));
        }
        step.store.insert_waiting(entry.key, target.post, entry.received)?;
        let due = entry.received.after(WAITING_TIME);
        self.next_stale = Some(self.next_stale.map_or(due, |next| next.min(due)));
        // Others have the post, perhaps: holders need not know each other.
        self.spread_operation(step.now, operation, entry.source);
        Ok(Intake::New)
    }

    /// Lets the operations take effect that waited for a post.
    pub(super) fn release_waiting(
        &mut self,
        step: &mut Step<'_, '_>,
        post_id: ObjectId,
    ) -> Result<(), DbError> {
        for key in step.store.list_waiting(post_id, WAITING_OPERATIONS)? {
            step.store.delete_waiting(key)?;
            let stored = step.store.get_object(key)?;
            let object = Object::verify(step.store.get_envelope(key)?)
                .map_err(|_was_good_once| DbError::DamagedRow { table: "waiting" })?;
            let log_author = object.log_author();
            let entry = Entry { key, author: stored.author, log_author, received: step.now, source: None };
            self.arrive(step, &entry, &object)?;
        }
        Ok(())
    }

    /// Drops operations whose posts never came. Their authors' logs are read again, so that no cursor stands behind
    /// something that is neither here nor refused.
    pub(super) fn drop_stale(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.next_stale.is_none_or(|due| due > step.now) {
            return Ok(());
        }
        for key in step.store.list_waiting_since(step.now.before(WAITING_TIME), DROPPED_AT_ONCE)? {
            let object = Object::verify(step.store.get_envelope(key)?)
                .map_err(|_was_good_once| DbError::DamagedRow { table: "waiting" })?;
            step.store.delete_waiting(key)?;
            step.store.delete_object(key)?;
            let author = self.intern_author(step, object.log_author())?;
            self.read_again(step, object.log_author(), author)?;
        }
        let oldest = step.store.find_oldest_waiting()?;
        // One more millisecond, since what waits exactly as long as it may is not stale.
        self.next_stale =
            oldest.map(|since| since.after(WAITING_TIME).after(std::time::Duration::from_millis(1)));
        Ok(())
    }

    fn change_header(
        &mut self,
        step: &mut Step<'_, '_>,
        post: &StoredObject,
        entry: &Entry,
        operation: &Verified<Operation>,
    ) -> Result<Intake, DbError> {
        self.space.changed(post.author);
        let target = operation.content().target();
        let change = Change { entry, post, post_author: target.author, operation };
        if !self.has_room(step, &change)? {
            return refuse(step, entry.key, operation.id());
        }
        let action = ActionCode::from(operation.content().action());
        step.store.insert_operation(entry.key, post.key, change.target_id(), entry.author, action)?;
        let effective = match operation.content().action() {
            Action::React { emoji, switch } => react(step, &change, emoji, *switch)?,
            Action::Comment(_) => self.comment(step, &change)?,
            Action::Edit(_) => edit(step, &change)?,
            Action::Hide => hide(step, &change)?,
            Action::Tombstone => delete_target(step, &change)?,
            Action::Policy(_) => set_policy(step, &change)?,
        };
        match effective {
            Effective::Yes => {
                step.store.insert_arrival(post.author, entry.key, Kind::Operation)?;
                if action == ActionCode::Comment {
                    self.want_name(step, entry, operation.content().author())?;
                }
                self.note_pushed_arrival(step.now, entry);
                self.spread_operation(step.now, operation, entry.source);
            }
            Effective::Deleted => {
                step.store.update_tombstone_met(operation.id(), entry.author)?;
                step.store.delete_operation(entry.key)?;
            }
            Effective::Never => {
                step.store.delete_operation(entry.key)?;
                step.store.insert_refused(operation.id())?;
                return Ok(Intake::Known);
            }
        }
        step.tell(Event::ThreadChanged { post_id: post.object_id });
        Ok(Intake::New)
    }

    /// Whether there is room for one more operation; strangers' oldest ones make it where there is none.
    fn has_room(&self, step: &mut Step<'_, '_>, change: &Change<'_>) -> Result<bool, DbError> {
        let (post, author) = (change.post, change.entry.author);
        let counted = Counted::from(ActionCode::from(change.operation.content().action()));
        if step.store.count_operations_by(post.key, author, counted)? >= counted.most() {
            return Ok(false);
        }
        let is_known =
            author == post.author || self.interest.list.contains(change.operation.content().author());
        let most =
            if is_known { POST_OPERATIONS } else { POST_OPERATIONS.saturating_sub(RESERVED_OPERATIONS) };
        if step.store.find_header(post.key)?.operation_count < u64::from(most) {
            return Ok(true);
        }
        let evicted = step.store.list_oldest_of_strangers(post.key, post.author, EVICTED_AT_ONCE)?;
        let is_some = !evicted.is_empty();
        for row in evicted {
            remove(step, post, &row)?;
            step.store.insert_refused(row.operation_id)?;
        }
        step.store.recount_comments(post.key)?;
        Ok(is_some)
    }

    /// A comment joins the tree.
    fn comment(&self, step: &mut Step<'_, '_>, change: &Change<'_>) -> Result<Effective, DbError> {
        let Change { entry, post, operation, .. } = *change;
        let content = operation.content();
        let is_deleted = step.store.is_deleted(operation.id(), entry.author)?;
        let state = if is_deleted {
            State::Deleted
        } else if step.store.is_hidden(operation.id())? {
            State::Hidden
        } else if policy_of(step, post.key)?.allows(content.author(), change.post_author) {
            State::Shown
        } else {
            State::Barred
        };
        let parent = content.target().operation;
        let answered = match parent {
            Some(parent) => step.store.find_comment(parent)?.map(|facts| facts.author),
            None => Some(post.author),
        };
        // Without the book it is settled later (`begin_book`).
        let is_news = if self.talks.is_locked() {
            step.store.get_class(post.author)? == Class::Ours
        } else {
            !self.personas.contains(&content.author()) && is_after_follow(step, post, change.created())?
        };
        step.store.insert_comment(&NewComment {
            operation_id: operation.id(),
            post: post.key,
            parent,
            author: entry.author,
            created: change.created(),
            received: entry.received,
            object: (!is_deleted).then_some(entry.key),
            state,
            mark: if is_news { Mark::Unread } else { Mark::Read },
            answered,
        })?;
        step.store.update_answers(operation.id(), entry.author)?;
        Ok(if is_deleted { Effective::Deleted } else { Effective::Yes })
    }

    /// The author of a post deletes it: the post and everything around it goes, the tombstone stays.
    fn post_deleted(
        &mut self,
        step: &mut Step<'_, '_>,
        entry: &Entry,
        operation: &Verified<Operation>,
    ) -> Result<Intake, DbError> {
        let post_id = operation.content().target().post;
        if step.store.is_deleted(post_id, entry.author)? {
            return refuse(step, entry.key, operation.id());
        }
        let met = match step.store.find_object(post_id)? {
            Some(key) => {
                let post = step.store.get_object(key)?;
                if post.kind != Kind::Post || post.author != entry.author {
                    return refuse(step, entry.key, operation.id());
                }
                self.forget_attachments(step, key)?;
                delete_post(step, &post)?;
                Met::Yes
            }
            None if step.store.count_unmet_tombstones(entry.author)? >= UNKNOWN_TOMBSTONES => {
                return refuse(step, entry.key, operation.id());
            }
            None => Met::NotYet,
        };
        step.store.insert_tombstone(post_id, entry.author, entry.key, met)?;
        // What waited for the post waits for nothing now.
        self.release_waiting(step, post_id)?;
        step.store.insert_arrival(entry.author, entry.key, Kind::Operation)?;
        self.note_pushed_arrival(step.now, entry);
        self.spread_operation(step.now, operation, entry.source);
        step.tell(Event::ThreadChanged { post_id });
        step.tell(Event::FeedChanged);
        Ok(Intake::New)
    }
}

/// Refuses an operation for good: it can never take effect here.
fn refuse(step: &Step<'_, '_>, key: ObjectKey, id: ObjectId) -> Result<Intake, DbError> {
    step.store.delete_object(key)?;
    step.store.insert_refused(id)?;
    Ok(Intake::Known)
}

/// Takes a post out of feeds, log and disk with everything that stands around it.
fn delete_post(step: &Step<'_, '_>, post: &StoredObject) -> Result<(), DbError> {
    step.store.delete_feed_row(FeedPosition::new(post.created, post.received, post.object_id))?;
    step.store.delete_header(post.key)?;
    step.store.delete_held(post.key)?;
    step.store.delete_object(post.key)
}

/// Comments that are older than the follow start as read, like posts.
fn is_after_follow(step: &Step<'_, '_>, post: &StoredObject, created: Timestamp) -> Result<bool, DbError> {
    if step.store.is_persona(post.author)? {
        return Ok(true);
    }
    let followers = step.store.list_followers(post.author)?;
    Ok(followers.iter().any(|follower| follower.followed <= created))
}

fn react(
    step: &Step<'_, '_>,
    change: &Change<'_>,
    emoji: &str,
    switch: ReactionSwitch,
) -> Result<Effective, DbError> {
    let is_deleted = step.store.is_deleted(change.id(), change.entry.author)?;
    let before = step.store.find_reaction(change.target_id(), change.entry.author, emoji)?;
    let is_last = before
        .as_ref()
        .is_none_or(|before| (before.created, before.operation_id) < (change.created(), change.id()));
    if is_last {
        if let Some(ReactionRow { object: Some(object), operation_id, .. }) = before {
            replaced(step, object, operation_id)?;
        }
        step.store.replace_reaction(&ReactionRow {
            target_id: change.target_id(),
            author: change.entry.author,
            emoji: emoji.to_owned(),
            post: change.post.key,
            created: change.created(),
            operation_id: change.id(),
            object: (!is_deleted).then_some(change.entry.key),
            switch: if is_deleted { ReactionSwitch::Off } else { switch },
        })?;
    }
    Ok(match (is_deleted, is_last) {
        (true, _) => Effective::Deleted,
        (false, true) => Effective::Yes,
        (false, false) => Effective::Never,
    })
}

/// A later operation has taken its place, or removed its ground: it is nobody's question any more.
fn replaced(step: &Step<'_, '_>, object: ObjectKey, id: ObjectId) -> Result<(), DbError> {
    step.store.delete_operation(object)?;
    step.store.insert_refused(id)
}

fn edit(step: &Step<'_, '_>, change: &Change<'_>) -> Result<Effective, DbError> {
    let Change { entry, post, operation, .. } = *change;
    if step.store.is_deleted(operation.id(), entry.author)? {
        return Ok(Effective::Deleted);
    }
    if let Some(comment) = operation.content().target().operation {
        let facts = step.store.find_comment(comment)?;
        if facts.is_some_and(|facts| facts.author != entry.author || facts.state == State::Deleted) {
            return Ok(Effective::Never);
        }
        if step.store.is_deleted(comment, entry.author)? {
            return Ok(Effective::Never);
        }
    }
    step.store.insert_edit(&EditRow {
        target_id: change.target_id(),
        author: entry.author,
        created: change.created(),
        operation_id: operation.id(),
        post: post.key,
        object: entry.key,
    })?;
    if operation.content().target().operation.is_none() {
        step.store.update_post_edit(post.key, post.object_id, post.author)?;
    }
    Ok(Effective::Yes)
}

fn hide(step: &Step<'_, '_>, change: &Change<'_>) -> Result<Effective, DbError> {
    step.store.insert_hide(change.target_id(), change.post.key)?;
    if let Some(comment) = step.store.find_comment(change.target_id())?
        && matches!(comment.state, State::Shown | State::Barred)
    {
        step.store.update_comment_state(change.target_id(), State::Hidden)?;
        step.store.recount_comments(change.post.key)?;
    }
    Ok(Effective::Yes)
}

/// The author of an operation deletes it. What it was about may come later.
fn delete_target(step: &Step<'_, '_>, change: &Change<'_>) -> Result<Effective, DbError> {
    let (target_id, author) = (change.target_id(), change.entry.author);
    if step.store.is_deleted(target_id, author)? {
        return Ok(Effective::Never);
    }
    let target = step.store.find_operation(target_id)?;
    if target.as_ref().is_some_and(|row| row.author != author || row.post != change.post.key) {
        return Ok(Effective::Never);
    }
    let met = if target.is_some() { Met::Yes } else { Met::NotYet };
    step.store.insert_tombstone(target_id, author, change.entry.key, met)?;
    // Its other texts go with it, also where the comment itself is not here yet.
    for edit in step.store.list_edits(target_id, author)? {
        let edit_id = step.store.get_object(edit)?.object_id;
        step.store.delete_edit(edit_id)?;
        replaced(step, edit, edit_id)?;
    }
    if let Some(row) = target {
        match row.action {
            ActionCode::Comment => bury_comment(step, change, &row)?,
            ActionCode::React => bury_reaction(step, &row)?,
            ActionCode::Edit => {
                remove(step, change.post, &row)?;
            }
            // What hides, rules or deletes stays: otherwise the order would matter.
            ActionCode::Hide | ActionCode::Tombstone | ActionCode::Policy => {}
        }
    }
    Ok(Effective::Yes)
}

/// A comment's text goes; its place in the tree stays.
fn bury_comment(step: &Step<'_, '_>, change: &Change<'_>, row: &OperationRow) -> Result<(), DbError> {
    step.store.update_comment_state(row.operation_id, State::Deleted)?;
    step.store.delete_operation(row.object)?;
    step.store.recount_comments(change.post.key)
}

/// A reaction goes; it still beats those before it, as it does where the deletion came first.
fn bury_reaction(step: &Step<'_, '_>, row: &OperationRow) -> Result<(), DbError> {
    if let Some(reaction) = step.store.find_reaction_of(row.operation_id)? {
        let buried = ReactionRow { object: None, switch: ReactionSwitch::Off, ..reaction };
        step.store.replace_reaction(&buried)?;
    }
    step.store.delete_operation(row.object)
}

/// Takes an operation out of the header and off the disk, as if it had never come.
fn remove(step: &Step<'_, '_>, post: &StoredObject, row: &OperationRow) -> Result<(), DbError> {
    match row.action {
        ActionCode::Comment => step.store.delete_comment(row.operation_id)?,
        ActionCode::React => {
            if let Some(reaction) = step.store.find_reaction_of(row.operation_id)? {
                step.store.delete_reaction(&reaction)?;
            }
        }
        ActionCode::Edit => step.store.delete_edit(row.operation_id)?,
        ActionCode::Hide | ActionCode::Tombstone | ActionCode::Policy => {}
    }
    step.store.delete_operation(row.object)?;
    if row.action == ActionCode::Edit && row.target_id == post.object_id {
        step.store.update_post_edit(post.key, post.object_id, post.author)?;
    }
    Ok(())
}

fn set_policy(step: &Step<'_, '_>, change: &Change<'_>) -> Result<Effective, DbError> {
    let post = change.post.key;
    if let Some(before) = step.store.find_header(post)?.policy {
        let before = step.store.get_object(before)?;
        if (before.created, before.object_id) > (change.created(), change.id()) {
            return Ok(Effective::Never);
        }
        replaced(step, before.key, before.object_id)?;
    }
    step.store.update_policy(post, change.entry.key)?;
    let policy = policy_of(step, post)?;
    for (author, posting_id) in step.store.list_commenters(post)? {
        let is_allowed = policy.allows(posting_id, change.post_author);
        let state = if is_allowed { State::Shown } else { State::Barred };
        step.store.update_comments_barred(post, author, state)?;
    }
    step.store.recount_comments(post)?;
    Ok(Effective::Yes)
}

/// The policy that holds for a post.
pub(super) fn policy_of(step: &Step<'_, '_>, post: ObjectKey) -> Result<CommentPolicy, DbError> {
    let Some(key) = step.store.find_header(post)?.policy else {
        return Ok(CommentPolicy::Everyone);
    };
    policy_in(&step.store.get_envelope(key)?.bytes)
}

/// The policy a stored operation sets.
///
/// # Errors
/// [`DbError::DamagedRow`] when it is none.
pub fn policy_in(bytes: &[u8]) -> Result<CommentPolicy, DbError> {
    match Operation::decode(bytes).as_ref().map(Operation::action) {
        Ok(Action::Policy(policy)) => Ok(policy.clone()),
        _ => Err(DbError::DamagedRow { table: "headers" }),
    }
}

/// Whether a post was deleted by its author before it came; then it is remembered as met.
pub(super) fn is_dead_on_arrival(
    step: &Step<'_, '_>,
    post_id: ObjectId,
    author: Author,
) -> Result<bool, DbError> {
    let is_deleted = step.store.is_deleted(post_id, author)?;
    if is_deleted {
        step.store.update_tombstone_met(post_id, author)?;
    }
    Ok(is_deleted)
}
