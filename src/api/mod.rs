//! The contract between faces (interface, command line, second processes) and the node: commands that change
//! something, queries that read, events that say what changed. Owned plain data, nothing of `SQLite` or the network.
//!
//! A face holds a [`NodeHandle`]; it does not know whether the node lives in this process or behind the control
//! socket of another one.

mod handle;
mod session;
mod views;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::handle::{Call, NodeHandle, calls};
pub use self::session::{LanDiscovery, NetSettings, NodeRequest, OpenNode, RelayChoice, Session, Source};
pub use self::views::{
    Addressee, Audience, CommentState, CommentView, DraftView, FeedPage, InviteView, More, NetworkState,
    PeerStanding, PeerView, PersonView, PersonaView, PostView, ReadMark, SpaceView, StatusView, SyncReport,
    ThreadView,
};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
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
    /// Pulls from all connected peers; answered when all are through.
    Sync {
        /// How long to wait for connections and answers.
        wait: Duration,
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
    /// A connection came or went.
    PeersChanged,
    /// Addresses, the network's state or the clock warning changed.
    StatusChanged,
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
