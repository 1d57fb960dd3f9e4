//! What a person's commands on posts and comments do: answer, react, edit, delete, hide, rule who may comment, mark as
//! read. Everything is checked before anything is signed, so that a refusal changes nothing.

use std::time::Duration;

use super::headers::policy_of;
use super::intake::Intake;
use super::person::{Refusal, find_persona, invalid, not_found};
use super::{Engine, Step};
use crate::api::{DraftSlot, Event, Outcome};
use crate::db::comments::State;
use crate::db::objects::StoredObject;
use crate::db::operations::{ActionCode, Counted};
use crate::db::personas::PersonaRow;
use crate::domain::envelope::{ContentError, Kind, Object};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::operation::{Action, CommentPolicy, Operation, ReactionSwitch, Target, parse_emoji};
use crate::domain::ordering::FeedPosition;
use crate::domain::time::Timestamp;
use crate::limits::{CLOCK_AHEAD, COMMENT_TEXT_BYTES, POLICY_IDS, POST_TEXT_BYTES};

/// A post or comment somebody means.
struct Meant {
    post: StoredObject,
    post_author: PostingId,
    /// Who wrote what is meant: the post or the comment.
    author: PostingId,
    target: Target,
}

impl Engine {
    pub(super) fn reply(
        &mut self,
        step: &mut Step<'_, '_>,
        target: ObjectId,
        text: String,
        persona: Option<PostingId>,
        draft: Option<DraftSlot>,
    ) -> Result<ObjectId, Refusal> {
        let meant = find_meant(step, target)?;
        let persona = choose_persona(step, &meant, persona)?;
        if !policy_of(step, meant.post.key)?.allows(persona.posting_id, meant.post_author) {
            let hint = "its author has closed the comments; write a post instead";
            return Err(invalid("nobody would see a comment of yours on this post", hint));
        }
        let id = self.publish_operation(step, &meant, &persona, Action::Comment(text))?;
        self.finish_draft(step, draft)?;
        Ok(id)
    }

    pub(super) fn react(
        &mut self,
        step: &mut Step<'_, '_>,
        target: ObjectId,
        emoji: &str,
        switch: ReactionSwitch,
        persona: Option<PostingId>,
    ) -> Result<ObjectId, Refusal> {
        // What somebody else chose can be taken up as it is; anything new has to be one emoji.
        let meant = find_meant(step, target)?;
        let emoji = if step.store.list_reactions(target)?.contains_key(emoji) {
            emoji.to_owned()
        } else {
            parse_emoji(emoji).map_err(|error| invalid(error.to_string(), "for example 👍"))?
        };
        let persona = choose_persona(step, &meant, persona)?;
        match (step.store.find_reaction(target, persona.author, &emoji)?, switch) {
            (Some(before), _) if before.switch == switch => return Ok(before.operation_id),
            (None, ReactionSwitch::Off) => {
                return Err(not_found(
                    "there is no such reaction of yours",
                    "`itsgoin thread ID` shows them",
                ));
            }
            _ => {}
        }
        self.publish_operation(step, &meant, &persona, Action::React { emoji, switch })
    }

    pub(super) fn edit(
        &mut self,
        step: &mut Step<'_, '_>,
        target: ObjectId,
        text: String,
        draft: Option<DraftSlot>,
    ) -> Result<ObjectId, Refusal> {
        let meant = find_meant(step, target)?;
        let persona = find_author_among_mine(step, meant.author, "only its author can change it")?;
        let id = self.publish_operation(step, &meant, &persona, Action::Edit(text))?;
        self.finish_draft(step, draft)?;
        Ok(id)
    }

    pub(super) fn delete(&mut self, step: &mut Step<'_, '_>, target: ObjectId) -> Result<ObjectId, Refusal> {
        let meant = find_meant(step, target)?;
        let hint = "only its author can delete it; comments on your own posts can be hidden";
        let persona = find_author_among_mine(step, meant.author, hint)?;
        self.publish_operation(step, &meant, &persona, Action::Tombstone)
    }

    pub(super) fn hide_comment(
        &mut self,
        step: &mut Step<'_, '_>,
        comment: ObjectId,
    ) -> Result<ObjectId, Refusal> {
        let meant = find_meant(step, comment)?;
        if meant.target.operation.is_none() {
            return Err(invalid("this is a post", "name a comment on a post of yours"));
        }
        let hint = "only the author of the post can hide comments on it";
        let persona = find_author_among_mine(step, meant.post_author, hint)?;
        self.publish_operation(step, &meant, &persona, Action::Hide)
    }

    pub(super) fn set_policy(
        &mut self,
        step: &mut Step<'_, '_>,
        post_id: ObjectId,
        policy: CommentPolicy,
    ) -> Result<ObjectId, Refusal> {
        let meant = find_meant(step, post_id)?;
        if meant.target.operation.is_some() {
            return Err(invalid("this is a comment", "name the post"));
        }
        let hint = "only the author of a post says who may comment on it";
        let persona = find_author_among_mine(step, meant.author, hint)?;
        self.publish_operation(step, &meant, &persona, Action::Policy(policy))
    }

    fn publish_operation(
        &mut self,
        step: &mut Step<'_, '_>,
        meant: &Meant,
        persona: &PersonaRow,
        action: Action,
    ) -> Result<ObjectId, Refusal> {
        let key = self.key_of(persona.posting_id)?;
        let counted = Counted::from(ActionCode::from(&action));
        let most = counted.most();
        if step.store.count_operations_by(meant.post.key, persona.author, counted)? >= most {
            let message = match counted {
                Counted::Content => format!("{most} comments, reactions and edits of one person on one post"),
                Counted::Tombstones => format!("{most} deletions of one person on one post"),
            };
            return Err(invalid(format!("{message} are the most"), "write a post instead"));
        }
        // What I do later has to count as later, also within a millisecond or after the clock was set back.
        let last = step.store.find_last_operation_created(meant.post.key, persona.author)?;
        let later = last.map(|last| last.after(Duration::from_millis(1)));
        let created = later.map_or(step.now, |later| later.max(step.now)).min(step.now.after(CLOCK_AHEAD));
        let most = if meant.target.operation.is_none() && matches!(action, Action::Edit(_)) {
            POST_TEXT_BYTES
        } else {
            COMMENT_TEXT_BYTES
        };
        let operation = Operation::new(persona.posting_id, created, meant.target, action)
            .map_err(|error| refuse_content(error, most))?;
        let signed = key.sign(&operation);
        let id = signed.id();
        match self.take_in(step, &Object::Operation(Box::new(signed)), None)? {
            Intake::New => Ok(id),
            Intake::Known | Intake::Deferred => {
                Err(invalid("this post has as many operations as a post may have", "write a post instead"))
            }
        }
    }
}

fn refuse_content(error: ContentError, most: usize) -> Refusal {
    match error {
        ContentError::TooLarge => invalid(
            format!("at most {most} bytes of text, and {POLICY_IDS} people in a list"),
            "shorten it, or write a post",
        ),
        ContentError::Empty => invalid("there is no text", "write something first"),
        _ => invalid("this cannot be done here", "only an author can change what is theirs"),
    }
}

/// The post or comment with this id.
fn find_meant(step: &Step<'_, '_>, id: ObjectId) -> Result<Meant, Refusal> {
    let nothing =
        || not_found("there is no such post or comment here", "`itsgoin thread ID --json` lists the ids");
    let comment = step.store.find_comment(id)?;
    let (post, author) = match comment {
        Some(comment) if comment.state == State::Deleted => return Err(nothing()),
        Some(comment) => (comment.post, comment.author),
        None => {
            let key = step.store.find_object(id)?.ok_or_else(nothing)?;
            (key, step.store.get_object(key)?.author)
        }
    };
    let post = step.store.get_object(post)?;
    if post.kind != Kind::Post || step.store.is_held(post.key)? {
        return Err(nothing());
    }
    let post_author = step.store.get_posting_id(post.author)?;
    let author = step.store.get_posting_id(author)?;
    let target = Target { post: post.object_id, author: post_author, operation: comment.map(|_| id) };
    Ok(Meant { post, post_author, author, target })
}

/// The named persona; else the one that wrote the post or whose follow surfaced it; else the default one.
fn choose_persona(
    step: &Step<'_, '_>,
    meant: &Meant,
    named: Option<PostingId>,
) -> Result<PersonaRow, Refusal> {
    if named.is_some() {
        return find_persona(step, named);
    }
    let position = FeedPosition::new(meant.post.created, meant.post.received, meant.post.object_id);
    let surfaced = step.store.find_feed_post(position)?.and_then(|row| row.persona);
    let mine = step.store.list_personas()?;
    let is_chosen = |persona: &&PersonaRow| {
        persona.posting_id == meant.post_author || Some(persona.posting_id) == surfaced
    };
    match mine.iter().find(is_chosen) {
        Some(persona) => Ok(persona.clone()),
        None => find_persona(step, None),
    }
}

fn find_author_among_mine(step: &Step<'_, '_>, author: PostingId, hint: &str) -> Result<PersonaRow, Refusal> {
    let mine = step.store.list_personas()?.into_iter().find(|persona| persona.posting_id == author);
    mine.ok_or_else(|| invalid("somebody else wrote this", hint))
}

pub(super) fn read_comments(
    step: &mut Step<'_, '_>,
    post_id: ObjectId,
    received_by: Timestamp,
) -> Result<Outcome, Refusal> {
    let nothing = || not_found("there is no such post here", "`itsgoin feed --json` lists ids");
    let post = step.store.find_object(post_id)?.ok_or_else(nothing)?;
    if step.store.update_comments_read(post, received_by)? > 0 {
        step.store.recount_comments(post)?;
        step.tell(Event::ThreadChanged { post_id });
    }
    Ok(Outcome::Done)
}
