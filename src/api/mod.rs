//! The contract between faces (interface, command line, second processes) and the node: commands that change
//! something, queries that read, events that say what changed. Owned plain data, nothing of `SQLite` or the network.
//!
//! A face holds a [`NodeHandle`]; it does not know whether the node lives in this process or behind the control
//! socket of another one.

mod conversations;
mod handle;
mod session;
mod vault;
mod views;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::conversations::{
    CircleDeed, CircleMember, CircleView, ContactView, ConversationFilter, ConversationKind,
    ConversationPage, ConversationView, Delivery, GroupDeed, LinkState, Linkage, MessageAnchor, MessageKey,
    MessagePreview, MessageStored, MessageView, QueueReason, QuoteView, RequestAnswer, Shelf, Standing,
    Switch, Talk, Verification, WordsView, head_count,
};
pub use self::handle::{Call, NodeHandle, calls};
pub use self::session::{
    LanDiscovery, NetSettings, NodeRequest, OpenNode, PeerExchange, RelayChoice, Session, Source,
};
pub use self::vault::{Passphrase, Protection, VaultState};
pub use self::views::{
    Addressee, AttachmentState, AttachmentView, Audience, CommentState, CommentView, DraftView, FeedPage,
    InviteView, More, NetworkState, PeerStanding, PeerView, PersonView, PersonaView, PostView, ReadMark,
    SavedView, SpaceView, StatusView, SyncReport, ThreadView, TransferState, TransferView,
};
use crate::domain::conversation::{ConversationId, MessageId};
use crate::domain::ids::{BlobHash, NetworkId, ObjectId, PostingId};
use crate::domain::operation::{CommentPolicy, ReactionSwitch};
use crate::domain::ordering::{CommentPosition, FeedPosition};
use crate::domain::time::Timestamp;

/// Something to be done. Answered by an [`Outcome`] once it is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A new posting identity; the first one becomes the default.
    CreatePersona {
        /// Its name, as typed.
        name: String,
    },
    /// Signs and stores a post, and tells connected followers.
    PublishPost {
        /// The writing persona; the default one if `None`.
        persona: Option<PostingId>,
        /// The text, at most `POST_TEXT_BYTES`.
        text: String,
        /// A draft that this post finishes: it is removed in the same transaction.
        draft: Option<DraftSlot>,
    },
    /// Comments on a post, or answers a comment.
    Reply {
        /// A post or a comment.
        target: ObjectId,
        /// The text, at most `COMMENT_TEXT_BYTES`.
        text: String,
        /// The writing persona. If `None`: the one that wrote the post or whose follow surfaced it, else the default.
        persona: Option<PostingId>,
        /// A draft that this comment finishes: it is removed in the same transaction.
        draft: Option<DraftSlot>,
    },
    /// Puts a reaction on a post or comment, or takes it back.
    React {
        /// A post or a comment.
        target: ObjectId,
        /// One emoji.
        emoji: String,
        /// Put or take back.
        switch: ReactionSwitch,
        /// The reacting persona; chosen as for [`Command::Reply`] if `None`.
        persona: Option<PostingId>,
    },
    /// Replaces the text of a post or comment of one of my personas; the old one stays in the history of its readers.
    Edit {
        /// A post or a comment.
        target: ObjectId,
        /// The new text.
        text: String,
        /// A draft that this edit finishes.
        draft: Option<DraftSlot>,
    },
    /// Deletes a post or comment of one of my personas, here and wherever the request arrives.
    Delete {
        /// A post or a comment.
        target: ObjectId,
    },
    /// Hides somebody's comment on a post of one of my personas.
    HideComment {
        /// The comment.
        comment: ObjectId,
    },
    /// Says whose comments are shown on a post of one of my personas.
    SetPolicy {
        /// The post.
        post_id: ObjectId,
        /// Whose.
        policy: CommentPolicy,
    },
    /// Marks the comments of a post as read that had come in by then.
    ReadComments {
        /// The post.
        post_id: ObjectId,
        /// The `received` of the newest comment that was shown.
        received_by: Timestamp,
    },
    /// Signs and stores a post with files. What pictures tell about their making is removed from them first.
    PublishWithFiles {
        /// The writing persona; the default one if `None`.
        persona: Option<PostingId>,
        /// The text, at most `POST_TEXT_BYTES`; it may be empty.
        text: String,
        /// A draft that this post finishes: it is removed in the same transaction.
        draft: Option<DraftSlot>,
        /// At most `POST_ATTACHMENTS`.
        files: Vec<FileToAttach>,
    },
    /// Fetches an attachment from whoever has it. Answered when it is noted; [`Event::Transfer`] says how it goes.
    FetchBlob {
        /// The post that names it.
        post_id: ObjectId,
        /// Where it stands among the post's attachments, from 0 on.
        position: u32,
    },
    /// Ends a fetch. What is here already stays, so that it can go on.
    CancelFetch {
        /// Of which blob.
        blob: BlobHash,
    },
    /// Writes an attachment that is here into a file.
    SaveBlob {
        /// The post that names it.
        post_id: ObjectId,
        /// Where it stands among the post's attachments, from 0 on.
        position: u32,
        /// Where it goes.
        target: SaveTarget,
    },
    /// Follows an author.
    Follow {
        /// An invite or a posting id, as typed.
        target: String,
        /// The following persona; the default one if `None`.
        persona: Option<PostingId>,
    },
    /// Ends a follow. Posts already here stay.
    Unfollow {
        /// Whom.
        author: PostingId,
        /// The persona; all that follow if `None`.
        persona: Option<PostingId>,
    },
    /// Remembers a node and connects to it.
    AddPeer {
        /// A ticket, as typed.
        ticket: String,
    },
    /// Cuts a node off and keeps it out until [`Command::UnbanPeer`].
    BanPeer {
        /// Which.
        peer: NetworkId,
    },
    /// Forgives a node everything: it may connect again.
    UnbanPeer {
        /// Which.
        peer: NetworkId,
    },
    /// Marks a post.
    MarkPost {
        /// Which.
        post_id: ObjectId,
        /// How.
        mark: ReadMark,
    },
    /// Keeps unfinished text; empty text removes it.
    SaveDraft {
        /// Where it belongs.
        slot: DraftSlot,
        /// The text, at most `PASTE_BYTES`.
        text: String,
    },
    /// Does something in a conversation.
    Talk(Talk),
    /// Does something with circles.
    Circle(CircleDeed),
    /// Pulls from all connected peers; answered when all are through.
    Sync {
        /// How long to wait for connections and answers.
        wait: Duration,
    },
    /// Gives a locked node its passphrase. Takes a few tenths of a second.
    Unlock {
        /// As typed.
        passphrase: Passphrase,
    },
    /// Sets, changes or removes the passphrase. The data key stays the same: an old copy of the vault still opens it with
    /// the old passphrase.
    Protect {
        /// The present passphrase, where there is one.
        current: Option<Passphrase>,
        /// What comes instead.
        change: Protection,
    },
    /// Stops the node. Answered when it is gone: everything is on disk, and the data directory is free.
    Stop,
}

/// Where a draft belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftSlot {
    /// The new post.
    NewPost,
    /// An answer to a post or comment.
    Reply(ObjectId),
    /// An edit of a post or comment.
    Edit(ObjectId),
    /// A message.
    Message(ConversationId),
    /// A new text for a message of mine.
    Correction(ConversationId, MessageId),
    /// How the windows of the interface stand: kept like a draft, since it names conversations.
    Windows,
    /// For whom the new post is: the name of a circle, or nothing for everybody.
    Audience,
}

/// A file that becomes an attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileToAttach {
    /// Where it is: an absolute path.
    pub path: PathBuf,
    /// What can be seen in it, for whoever cannot.
    pub alt: Option<String>,
    /// What becomes of the facts about its making.
    pub metadata: Metadata,
}

/// What becomes of what a file tells about its making: place, time, device, author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metadata {
    /// It is removed; a file it cannot be removed from is refused.
    Remove,
    /// The file goes out as it is.
    Keep,
}

/// Where a saved attachment goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaveTarget {
    /// Into this file.
    File {
        /// An absolute path.
        path: PathBuf,
        /// What becomes of a file that is there.
        existing: Existing,
    },
    /// Into this folder, under a harmless form of its own name; one that is taken gets a number.
    Folder {
        /// An absolute path.
        path: PathBuf,
    },
    /// Into a private folder of the node, to be opened with another program.
    Viewing,
}

/// What becomes of a file that stands where another one is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// It stays, and nothing is written.
    Stays,
    /// It is replaced.
    Goes,
}

/// What came of a [`Command`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done; there is nothing more to say.
    Done,
    /// The new persona.
    PersonaCreated(PersonaView),
    /// The id of the new post.
    PostPublished(ObjectId),
    /// The id of the new operation: a comment, reaction, edit, deletion, hiding or policy.
    OperationPublished(ObjectId),
    /// Who is followed now, and by whom.
    Followed(PersonView),
    /// What the sync brought.
    Synced(SyncReport),
    /// How a transfer stands.
    Transfer(TransferView),
    /// Where an attachment was written.
    Saved(SavedView),
    /// A conversation, found or begun.
    Conversation(Box<ConversationView>),
    /// A message was written: a text, reaction, edit or deletion.
    Message(MessageStored),
}

/// Something to be read. Answered by a [`View`] from the last commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    /// A page of the feed.
    Feed {
        /// Only what this persona surfaced; all if `None`.
        persona: Option<PostingId>,
        /// Where the page stands.
        page: FeedAnchor,
        /// Which posts.
        filter: FeedFilter,
        /// At most this many, and never more than `QUERY_ROWS`.
        limit: u32,
    },
    /// One post and a page of its comments, oldest first.
    Thread {
        /// Which post; also the id of one of its comments.
        post_id: ObjectId,
        /// Only comments behind this position.
        after: Option<CommentPosition>,
        /// At most so many comments, and never more than `QUERY_ROWS`.
        limit: u32,
    },
    /// Everybody followed, by name.
    People,
    /// My personas, the default one first.
    Personas,
    /// Known nodes, connected ones first.
    Peers,
    /// The node at a glance.
    Status,
    /// A text that lets others follow a persona.
    Invite {
        /// The persona; the default one if `None`.
        persona: Option<PostingId>,
    },
    /// Unfinished text.
    Draft {
        /// Where it belongs.
        slot: DraftSlot,
    },
    /// Conversations: pinned ones first, then by their last message, at most `QUERY_ROWS`.
    Conversations {
        /// Only those of this persona; all if `None`.
        persona: Option<PostingId>,
        /// Which.
        filter: ConversationFilter,
    },
    /// A page of one conversation, oldest first.
    Messages {
        /// Which conversation.
        thread: ConversationId,
        /// Where the page stands.
        page: MessageAnchor,
        /// At most so many messages, and never more than `QUERY_ROWS`.
        limit: u32,
    },
    /// My circles, by name.
    Circles,
    /// The words to compare with the other person of a conversation.
    Words {
        /// Which conversation of two.
        thread: ConversationId,
    },
}

/// Where a page of the feed stands. Pages are newest first in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedAnchor {
    /// The newest posts.
    Newest,
    /// Those right after this position, going to older ones.
    Before(FeedPosition),
    /// Those right before this position, going to newer ones.
    After(FeedPosition),
}

/// Which posts a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedFilter {
    /// All.
    All,
    /// Those not opened yet.
    Unread,
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// Answers [`Query::Feed`].
    Feed(FeedPage),
    /// Answers [`Query::Thread`].
    Thread(Box<ThreadView>),
    /// Answers [`Query::People`].
    People(Vec<PersonView>),
    /// Answers [`Query::Personas`].
    Personas(Vec<PersonaView>),
    /// Answers [`Query::Peers`].
    Peers(Vec<PeerView>),
    /// Answers [`Query::Status`].
    Status(StatusView),
    /// Answers [`Query::Invite`].
    Invite(InviteView),
    /// Answers [`Query::Draft`].
    Draft(DraftView),
    /// Answers [`Query::Conversations`].
    Conversations(Vec<ConversationView>),
    /// Answers [`Query::Messages`].
    Messages(Box<ConversationPage>),
    /// Answers [`Query::Circles`].
    Circles(Vec<CircleView>),
    /// Answers [`Query::Words`].
    Words(WordsView),
}

/// What changed: no rows, only what to ask for again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The node listens.
    Ready {
        /// The node's own id.
        network_id: NetworkId,
        /// Where it listens.
        addresses: Vec<String>,
    },
    /// Posts came in or were written.
    FeedChanged,
    /// Comments, reactions or the text of a post changed.
    ThreadChanged {
        /// Which post.
        post_id: ObjectId,
    },
    /// Follows or names changed.
    PeopleChanged,
    /// A persona was made or renamed.
    PersonasChanged,
    /// A conversation came, went, or stands differently in the list.
    ConversationsChanged,
    /// Messages of a conversation came, were written, or got further.
    MessagesChanged {
        /// Which conversation.
        thread: ConversationId,
    },
    /// A connection came or went.
    PeersChanged,
    /// Addresses, the network's state or the clock warning changed.
    StatusChanged,
    /// A blob is on its way, or its way has ended.
    Transfer(TransferView),
    /// The store refused to write: a sentence for the person. Reading goes on.
    StoreFailed {
        /// What to do about it.
        message: String,
    },
    /// The listener was too slow and missed some events: ask for everything again.
    Missed,
    /// The node is gone.
    Stopped,
}

/// Why a call failed, in classes a script can tell apart. `message` and `hint` are sentences for the person.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct CallError {
    /// The class.
    pub kind: ErrorKind,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// Classes of [`CallError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The input cannot be used.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// The data directory is in use.
    Locked,
    /// The data directory is under a passphrase that was not given, or not rightly.
    Passphrase,
    /// No peer could be reached.
    Offline,
    /// The node has too much to do; nothing was lost.
    Busy,
    /// Disk or database.
    Store,
    /// The node is gone.
    Stopped,
}

impl CallError {
    /// An error with its way out.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: hint.into() }
    }

    /// A channel is full.
    #[must_use]
    pub fn busy() -> Self {
        Self::new(ErrorKind::Busy, "the node is busy", "try again in a moment; nothing was lost")
    }
}
