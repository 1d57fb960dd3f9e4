//! What a key is about that answers, reacts, changes, deletes, hides or copies: the selected post of the feed, or the
//! selected post or comment of the opened thread.

use std::collections::BTreeMap;

use super::{attachments, compose, feed, question, reaction, thread};
use crate::api::{CommentState, CommentView, PostView};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::text::SafeText;
use crate::ui::action::Action;
use crate::ui::message::Request;
use crate::ui::model::{Model, Place};

/// Why there is nothing to act on.
pub const NOTHING: &str = "nothing is selected";
/// The same, where only the place of a comment is known.
pub const NOT_HERE: &str = "this comment is not here yet";

/// Which of both it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A post.
    Post,
    /// A comment.
    Comment,
}

impl Kind {
    /// What a sentence calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Comment => "comment",
        }
    }
}

/// A post or comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which.
    pub id: ObjectId,
    /// The post it is or belongs to.
    pub post_id: ObjectId,
    /// Which of both it is.
    pub kind: Kind,
    /// Who signed it.
    pub author: PostingId,
    /// The author's name.
    pub author_name: SafeText,
    /// Its text.
    pub text: SafeText,
    /// My persona that wrote it, if one did.
    pub mine: Option<PostingId>,
    /// My persona that wrote the post or surfaced it: it acts where none is chosen.
    pub surfaced_by: Option<PostingId>,
    /// My persona that wrote the post, if one did.
    pub owner: Option<PostingId>,
    /// Reactions to it.
    pub reactions: BTreeMap<SafeText, u64>,
    /// Those that are mine.
    pub my_reactions: Vec<SafeText>,
}

impl Target {
    /// A post.
    pub fn post(post: &PostView) -> Self {
        let owner = post.persona.filter(|persona| *persona == post.author);
        Self {
            id: post.post_id,
            post_id: post.post_id,
            kind: Kind::Post,
            author: post.author,
            author_name: post.author_name.clone(),
            text: post.text.clone(),
            mine: owner,
            surfaced_by: post.persona,
            owner,
            reactions: post.reactions.clone(),
            my_reactions: post.my_reactions.clone(),
        }
    }

    /// A comment on a post, if it is shown; else why nothing can be done with it.
    pub fn comment(post: &PostView, comment: &CommentView) -> Result<Self, &'static str> {
        match comment.state {
            CommentState::Deleted => return Err("this comment was deleted"),
            CommentState::Hidden => return Err("this comment is hidden"),
            CommentState::Shown => {}
        }
        Ok(Self {
            id: comment.operation_id,
            kind: Kind::Comment,
            author: comment.author,
            author_name: comment.author_name.clone(),
            text: comment.text.clone(),
            mine: comment.persona,
            reactions: comment.reactions.clone(),
            my_reactions: comment.my_reactions.clone(),
            ..Self::post(post)
        })
    }
}

/// Whether a comment's text is shown.
pub fn is_shown(comment: &CommentView) -> bool {
    comment.state == CommentState::Shown
}

/// What is selected where the person is.
pub fn selected(model: &Model) -> Result<Target, &'static str> {
    if model.place == Place::Thread {
        return thread::selected(model);
    }
    model.feed.selected().map(Target::post).ok_or(NOTHING)
}

/// Runs an action that is about a post or comment; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let act: fn(&mut Model, &Target) -> Vec<Request> = match action {
        Action::Reply => compose::reply,
        Action::React => reaction::toggle_last,
        Action::PickReaction => reaction::pick,
        Action::Edit => compose::edit,
        Action::Delete => question::delete,
        Action::HideComment => question::hide,
        Action::CommentsOfAll | Action::CommentsOfNobody | Action::CommentsOfPresent => {
            return Some(question::policy(model, action));
        }
        Action::CopyText => |model, target| feed::copy(model, target.text.as_str()),
        _ => return attachments::perform(model, action),
    };
    Some(match selected(model) {
        Ok(target) => act(model, &target),
        Err(why) => model.say(why),
    })
}
