//! What faces show: owned plain data, names and texts already `SafeText`. JSON field names are the CLI's contract:
//! fields may be added, never change meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{BlobHash, NetworkId, ObjectId, PostingId};
use crate::domain::operation::CommentPolicy;
use crate::domain::ordering::{CommentPosition, FeedPosition};
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;
use crate::limits::DISK_FREE_BYTES;

/// Whether the person has opened a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadMark {
    /// Not opened yet.
    Unread,
    /// Opened, written by the person, or older than the follow.
    Read,
}

/// A post as it stands in a feed or thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostView {
    /// BLAKE3 of its signed bytes.
    pub post_id: ObjectId,
    /// Who signed it.
    pub author: PostingId,
    /// The author's name: signed profile, own label, hint of an invite, or empty when none is known.
    pub author_name: SafeText,
    /// The persona of mine that wrote it or whose follow surfaced it.
    pub persona: Option<PostingId>,
    /// The text, as last edited.
    pub text: SafeText,
    /// When the shown text was written, if it replaced another one.
    #[serde(rename = "edited_ms")]
    pub edited: Option<Timestamp>,
    /// Reactions on the post itself: emoji and how many people.
    pub reactions: BTreeMap<SafeText, u64>,
    /// Those of them that are mine.
    pub my_reactions: Vec<SafeText>,
    /// Comments that are shown.
    pub comment_count: u64,
    /// Those of them that came in since the post's comments were last read.
    pub unread_comment_count: u64,
    /// Those of the unread ones that answer something of mine.
    pub unread_to_me_count: u64,
    /// When the author says it was written.
    #[serde(rename = "created_ms")]
    pub created: Timestamp,
    /// When this node first had it.
    #[serde(rename = "received_ms")]
    pub received: Timestamp,
    /// Where it stands in the feed.
    #[serde(with = "as_text")]
    pub position: FeedPosition,
    /// Whether it was opened.
    #[serde(rename = "unread", with = "as_unread")]
    pub mark: ReadMark,
    /// Who can read it.
    pub audience: Audience,
    /// What it carries besides the text, in its author's order.
    #[serde(default)]
    pub attachments: Vec<AttachmentView>,
}

/// An attachment of a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentView {
    /// BLAKE3 of its bytes.
    pub blob: BlobHash,
    /// What its author calls the file; may be empty.
    pub name: SafeText,
    /// What its author says it is, like `image/png`.
    pub media_type: SafeText,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// What can be seen in it; empty when its author says nothing.
    pub alt: SafeText,
    /// What is here of it.
    pub state: AttachmentState,
    /// How many bytes of it are here.
    pub held_bytes: u64,
}

/// What is here of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentState {
    /// Nothing, and it is not being fetched.
    Absent,
    /// It is being fetched, or waits for somebody who has it.
    Wanted,
    /// A part; it is not being fetched.
    Partial,
    /// All of it.
    Complete,
}

/// A blob on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferView {
    /// BLAKE3 of its bytes.
    pub blob: BlobHash,
    /// What its author calls the file; may be empty.
    pub name: SafeText,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// How many of them are here.
    pub done_bytes: u64,
    /// How it stands.
    pub state: TransferState,
}

/// How a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    /// Nobody who has it is connected, or all of them failed: it goes on by itself later.
    Waiting,
    /// Bytes are coming.
    Running,
    /// All of it is here.
    Complete,
    /// A person ended it.
    Cancelled,
    /// It can not be had as its author described it, or our disk refused it.
    Failed,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedView {
    /// Where.
    pub path: std::path::PathBuf,
    /// How many bytes.
    pub size_bytes: u64,
    /// Whether it is of a kind that other programs show without running it.
    pub can_be_shown: bool,
}

/// Who can read a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Everybody.
    Public,
}

/// A page of a feed, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FeedPage {
    /// The posts of the page.
    pub posts: Vec<PostView>,
    /// Whether there are posts beyond the page in the direction that was asked for.
    pub more: More,
    /// Posts in the whole feed that were not opened.
    pub unread_count: u64,
}

/// Whether a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum More {
    /// This was the last of it.
    #[default]
    End,
    /// Another page follows.
    Follows,
}

/// A post and a page of its comments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadView {
    /// The post itself.
    pub post: PostView,
    /// Whose comments its author wants.
    pub policy: CommentPolicy,
    /// Comments in the order they were written, deleted and hidden ones among them: answers hang on them.
    pub comments: Vec<CommentView>,
    /// Whether more comments follow.
    pub more: More,
}

/// A comment. With `parent` it forms a tree; a parent that is not in the thread is not known here (yet).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentView {
    /// BLAKE3 of its signed bytes.
    pub operation_id: ObjectId,
    /// The comment it answers; `None` for an answer to the post.
    pub parent: Option<ObjectId>,
    /// Who signed it.
    pub author: PostingId,
    /// The author's name, or empty when none is known.
    pub author_name: SafeText,
    /// The persona of mine that wrote it, if one did.
    pub persona: Option<PostingId>,
    /// The text as last edited; empty unless it is shown.
    pub text: SafeText,
    /// Whether it is shown.
    pub state: CommentState,
    /// When the author says it was written.
    #[serde(rename = "created_ms")]
    pub created: Timestamp,
    /// When this node first had it.
    #[serde(rename = "received_ms")]
    pub received: Timestamp,
    /// When the shown text was written, if it replaced another one.
    #[serde(rename = "edited_ms")]
    pub edited: Option<Timestamp>,
    /// Reactions: emoji and how many people.
    pub reactions: BTreeMap<SafeText, u64>,
    /// Those of them that are mine.
    pub my_reactions: Vec<SafeText>,
    /// Whether it came in since the comments were last read.
    #[serde(rename = "unread", with = "as_unread")]
    pub mark: ReadMark,
    /// Whom it answers.
    pub addressee: Addressee,
}

impl CommentView {
    /// Where it stands among the comments of its post.
    #[must_use]
    pub const fn position(&self) -> CommentPosition {
        CommentPosition { created: self.created, operation_id: self.operation_id }
    }
}

/// Whether a comment is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommentState {
    /// Yes.
    Shown,
    /// Its author deleted it.
    Deleted,
    /// The author of the post hid it, or does not want comments of this person.
    Hidden,
}

/// Whom a comment answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressee {
    /// Something one of my personas wrote.
    Me,
    /// Something of somebody else.
    Others,
}

/// Somebody I follow, or one of my own personas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    /// Who it is.
    pub posting_id: PostingId,
    /// Name from the signed profile, the invite's hint, or empty.
    pub name: SafeText,
    /// My persona that follows.
    pub persona: PostingId,
    /// Whether the persona follows.
    pub following: bool,
    /// Posts of this author in the store.
    pub post_count: u64,
    /// Since when.
    #[serde(rename = "followed_ms")]
    pub followed: Timestamp,
}

/// A posting identity of mine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonaView {
    /// Its public id.
    pub posting_id: PostingId,
    /// Its name.
    pub name: SafeText,
    /// Whether it is used when none is named.
    pub default: bool,
}

/// Another node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// Who it is.
    pub network_id: NetworkId,
    /// Whether a connection stands.
    pub connected: bool,
    /// Whether it goes through a relay; `None` without a connection.
    pub relayed: Option<bool>,
    /// Round trip in milliseconds; `None` without a connection.
    pub latency_ms: Option<u64>,
    /// Bytes received on the present connection.
    pub bytes_in: u64,
    /// Bytes sent on the present connection.
    pub bytes_out: u64,
    /// Where it was last reached.
    pub addresses: Vec<String>,
    /// Whether it is kept out.
    #[serde(flatten)]
    pub standing: PeerStanding,
}

/// Whether a node is kept out. As JSON two fields: `standing` (`ok` or `banned`) and, with an end, `banned_until_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum PeerStanding {
    /// It may connect.
    Ok,
    /// It is refused and not dialled.
    Banned {
        /// Until when; `None` until a person lifts it.
        #[serde(rename = "banned_until_ms")]
        until: Option<Timestamp>,
    },
}

impl PeerStanding {
    /// `ok`, `banned until 2026-11-21 14:02 UTC`, `banned by you`.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Ok => "ok".to_owned(),
            Self::Banned { until: Some(until) } => format!("banned until {}", until.format_utc()),
            Self::Banned { until: None } => "banned by you".to_owned(),
        }
    }
}

/// The node at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// This node.
    pub network_id: NetworkId,
    /// What others paste into `peer add`; `None` until the network is up.
    pub ticket: Option<String>,
    /// Where this node listens; empty until the network is up.
    pub addresses: Vec<String>,
    /// State of the network.
    pub network: NetworkState,
    /// Peers with a connection.
    pub connected_peers: u64,
    /// Peers in the store.
    pub known_peers: u64,
    /// Posts in the store.
    pub post_count: u64,
    /// Personas; not known while locked.
    pub persona_count: Option<u64>,
    /// Minutes by which our clock is ahead of (positive) or behind (negative) the peers', when they differ too much.
    pub clock_off_minutes: Option<i64>,
    /// How much room everything takes.
    pub space: SpaceView,
    /// How the data key is kept.
    pub vault: super::VaultState,
}

/// How much room things take, and how much is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceView {
    /// My own posts and what belongs to them.
    pub own_bytes: u64,
    /// Those of people I follow.
    pub followed_bytes: u64,
    /// Those kept for other nodes.
    pub carried_bytes: u64,
    /// Sealed posts, kept for everybody.
    pub sealed_bytes: u64,
    /// Free on the disk; `None` when the system does not say.
    pub free_bytes: Option<u64>,
}

impl SpaceView {
    /// Whether so little is free that nothing more is fetched.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.free_bytes.is_some_and(|free| free < DISK_FREE_BYTES)
    }

    /// `12 MiB of your own, 3 MiB of people you follow, 1 MiB kept for others`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
        let kept = self.carried_bytes.saturating_add(self.sealed_bytes);
        format!(
            "{} MiB of your own, {} MiB of people you follow, {} MiB kept for others",
            mib(self.own_bytes),
            mib(self.followed_bytes),
            mib(kept)
        )
    }

    /// What to do, when it [is short](Self::is_short).
    #[must_use]
    pub fn warning() -> String {
        let mib = DISK_FREE_BYTES / (1024 * 1024);
        format!("less than {mib} MiB are free on this disk: nothing new is fetched until you make room")
    }
}

/// What the network is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkState {
    /// Switched off by `--offline` or a one-shot command.
    Off,
    /// Binding its socket.
    Starting,
    /// Listening.
    Up,
    /// Could not be started: a sentence for the person.
    Failed(String),
}

/// A new invite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteView {
    /// The text to be sent.
    pub invite: String,
    /// Whom it lets people follow.
    pub posting_id: PostingId,
    /// How many nodes it names: with none the receiver needs another way to reach one.
    pub address_count: u64,
}

/// Text that is being written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DraftView {
    /// What stands in it; empty when there is none.
    pub text: String,
}

/// What a sync brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SyncReport {
    /// Peers that answered to the end.
    pub peers: u64,
    /// Posts that are new.
    pub new_posts: u64,
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: std::fmt::Display, S: Serializer>(
        value: &T,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        out.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

pub(super) mod as_unread {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::ReadMark;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
    pub(in crate::api) fn serialize<S: Serializer>(mark: &ReadMark, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_bool(*mark == ReadMark::Unread)
    }

    pub(in crate::api) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ReadMark, D::Error> {
        bool::deserialize(deserializer).map(|unread| if unread { ReadMark::Unread } else { ReadMark::Read })
    }
}
