//! Operations: signed, idempotent changes of what stands around a post (its header): reactions, comments, edits,
//! hiding, deletion, comment policy.
//!
//! In any order, twice, or late, the same operations make the same header. What only the bytes decide is checked here;
//! what needs the target (is the editor the comment's author?) is decided where the header is read.

use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_segmentation::UnicodeSegmentation;

use super::envelope::{Content, ContentError, Kind};
use super::ids::{ObjectId, PostingId};
use super::time::Timestamp;
use crate::limits::{COMMENT_TEXT_BYTES, EMOJI_BYTES, OPERATION_BYTES, POLICY_IDS, POST_TEXT_BYTES};

/// The version of the operation format this program writes and reads.
const VERSION: u8 = 1;

const REACT: u8 = 1;
const COMMENT: u8 = 2;
const EDIT: u8 = 3;
const HIDE: u8 = 4;
const TOMBSTONE: u8 = 5;
const POLICY: u8 = 6;

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The post whose header changes.
    pub post: ObjectId,
    /// Who signed that post, as the operation says: it is void where that is not so.
    pub author: PostingId,
    /// The comment or other operation that is meant; `None` means the post itself.
    pub operation: Option<ObjectId>,
}

/// Whether a reaction is put or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReactionSwitch {
    /// Put.
    On,
    /// Taken back.
    Off,
}

/// A text is no emoji a person can react with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a reaction is one emoji")]
pub struct EmojiError;

/// Checks what somebody wants to react with: one visible picture. What others sent is only bounded, since what counts
/// as one picture changes with every version of Unicode.
///
/// # Errors
/// [`EmojiError`], whose text is for the person.
pub fn parse_emoji(text: &str) -> Result<String, EmojiError> {
    let text = text.trim();
    let is_one = text.graphemes(true).count() == 1 && text.len() <= EMOJI_BYTES;
    let is_picture = text.chars().any(|scalar| !scalar.is_ascii() && !scalar.is_alphanumeric());
    let is_safe = super::text::SafeText::line(text).as_str() == text;
    if is_one && is_picture && is_safe { Ok(text.to_owned()) } else { Err(EmojiError) }
}

/// Whose comments on a post are shown. Its author's always are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommentPolicy {
    /// Everybody's.
    #[default]
    Everyone,
    /// Nobody else's.
    Nobody,
    /// Only these people's, at most `POLICY_IDS`.
    Listed(Vec<PostingId>),
}

impl CommentPolicy {
    /// Whether comments of this person are shown under a post of `post_author`.
    #[must_use]
    pub fn allows(&self, author: PostingId, post_author: PostingId) -> bool {
        author == post_author
            || match self {
                Self::Everyone => true,
                Self::Nobody => false,
                Self::Listed(ids) => ids.contains(&author),
            }
    }
}

/// What an operation does.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// Puts or takes back a reaction; the last one of an author, target and emoji counts.
    React {
        /// The emoji, raw.
        emoji: String,
        /// Put or taken back.
        switch: ReactionSwitch,
    },
    /// A comment; with a target operation an answer to it.
    Comment(String),
    /// A new text for the author's own post or comment; the last one counts.
    Edit(String),
    /// Hides an operation; only the post's author can.
    Hide,
    /// Deletes the author's own post or operation, for ever.
    Tombstone,
    /// Whose comments are shown; only the post's author can say so, the last one counts.
    Policy(CommentPolicy),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::React { .. } => "React",
            Self::Comment(_) => "Comment",
            Self::Edit(_) => "Edit",
            Self::Hide => "Hide",
            Self::Tombstone => "Tombstone",
            Self::Policy(_) => "Policy",
        })
    }
}

/// A change of a post's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    author: PostingId,
    created: Timestamp,
    target: Target,
    action: Action,
}

impl Operation {
    /// An operation to be signed.
    ///
    /// # Errors
    /// [`ContentError::Empty`] or [`ContentError::TooLarge`] for its text, emoji or list, [`ContentError::Forbidden`]
    /// when the author can never do this to this target.
    pub fn new(
        author: PostingId,
        created: Timestamp,
        target: Target,
        action: Action,
    ) -> Result<Self, ContentError> {
        let operation = Self { author, created, target, action };
        operation.check().map(|()| operation)
    }

    /// What it is about.
    #[must_use]
    pub const fn target(&self) -> Target {
        self.target
    }

    /// What it does.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.action
    }

    fn check(&self) -> Result<(), ContentError> {
        let by_post_author = self.author == self.target.author;
        let on_post = self.target.operation.is_none();
        let is_allowed = match self.action {
            Action::React { .. } | Action::Comment(_) => true,
            // Of an operation only its own author: that needs the operation itself.
            Action::Edit(_) | Action::Tombstone => by_post_author || !on_post,
            Action::Hide => by_post_author && !on_post,
            Action::Policy(_) => by_post_author && on_post,
        };
        if !is_allowed {
            return Err(ContentError::Forbidden);
        }
        match &self.action {
            Action::React { emoji, .. } => check_text(emoji, EMOJI_BYTES),
            Action::Comment(text) => check_text(text, COMMENT_TEXT_BYTES),
            Action::Edit(text) => {
                check_text(text, if on_post { POST_TEXT_BYTES } else { COMMENT_TEXT_BYTES })
            }
            Action::Policy(CommentPolicy::Listed(ids)) if ids.len() > POLICY_IDS => {
                Err(ContentError::TooLarge)
            }
            Action::Hide | Action::Tombstone | Action::Policy(_) => Ok(()),
        }
    }
}

fn check_text(text: &str, most: usize) -> Result<(), ContentError> {
    if text.len() > most {
        return Err(ContentError::TooLarge);
    }
    if text.trim().is_empty() {
        return Err(ContentError::Empty);
    }
    Ok(())
}

/// The signed bytes field by field. Map keys are the format; new fields are optional ones with higher keys.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Fields {
    #[n(0)]
    version: u8,
    #[n(1)]
    author: PostingId,
    #[n(2)]
    created: Timestamp,
    #[n(3)]
    post: ObjectId,
    #[n(4)]
    post_author: PostingId,
    #[n(5)]
    operation: Option<ObjectId>,
    #[n(6)]
    action: u8,
    /// Emoji of a reaction, text of a comment or edit.
    #[n(7)]
    text: Option<String>,
    /// Of a reaction: 1 put, 0 taken back. Of a policy: 0 everyone, 1 nobody, 2 those of `ids`.
    #[n(8)]
    choice: Option<u8>,
    #[n(9)]
    ids: Option<Vec<PostingId>>,
}

impl Fields {
    fn of(operation: &Operation) -> Self {
        let (action, text, choice, ids) = match operation.action.clone() {
            Action::React { emoji, switch } => {
                (REACT, Some(emoji), Some(u8::from(switch == ReactionSwitch::On)), None)
            }
            Action::Comment(text) => (COMMENT, Some(text), None, None),
            Action::Edit(text) => (EDIT, Some(text), None, None),
            Action::Hide => (HIDE, None, None, None),
            Action::Tombstone => (TOMBSTONE, None, None, None),
            Action::Policy(CommentPolicy::Everyone) => (POLICY, None, Some(0), None),
            Action::Policy(CommentPolicy::Nobody) => (POLICY, None, Some(1), None),
            Action::Policy(CommentPolicy::Listed(ids)) => (POLICY, None, Some(2), Some(ids)),
        };
        let Target { post, author: post_author, operation: target } = operation.target;
        let (author, created) = (operation.author, operation.created);
        Self {
            version: VERSION,
            author,
            created,
            post,
            post_author,
            operation: target,
            action,
            text,
            choice,
            ids,
        }
    }

    fn into_operation(self) -> Result<Operation, ContentError> {
        if self.version != VERSION {
            return Err(ContentError::UnknownVersion);
        }
        let action = match (self.action, self.text, self.choice, self.ids) {
            (REACT, Some(emoji), Some(0), _) => Action::React { emoji, switch: ReactionSwitch::Off },
            (REACT, Some(emoji), Some(1), _) => Action::React { emoji, switch: ReactionSwitch::On },
            (COMMENT, Some(text), ..) => Action::Comment(text),
            (EDIT, Some(text), ..) => Action::Edit(text),
            (HIDE, ..) => Action::Hide,
            (TOMBSTONE, ..) => Action::Tombstone,
            (POLICY, _, Some(0), _) => Action::Policy(CommentPolicy::Everyone),
            (POLICY, _, Some(1), _) => Action::Policy(CommentPolicy::Nobody),
            (POLICY, _, Some(2), Some(ids)) => Action::Policy(CommentPolicy::Listed(ids)),
            _ => return Err(ContentError::Malformed),
        };
        let target = Target { post: self.post, author: self.post_author, operation: self.operation };
        Operation::new(self.author, self.created, target, action)
    }
}

impl Content for Operation {
    const KIND: Kind = Kind::Operation;

    fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        if bytes.len() > OPERATION_BYTES {
            return Err(ContentError::TooLarge);
        }
        super::cbor::decode_whole::<Fields>(bytes)?.into_operation()
    }

    fn encode(&self) -> Vec<u8> {
        super::cbor::encode(&Fields::of(self))
    }

    fn author(&self) -> PostingId {
        self.author
    }

    fn created(&self) -> Timestamp {
        self.created
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: PostingId = PostingId::from_bytes([1; 32]);
    const BEN: PostingId = PostingId::from_bytes([2; 32]);
    const OF_POST: Target = Target { post: ObjectId::from_bytes([3; 32]), author: ANA, operation: None };
    const OF_COMMENT: Target = Target { operation: Some(ObjectId::from_bytes([4; 32])), ..OF_POST };

    fn made(author: PostingId, target: Target, action: Action) -> Result<Operation, ContentError> {
        Operation::new(author, Timestamp::from_millis(5), target, action)
    }

    #[test]
    fn every_action_survives_its_bytes() {
        let actions = [
            (BEN, OF_POST, Action::React { emoji: "👍".to_owned(), switch: ReactionSwitch::On }),
            (BEN, OF_COMMENT, Action::React { emoji: "👍".to_owned(), switch: ReactionSwitch::Off }),
            (BEN, OF_COMMENT, Action::Comment("why?".to_owned())),
            (ANA, OF_POST, Action::Edit("better".to_owned())),
            (ANA, OF_COMMENT, Action::Hide),
            (ANA, OF_POST, Action::Tombstone),
            (BEN, OF_COMMENT, Action::Tombstone),
            (ANA, OF_POST, Action::Policy(CommentPolicy::Everyone)),
            (ANA, OF_POST, Action::Policy(CommentPolicy::Nobody)),
            (ANA, OF_POST, Action::Policy(CommentPolicy::Listed(vec![BEN]))),
        ];
        for (author, target, action) in actions {
            let operation = made(author, target, action).unwrap();
            assert_eq!(Operation::decode(&operation.encode()), Ok(operation));
        }
    }

    #[test]
    fn nobody_edits_deletes_or_rules_a_post_of_somebody_else() {
        for action in
            [Action::Edit("mine now".to_owned()), Action::Tombstone, Action::Policy(CommentPolicy::Nobody)]
        {
            assert_eq!(made(BEN, OF_POST, action), Err(ContentError::Forbidden));
        }
        assert_eq!(made(BEN, OF_COMMENT, Action::Hide), Err(ContentError::Forbidden));
        assert_eq!(made(ANA, OF_POST, Action::Hide), Err(ContentError::Forbidden));
    }

    #[test]
    fn texts_are_bounded_and_not_empty() {
        let comment = |text: String| made(BEN, OF_POST, Action::Comment(text));
        assert_eq!(comment(" \n".to_owned()), Err(ContentError::Empty));
        assert!(comment("x".repeat(COMMENT_TEXT_BYTES)).is_ok());
        assert_eq!(comment("x".repeat(COMMENT_TEXT_BYTES + 1)), Err(ContentError::TooLarge));
        let emoji = Action::React { emoji: "x".repeat(EMOJI_BYTES + 1), switch: ReactionSwitch::On };
        assert_eq!(made(BEN, OF_POST, emoji), Err(ContentError::TooLarge));
        let listed = CommentPolicy::Listed(vec![BEN; POLICY_IDS + 1]);
        assert_eq!(made(ANA, OF_POST, Action::Policy(listed)), Err(ContentError::TooLarge));
    }

    #[test]
    fn a_person_reacts_with_one_emoji() {
        for fine in ["👍", " ❤\u{fe0f} ", "👩\u{200d}🚀", "🇫🇮", "1\u{fe0f}\u{20e3}", "★"] {
            assert_eq!(parse_emoji(fine), Ok(fine.trim().to_owned()));
        }
        for wrong in ["", "a", "no", "👍👍", "ä", "\u{202e}", "\u{200d}", "\u{1b}[m"] {
            assert_eq!(parse_emoji(wrong), Err(EmojiError), "{wrong:?}");
        }
    }

    #[test]
    fn a_policy_never_bars_the_posts_own_author() {
        assert!(CommentPolicy::Nobody.allows(ANA, ANA));
        assert!(!CommentPolicy::Nobody.allows(BEN, ANA));
        assert!(CommentPolicy::Listed(vec![BEN]).allows(BEN, ANA));
        assert!(CommentPolicy::Everyone.allows(BEN, ANA));
    }
}
