//! What faces say and hear about conversations: the people in them, their messages, and how far each message got.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{More, ReadMark};
use crate::domain::conversation::{ConversationId, Keep, MessageId, Place};
use crate::domain::ids::PostingId;
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;

/// Something to be done in a conversation. Part of [`Command`](super::Command).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Talk {
    /// Finds the conversation with these people, or begins one: nothing is sent by that.
    Open {
        /// Posting ids of the others.
        people: Vec<PostingId>,
        /// My persona in it; the default one if `None`.
        persona: Option<PostingId>,
    },
    /// Writes a message: it is stored and waits for its turn to leave.
    Send {
        /// Which conversation.
        thread: ConversationId,
        /// The text, at most `MESSAGE_TEXT_BYTES`.
        text: String,
        /// The message it answers.
        quote: Option<MessageKey>,
        /// A draft that this message finishes: it is removed in the same transaction.
        draft: Option<super::DraftSlot>,
    },
    /// Puts a reaction on a message, or takes it back.
    React {
        /// Which conversation.
        thread: ConversationId,
        /// Which message.
        message: MessageKey,
        /// One emoji.
        emoji: String,
        /// Put or take back.
        switch: crate::domain::operation::ReactionSwitch,
    },
    /// Replaces the text of a message of mine.
    Edit {
        /// Which conversation.
        thread: ConversationId,
        /// Which message.
        message: MessageKey,
        /// The new text.
        text: String,
        /// A draft that this edit finishes.
        draft: Option<super::DraftSlot>,
    },
    /// Deletes a message: one of mine everywhere the request arrives, one of others on this device.
    Delete {
        /// Which conversation.
        thread: ConversationId,
        /// Which message.
        message: MessageKey,
    },
    /// Marks everything up to a message as read, or what was shown of that.
    Read {
        /// Which conversation.
        thread: ConversationId,
        /// The place of the first message that was shown: what came in before it, with an older time, stays unread.
        /// `None` for everything.
        from: Option<Place>,
        /// The place of the newest message that was shown.
        upto: Place,
    },
    /// Answers a stranger's request.
    Answer {
        /// Which conversation.
        thread: ConversationId,
        /// How.
        answer: RequestAnswer,
    },
    /// Notes that the words of a contact were compared, or that they no longer hold.
    Verify {
        /// Which conversation of two.
        thread: ConversationId,
        /// What the comparison showed.
        verified: Verification,
    },
    /// Founds a group. Everybody in it is told.
    NewGroup {
        /// What it is called.
        title: String,
        /// Posting ids of the others, at least two.
        people: Vec<PostingId>,
        /// My persona in it; the default one if `None`.
        persona: Option<PostingId>,
    },
    /// Changes who is in a group, or what it is called.
    InGroup {
        /// Which group.
        thread: ConversationId,
        /// What.
        deed: GroupDeed,
    },
    /// Says for how long messages of a conversation are kept here. What is older goes at once, and the others hear
    /// nothing of it.
    Keep {
        /// Which conversation.
        thread: ConversationId,
        /// How long.
        keep: Keep,
    },
    /// Mutes, pins or archives a conversation, or ends that.
    Arrange {
        /// Which conversation.
        thread: ConversationId,
        /// What.
        shelf: Shelf,
        /// On or off.
        switch: Switch,
    },
}

/// What becomes of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupDeed {
    /// Somebody comes in and reads what is written from now on.
    Add {
        /// Who.
        person: PostingId,
    },
    /// Somebody is put out and reads nothing that is written from now on.
    Remove {
        /// Who.
        person: PostingId,
    },
    /// A member may change the group, too.
    Promote {
        /// Who.
        person: PostingId,
    },
    /// It is called something else.
    Rename {
        /// What.
        title: String,
    },
    /// My persona leaves.
    Leave,
}

/// What a person does with circles. Nothing of it leaves the device but what is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircleDeed {
    /// A circle is made.
    New {
        /// What it is called; no other one is.
        name: String,
        /// Who is in it.
        people: Vec<PostingId>,
    },
    /// Somebody comes in or goes.
    Change {
        /// Which circle.
        name: String,
        /// Who.
        person: PostingId,
        /// Whether they are in it from now on.
        member: CircleMember,
    },
    /// A circle is deleted here. What was published stays with its readers.
    Delete {
        /// Which.
        name: String,
    },
    /// Says something to everybody in a circle.
    Publish {
        /// Which.
        name: String,
        /// The text, at most `MESSAGE_TEXT_BYTES`.
        text: String,
        /// The writing persona; the default one if `None`.
        persona: Option<PostingId>,
        /// What if another persona of mine posts to this circle already.
        linkage: Linkage,
        /// A draft that this finishes: it is removed in the same transaction.
        draft: Option<super::DraftSlot>,
    },
}

/// Whether somebody is in a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircleMember {
    /// Yes.
    In,
    /// No.
    Out,
}

/// Whether people may come to know that two personas are one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Linkage {
    /// It is refused.
    Avoid,
    /// The person said that it is wanted.
    Accept,
}

/// `1 person` or `7 people`.
#[must_use]
pub fn head_count(people: usize) -> String {
    match people {
        1 => "1 person".to_owned(),
        count => format!("{count} people"),
    }
}

/// A circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircleView {
    /// What it is called.
    pub name: SafeText,
    /// Who is in it.
    pub people: Vec<ContactView>,
}

/// Who speaks in a conversation, and to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationKind {
    /// Two people.
    Two,
    /// Everybody in a group.
    Group,
    /// My persona to a circle of mine; what its people answer goes to all of them.
    Circle,
    /// Somebody to people of their choice, me among them.
    CircleOfOther,
}

/// A message among those of its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageKey {
    /// Who wrote it.
    pub from: PostingId,
    /// What its writer calls it.
    pub message_id: MessageId,
}

/// What becomes of a stranger's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestAnswer {
    /// It becomes a conversation like any other. Nothing is sent by that.
    Accept,
    /// It leaves the list; more of the same person goes the same way.
    Ignore,
    /// It is removed, and nothing of this person is shown to this persona again.
    Block,
}

/// Whether the words of two devices were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Not yet.
    #[default]
    Unverified,
    /// They were the same.
    Verified,
}

/// How a conversation can be put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shelf {
    /// No notification comes from it.
    Muted,
    /// It stands on top of the list.
    Pinned,
    /// It is left out of the list until something new comes.
    Archived,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Switch {
    /// Whether it is on.
    #[must_use]
    pub const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

/// Which conversations a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationFilter {
    /// Those in use: not archived, requests of strangers included.
    Open,
    /// Those with unread messages.
    Unread,
    /// All but ignored and blocked ones.
    All,
}

/// Where a page of messages stands. Pages are oldest first in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageAnchor {
    /// The newest messages.
    Newest,
    /// Those right before this place.
    Before(Place),
    /// Those right after this place.
    After(Place),
    /// Those around the first unread one.
    FirstUnread,
}

/// A conversation as it stands in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationView {
    /// Which.
    pub thread: ConversationId,
    /// My persona in it. Every conversation belongs to one.
    pub persona: PostingId,
    /// Who speaks in it.
    pub kind: ConversationKind,
    /// The others.
    pub people: Vec<ContactView>,
    /// Of a group: who may change it, maybe me.
    pub admins: Vec<PostingId>,
    /// The name of a group or circle, or of the other person.
    pub title: SafeText,
    /// How it came to be here.
    pub standing: Standing,
    /// Messages that were not read.
    #[serde(rename = "unread")]
    pub unread_count: u64,
    /// When the last message was written or came in.
    #[serde(rename = "last_ms")]
    pub last: Timestamp,
    /// The last message; `None` when there is none yet.
    pub last_message: Option<MessagePreview>,
    /// No notification comes from it.
    pub muted: bool,
    /// It stands on top of the list.
    pub pinned: bool,
    /// It is left out of the list until something new comes.
    pub archived: bool,
    /// For how long its messages are kept here.
    pub keep: Keep,
    /// Whether what is written here can be read by the others already, and how well it is protected.
    pub link: LinkState,
}

/// Somebody in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactView {
    /// Who.
    pub posting_id: PostingId,
    /// The name: own label, signed profile, what was said in the first message, or empty.
    pub name: SafeText,
    /// Whether the words were compared.
    pub verification: Verification,
}

/// How a conversation came to be here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Begun or accepted by the person.
    Accepted,
    /// A stranger wrote; nothing was answered yet.
    Request,
    /// A request the person does not want to see.
    Ignored,
    /// I am not in this group any more, or deleted this circle.
    Left,
}

/// Whether two devices share keys of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Nothing was sent or received yet.
    None,
    /// We wrote; no answer came yet. If `Weak`, the first message had no fresh key of the other side.
    Waiting,
    /// We wrote without a fresh key of the other side: whoever steals their identity key can read it. The first answer
    /// mends that.
    Weak,
    /// Both sides have answered each other.
    Confirmed,
}

/// The last message in the list of conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePreview {
    /// Whether I wrote it.
    pub from_me: bool,
    /// Who wrote it.
    pub from_name: SafeText,
    /// Its first line.
    pub text: SafeText,
}

/// A page of a conversation, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationPage {
    /// The conversation.
    pub conversation: ConversationView,
    /// The messages of the page.
    pub messages: Vec<MessageView>,
    /// Whether older ones follow.
    pub older: More,
    /// Whether newer ones follow.
    pub newer: More,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// What its writer calls it.
    pub message_id: MessageId,
    /// Its conversation.
    pub thread: ConversationId,
    /// Where it stands.
    pub place: Place,
    /// Who wrote it.
    pub from: PostingId,
    /// The writer's name; may be empty.
    pub from_name: SafeText,
    /// Whether I wrote it.
    pub from_me: bool,
    /// The text as last edited; empty when deleted.
    pub text: SafeText,
    /// When its writer says it was written.
    #[serde(rename = "sent_ms")]
    pub sent: Timestamp,
    /// When it came in here, or was written here.
    #[serde(rename = "received_ms")]
    pub received: Timestamp,
    /// What it answers.
    pub quote: Option<QuoteView>,
    /// Reactions: emoji and how many people.
    pub reactions: BTreeMap<SafeText, u64>,
    /// Those of them that are mine.
    pub my_reactions: Vec<SafeText>,
    /// Whether its text was replaced.
    pub edited: bool,
    /// Whether its writer deleted it.
    pub deleted: bool,
    /// Whether it was read here.
    #[serde(rename = "unread", with = "super::views::as_unread")]
    pub mark: ReadMark,
    /// How far it got, when I wrote it.
    pub state: Delivery,
}

impl MessageView {
    /// Which message it is.
    #[must_use]
    pub const fn key(&self) -> MessageKey {
        MessageKey { from: self.from, message_id: self.message_id }
    }
}

/// A message another one answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteView {
    /// Which.
    pub message: MessageKey,
    /// Who wrote it; empty when it is not here.
    pub from_name: SafeText,
    /// Its first line; empty when it is not here.
    pub text: SafeText,
}

/// How far a message got. As JSON a string, or an object with what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// It came from somebody else.
    Received,
    /// It is stored here and has not left.
    Queued {
        /// What it waits for.
        reason: QueueReason,
    },
    /// It left this node; so many nodes have it from us. Who has it cannot be known.
    Sent {
        /// Nodes it was handed to.
        peers: u32,
    },
    /// The same, to a circle: nobody confirms it.
    Published {
        /// Nodes it was handed to.
        peers: u32,
    },
    /// The others said that they have it.
    Arrived {
        /// How many of them.
        people: u32,
        /// Of how many.
        of: u32,
    },
    /// It was not confirmed for as long as sealed posts are kept: it is not tried any more.
    Lost,
}

/// What a message waits for before it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueReason {
    /// A short time chosen by chance, so that nobody can tell when it was written.
    Moment,
    /// A first look at what peers have, after the start.
    FirstLook,
    /// A peer: none is connected.
    NoPeer,
    /// An answer: too many unanswered beginnings with this person.
    TooManyOpen,
}

impl Delivery {
    /// What a person reads about it.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Received => "received".to_owned(),
            Self::Queued { reason: QueueReason::Moment } => {
                "queued: leaves within a minute, at a random moment".to_owned()
            }
            Self::Queued { reason: QueueReason::FirstLook } => {
                "queued: waits until this node has looked at what peers have".to_owned()
            }
            Self::Queued { reason: QueueReason::NoPeer } => "queued: no peer is connected".to_owned(),
            Self::Queued { reason: QueueReason::TooManyOpen } => {
                "queued: waits for an answer to what was sent before".to_owned()
            }
            Self::Sent { peers: 1 } => "sent: handed to 1 peer; no receipt yet".to_owned(),
            Self::Sent { peers } => format!("sent: handed to {peers} peers; no receipt yet"),
            Self::Published { peers: 1 } => {
                "sent: handed to 1 peer; nobody confirms posts to a circle".to_owned()
            }
            Self::Published { peers } => {
                format!("sent: handed to {peers} peers; nobody confirms posts to a circle")
            }
            Self::Arrived { people, of } if people == of => "arrived".to_owned(),
            Self::Arrived { people, of } => format!("arrived at {people} of {of}"),
            Self::Lost => "no receipt in 30 days: write it again if it still matters".to_owned(),
        }
    }
}

/// Words two people compare, over another way, to know that nobody stands between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordsView {
    /// Which conversation.
    pub thread: ConversationId,
    /// The other person.
    pub contact: ContactView,
    /// The same on both devices.
    pub words: Vec<String>,
}

/// A message was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageStored {
    /// In this conversation.
    pub thread: ConversationId,
    /// What it is called.
    pub message_id: MessageId,
}
