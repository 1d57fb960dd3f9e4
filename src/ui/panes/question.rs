//! What is asked before something cannot be taken back: deleting, hiding, and saying whose comments are shown. The
//! question says what will happen and what will not.

use std::collections::BTreeSet;

use super::target::{self, Kind, Target};
use super::thread::Thread;
use crate::api::{Command, CommentState, MessageKey, RequestAnswer, Talk};
use crate::domain::conversation::{ConversationId, Keep};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::operation::CommentPolicy;
use crate::domain::text::SafeText;
use crate::limits::POLICY_IDS;
use crate::ui::action::Action;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{Model, Overlay, Place};

/// A question that waits for yes or anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Delete an own post or comment?
    Delete(Kind, ObjectId),
    /// Hide somebody's comment on an own post?
    Hide(ObjectId, SafeText),
    /// Show only some people's comments on an own post?
    Policy(ObjectId, CommentPolicy),
    /// Delete a message; mine or somebody else's?
    DeleteMessage(ConversationId, MessageKey, bool),
    /// Answer a stranger's request like this? Whose it is.
    Request(ConversationId, RequestAnswer, SafeText),
    /// Keep messages for a shorter time?
    Keep(ConversationId, Keep),
    /// Leave a group? What it is called.
    LeaveGroup(ConversationId, SafeText),
}

impl Question {
    /// What is asked.
    pub fn text(&self) -> String {
        match self {
            Self::Delete(Kind::Post, _) => {
                "Delete this post? It goes here and its comments with it; all others are asked to. Who has a copy \
                 may keep it. This cannot be undone."
            }
            Self::Delete(Kind::Comment, _) => {
                "Delete this comment? It goes here; all others are asked to. Who has a copy may keep it. This \
                 cannot be undone."
            }
            Self::Hide(_, whose) => {
                return format!(
                    "Hide this comment of {whose}? Readers of your post do not see it any more; it is not deleted. \
                     This cannot be undone."
                );
            }
            Self::DeleteMessage(_, _, true) => {
                "Delete this message? It goes here; the others are asked to. Who has a copy may keep it. This cannot \
                 be undone."
            }
            Self::DeleteMessage(_, _, false) => {
                "Delete this message on this device? Its writer is told nothing. This cannot be undone."
            }
            Self::Request(_, answer, who) => {
                return match answer {
                    RequestAnswer::Accept => format!(
                        "Accept the request of {who}, to answer it? It becomes a conversation. Nothing is sent by that."
                    ),
                    RequestAnswer::Ignore => format!(
                        "Ignore {who}? The request leaves the list, and more of the same person goes the same way."
                    ),
                    RequestAnswer::Block => format!(
                        "Block {who}? The request is removed, and nothing of this person is shown to you again."
                    ),
                };
            }
            Self::Keep(_, keep) => {
                return format!(
                    "Keep messages of this conversation for a shorter time? On this device {}, those that are here \
                     already too. This cannot be undone; the others are told nothing and keep theirs.",
                    keep.sentence()
                );
            }
            Self::LeaveGroup(_, name) => {
                return format!(
                    "Leave the group {name}? The others are told. What is here stays; only an admin can take you in \
                     again."
                );
            }
            Self::Policy(_, CommentPolicy::Everyone) => "Show everybody's comments on your post again?",
            Self::Policy(_, CommentPolicy::Nobody) => {
                "Show only your own comments on your post? Readers do not see those of others, old and new; you can \
                 change it back."
            }
            Self::Policy(_, CommentPolicy::Listed(ids)) => {
                return format!(
                    "Show only comments of the {} people who have commented so far? The list is public; you can \
                     change it back.",
                    ids.len()
                );
            }
        }
        .to_owned()
    }
}

/// Asks whether to delete.
pub fn delete(model: &mut Model, target: &Target) -> Vec<Request> {
    if target.mine.is_none() {
        let hint = match (target.kind, target.owner) {
            (Kind::Comment, Some(_)) => format!(": {} hides it", model.key(Action::HideComment)),
            _ => String::new(),
        };
        return model.say(&format!("only your own can be deleted{hint}"));
    }
    model.overlay = Some(Overlay::Question(Question::Delete(target.kind, target.id)));
    Vec::new()
}

/// Asks whether to hide a comment.
pub fn hide(model: &mut Model, target: &Target) -> Vec<Request> {
    match (target.kind, target.owner, target.mine) {
        (Kind::Post, ..) => model.say("a post can be deleted, not hidden"),
        (_, None, _) => model.say("only on your own post can you hide comments"),
        (_, _, Some(_)) => model.say(&format!("this is your own: {} deletes it", model.key(Action::Delete))),
        (Kind::Comment, Some(_), None) => {
            let whose = match target.author_name.as_str().trim() {
                "" => target.author.fingerprint(),
                name => format!("{name} {}", target.author.fingerprint()),
            };
            let question = Question::Hide(target.id, SafeText::line(&whose));
            model.overlay = Some(Overlay::Question(question));
            Vec::new()
        }
    }
}

/// Asks whether to show only some people's comments.
pub fn policy(model: &mut Model, action: Action) -> Vec<Request> {
    let post = match model.place {
        Place::Thread => model.thread.as_ref().map(Thread::post),
        _ => model.feed.selected(),
    };
    let Some(target) = post.map(Target::post) else {
        return model.say(target::NOTHING);
    };
    if target.owner.is_none() {
        return model.say("only for your own post can you say whose comments are shown");
    }
    let policy = match action {
        Action::CommentsOfNobody => CommentPolicy::Nobody,
        Action::CommentsOfPresent => match present(model, target.post_id) {
            Ok(ids) => CommentPolicy::Listed(ids),
            Err(why) => return model.say(why),
        },
        _ => CommentPolicy::Everyone,
    };
    model.overlay = Some(Overlay::Question(Question::Policy(target.post_id, policy)));
    Vec::new()
}

/// Whoever has commented on the opened post.
fn present(model: &Model, post_id: ObjectId) -> Result<Vec<PostingId>, &'static str> {
    let thread = model.thread.as_ref().filter(|thread| thread.post().post_id == post_id);
    let thread = thread.ok_or("open the post first: its comments say who is meant")?;
    let nodes = thread.comments().tree().nodes().iter();
    let shown = nodes.filter_map(|node| thread.comments().comment(node));
    let ids: BTreeSet<PostingId> = shown
        .filter(|comment| comment.state == CommentState::Shown && comment.author != thread.post().author)
        .map(|comment| comment.author)
        .collect();
    match ids.len() {
        0 => Err("nobody else has commented yet"),
        count if count > POLICY_IDS => Err("more people have commented than a list can hold"),
        _ => Ok(ids.into_iter().collect()),
    }
}

/// Does what was asked.
pub fn confirmed(model: &mut Model) -> Vec<Request> {
    let Some(Overlay::Question(question)) = model.overlay.take() else {
        return Vec::new();
    };
    let (asked, command) = match question {
        Question::Delete(kind, target) => (Asked::Delete(kind, target), Command::Delete { target }),
        Question::Hide(comment, _) => (Asked::Hide, Command::HideComment { comment }),
        Question::DeleteMessage(thread, message, _) => {
            (Asked::Talk(thread), Command::Talk(Talk::Delete { thread, message }))
        }
        Question::Request(thread, answer, _) => {
            (Asked::AnswerRequest(thread, answer), Command::Talk(Talk::Answer { thread, answer }))
        }
        Question::Keep(thread, keep) => return vec![super::groups::kept(thread, keep)],
        Question::LeaveGroup(thread, _) => return vec![super::groups::left(thread)],
        Question::Policy(post_id, policy) => (Asked::Policy, Command::SetPolicy { post_id, policy }),
    };
    vec![Request::Command(asked, command)]
}

/// A post or comment is deleted here.
pub fn deleted(model: &mut Model, kind: Kind, id: ObjectId) -> Vec<Request> {
    let mut requests = match kind {
        Kind::Comment => Vec::new(),
        Kind::Post => {
            if model.thread.as_ref().is_some_and(|thread| thread.post().post_id == id) {
                model.thread = None;
                if model.place == Place::Thread {
                    model.place = Place::Feed;
                }
            }
            model.feed.changed()
        }
    };
    requests.extend(model.say(&format!("the {} is deleted here, and all others are asked to", kind.name())));
    requests
}
