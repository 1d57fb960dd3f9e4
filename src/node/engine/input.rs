//! What happens to an engine: everything it is ever told is one of these.

use std::sync::Arc;

use super::answer::Checked;
use super::blobs::{FetchEnd, Prepared, Verdict};
use super::pool::HandOver;
use super::trust::Offence;
use crate::api::{CallError, Command, DraftSlot};
use crate::crypto::data_key::DataKey;
use crate::crypto::keys::PostingKey;
use crate::db::Blob;
use crate::domain::address::PeerAddress;
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::node::wire::{Epoch, GroupEnd, Message, SealedEnd, Stage};

macro_rules! number_type {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub u64);
    )*};
}

number_type! {
    /// A connection, numbered by whoever accepts and dials.
    ConnectionId;
    /// A request of ours, numbered by the engine.
    RequestId;
    /// A request of a peer that waits for our answer, numbered by whoever reads it.
    ReplyId;
    /// A call of a face that waits for its outcome, numbered by whoever takes it.
    CallId;
}

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The peer.
    Inbound,
    /// We.
    Outbound,
}

/// Something that happened.
pub enum Input {
    /// The node runs; comes first, once.
    Started,
    /// A deadline may have passed.
    TimePassed,
    /// The passphrase of a locked node was given.
    Unlocked {
        /// Where the outcome goes.
        call: CallId,
        /// What protects rows at rest.
        data_key: Arc<DataKey>,
        /// The keys of all personas.
        keys: Vec<Arc<PostingKey>>,
    },
    /// A face wants something done.
    CommandReceived {
        /// Where the outcome goes.
        call: CallId,
        /// What.
        command: Command,
    },
    /// A face wants a persona; its key is in a file already.
    PersonaRequested {
        /// Where the outcome goes.
        call: CallId,
        /// Its name, as typed.
        name: String,
        /// Its key.
        key: Arc<PostingKey>,
    },
    /// A post with attachments is ready to be signed; their bytes are here and pinned.
    PostPrepared {
        /// Where the outcome goes.
        call: CallId,
        /// The writing persona; the default one if `None`.
        persona: Option<PostingId>,
        /// The text.
        text: String,
        /// A draft that this post finishes.
        draft: Option<DraftSlot>,
        /// What it carries.
        attachments: Prepared,
    },
    /// What a call needed before it reached the engine could not be had.
    CallRefused {
        /// Where the outcome goes.
        call: CallId,
        /// Why.
        error: CallError,
    },
    /// A fetch of ours came to its end.
    BlobFetchEnded {
        /// Which.
        request: RequestId,
        /// Of which blob.
        blob: Blob,
        /// How.
        end: FetchEnd,
    },
    /// A blob was looked at again after an unclean stop.
    BlobExamined {
        /// Which.
        blob: Blob,
        /// What it showed.
        verdict: Verdict,
    },
    /// A person read a blob.
    BlobRead {
        /// Which.
        blob: Blob,
    },
    /// The bytes of every blob without protection are gone.
    BlobsSwept,
    /// A connection stands.
    Connected {
        /// Its number.
        connection: ConnectionId,
        /// Who is there, proven by the handshake.
        peer: NetworkId,
        /// Who opened it.
        direction: Direction,
        /// Where the peer is seen to be.
        address: PeerAddress,
    },
    /// A dial came to nothing.
    DialFailed {
        /// Who was dialled.
        peer: NetworkId,
    },
    /// A connection is gone.
    Disconnected {
        /// Its number.
        connection: ConnectionId,
    },
    /// A peer asks something that changes state: `Hello`, `SetInterest` or `Link`.
    RequestReceived {
        /// On which connection.
        connection: ConnectionId,
        /// Where the answer goes.
        reply: ReplyId,
        /// What.
        message: Message,
    },
    /// A peer pushed something.
    PushReceived {
        /// On which connection.
        connection: ConnectionId,
        /// What.
        message: Message,
    },
    /// A peer did what it must not.
    PeerOffended {
        /// On which connection.
        connection: ConnectionId,
        /// What.
        offence: Offence,
    },
    /// A request of ours was answered, or lost.
    Answered {
        /// On which connection.
        connection: ConnectionId,
        /// Which.
        request: RequestId,
        /// The answer; `None` when the stream or the connection broke.
        message: Option<Message>,
    },
    /// A pull of ours came to its end.
    PullEnded {
        /// On which connection.
        connection: ConnectionId,
        /// Which.
        request: RequestId,
        /// What came.
        end: PullEnd,
    },
    /// A fetch of ours came to its end; without items when the stream broke.
    Fetched {
        /// On which connection.
        connection: ConnectionId,
        /// Which.
        request: RequestId,
        /// What came, checked.
        items: Vec<Checked>,
    },
    /// A peer pushed operations we lack.
    DiffReceived {
        /// On which connection.
        connection: ConnectionId,
        /// What came, checked.
        items: Vec<Checked>,
    },
    /// A peer pushed a sealed post that is not in the pool.
    SealedPushed {
        /// On which connection.
        connection: ConnectionId,
        /// How far it is on its way.
        stage: Stage,
        /// It, checked.
        post: Box<Checked>,
    },
    /// A push of a sealed post of ours came to its end.
    SealedHanded {
        /// Which post.
        id: ObjectId,
        /// How.
        end: HandOver,
    },
    /// A peer was sent objects.
    Served {
        /// On which connection.
        connection: ConnectionId,
        /// Which, in the order they were sent.
        files: Vec<ObjectId>,
    },
    /// A peer asks from a position beyond our log.
    CursorBeyondLog {
        /// On which connection.
        connection: ConnectionId,
        /// Where the answer goes.
        reply: ReplyId,
    },
    /// The local network says that a node is there.
    NeighbourFound {
        /// Where, as is said.
        address: PeerAddress,
    },
    /// A sealed post was made here, by something that has no engine around it.
    #[cfg(any(test, feature = "sim"))]
    SealedMade {
        /// It.
        post: Box<crate::domain::envelope::Verified<crate::domain::sealed::Sealed>>,
    },
    /// The disk was looked at.
    SpaceMeasured {
        /// Bytes that are free on it.
        free_bytes: u64,
    },
    /// The network listens, or its addresses changed.
    Listening {
        /// The UDP port, to be kept.
        port: Option<u16>,
        /// Where this node can be reached.
        address: PeerAddress,
    },
}

impl Input {
    /// Whether keys come with it that a later engine needs, too.
    #[must_use]
    pub const fn brings_keys(&self) -> bool {
        matches!(self, Self::Unlocked { .. } | Self::PersonaRequested { .. })
    }

    /// The call it belongs to, if a face waits for its outcome.
    #[must_use]
    pub const fn call(&self) -> Option<CallId> {
        match self {
            Self::Unlocked { call, .. }
            | Self::CommandReceived { call, .. }
            | Self::PersonaRequested { call, .. }
            | Self::PostPrepared { call, .. }
            | Self::CallRefused { call, .. } => Some(*call),
            _ => None,
        }
    }
}

/// What a pull brought.
#[derive(Debug)]
pub enum PullEnd {
    /// The stream broke before the page, or the answer was no page.
    Lost,
    /// The peer cannot answer now.
    Busy,
    /// The answer was none that the protocol allows.
    Offended(Offence),
    /// The peer does not know the list.
    NeedList,
    /// A page.
    Page(PulledPage),
}

/// A page with the items of it that we lacked.
#[derive(Debug)]
pub struct PulledPage {
    /// The log the positions belong to.
    pub epoch: Epoch,
    /// One per group of the pull.
    pub ends: Vec<GroupEnd>,
    /// How far it goes in the log of sealed posts.
    pub sealed: Option<SealedEnd>,
    /// How many items it offered.
    pub offered: usize,
    /// The items, checked, in the order they came.
    pub items: Vec<Checked>,
    /// Whether the stream came to its orderly end.
    pub delivery: Delivery,
}

/// Whether everything a peer had to say came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// To the orderly end: what is missing is gone at the peer.
    Whole,
    /// The stream broke: what is missing has to be asked for again.
    Cut,
}
