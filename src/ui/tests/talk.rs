//! Comments, reactions and all that on one post, in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fake::{NOW, posting_id};
use crate::api::{Addressee, Command, CommentState, CommentView, More, PostView, ReadMark, ThreadView};
use crate::domain::ids::ObjectId;
use crate::domain::operation::{CommentPolicy, ReactionSwitch};
use crate::domain::ordering::CommentPosition;
use crate::domain::text::SafeText;

/// What stands around a post.
#[derive(Default)]
pub struct Talk {
    pub comments: Vec<CommentView>,
    pub policy: CommentPolicy,
    pub reactions: BTreeMap<SafeText, u64>,
    pub my_reactions: Vec<SafeText>,
}

pub fn comment_id(number: u16) -> ObjectId {
    let [high, low] = number.to_be_bytes();
    let mut id = [0; 32];
    (id[0], id[1], id[2]) = (0xc0, high, low);
    ObjectId::from_bytes(id)
}

/// A read comment of kim's, one second after the one with the number before it.
pub fn comment(number: u16, parent: Option<ObjectId>) -> CommentView {
    let created = NOW.before(Duration::from_mins(150)).after(Duration::from_secs(u64::from(number)));
    CommentView {
        operation_id: comment_id(number),
        parent,
        author: posting_id(0x31),
        author_name: SafeText::line("kim"),
        persona: None,
        text: SafeText::line(&format!("comment {number}")),
        state: CommentState::Shown,
        created,
        received: created,
        edited: None,
        reactions: BTreeMap::new(),
        my_reactions: Vec::new(),
        mark: ReadMark::Read,
        addressee: Addressee::Others,
    }
}

/// The same, not read yet.
pub fn unread(number: u16, parent: Option<ObjectId>) -> CommentView {
    CommentView { mark: ReadMark::Unread, ..comment(number, parent) }
}

/// The same, by somebody else.
pub fn by(comment: CommentView, author: u8, name: &str, text: &str) -> CommentView {
    CommentView {
        author: posting_id(author),
        author_name: SafeText::line(name),
        persona: (author == 0xaa).then_some(posting_id(author)),
        text: SafeText::body(text),
        ..comment
    }
}

/// The same, in answer to me.
pub fn to_me(comment: CommentView) -> CommentView {
    CommentView { addressee: Addressee::Me, ..comment }
}

impl Talk {
    pub fn has(&self, id: ObjectId) -> bool {
        self.comments.iter().any(|comment| comment.operation_id == id)
    }

    /// A post as it stands with this around it.
    pub fn around(&self, post: PostView) -> PostView {
        let shown = || self.comments.iter().filter(|comment| comment.state == CommentState::Shown);
        let unread = || shown().filter(|comment| comment.mark == ReadMark::Unread);
        let count = |count: usize| u64::try_from(count).unwrap();
        PostView {
            reactions: self.reactions.clone(),
            my_reactions: self.my_reactions.clone(),
            comment_count: count(shown().count()),
            unread_comment_count: count(unread().count()),
            unread_to_me_count: count(unread().filter(|comment| comment.addressee == Addressee::Me).count()),
            ..post
        }
    }

    /// A page of the comments.
    pub fn page(&self, post: PostView, after: Option<CommentPosition>, limit: u32) -> ThreadView {
        let mut sorted = self.comments.clone();
        sorted.sort_by_key(CommentView::position);
        sorted.retain(|comment| after.is_none_or(|after| comment.position() > after));
        let limit = usize::try_from(limit).unwrap();
        let more = if sorted.len() > limit { More::Follows } else { More::End };
        sorted.truncate(limit);
        ThreadView { post, policy: self.policy.clone(), comments: sorted, more }
    }

    /// Does what a node would do with it.
    pub fn operate(&mut self, target: ObjectId, on_post: bool, command: &Command) -> ObjectId {
        let next = u16::try_from(20_000 + self.comments.len()).unwrap();
        let meant = self.comments.iter_mut().find(|comment| comment.operation_id == target);
        match command {
            Command::Reply { text, .. } => {
                let parent = (!on_post).then_some(target);
                let written = CommentView { created: NOW, received: NOW, ..comment(next, parent) };
                self.comments.push(by(written, 0xaa, "ana", text));
            }
            Command::React { emoji, switch, .. } => {
                let emoji = SafeText::line(emoji);
                let (reactions, mine) = match meant {
                    Some(comment) => (&mut comment.reactions, &mut comment.my_reactions),
                    None => (&mut self.reactions, &mut self.my_reactions),
                };
                let count = reactions.entry(emoji.clone()).or_default();
                if *switch == ReactionSwitch::On {
                    *count += 1;
                    mine.push(emoji);
                } else {
                    *count -= 1;
                    mine.retain(|other| *other != emoji);
                    reactions.retain(|_, count| *count > 0);
                }
            }
            Command::Edit { text, .. } => {
                if let Some(comment) = meant {
                    (comment.text, comment.edited) = (SafeText::body(text), Some(NOW));
                }
            }
            Command::Delete { .. } | Command::HideComment { .. } => {
                if let Some(comment) = meant {
                    let is_hidden = matches!(command, Command::HideComment { .. });
                    comment.state = if is_hidden { CommentState::Hidden } else { CommentState::Deleted };
                    comment.text = SafeText::default();
                }
            }
            Command::SetPolicy { policy, .. } => self.policy = policy.clone(),
            Command::ReadComments { received_by, .. } => {
                for comment in self.comments.iter_mut().filter(|comment| comment.received <= *received_by) {
                    comment.mark = ReadMark::Read;
                }
            }
            _ => {}
        }
        comment_id(next)
    }
}
