//! What an engine wants done, once what it decided is on disk.

use std::sync::Arc;

use super::answer::Wanted;
use super::input::{CallId, ConnectionId, ReplyId, RequestId};
use super::interest::InterestList;
use super::trust::Bans;
use crate::api::{CallError, Event, Outcome, TransferView};
use crate::crypto::data_key::DataKey;
use crate::db::blobs::StoredBlob;
use crate::domain::address::PeerAddress;
use crate::domain::ids::ObjectId;
use crate::node::wire::{Message, Pull, SealedPush};

/// Something to be done after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Connect to a node.
    Dial(PeerAddress),
    /// End a connection.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why; also told to the peer.
        reason: CloseReason,
    },
    /// Ask a peer; leads to [`Input::Answered`](super::Input::Answered).
    Request {
        /// On which connection.
        connection: ConnectionId,
        /// To be named in the answer.
        request: RequestId,
        /// What.
        message: Message,
    },
    /// Pull from a peer; leads to [`Input::PullEnded`](super::Input::PullEnded).
    Pull {
        /// On which connection.
        connection: ConnectionId,
        /// To be named at the end.
        request: RequestId,
        /// What.
        pull: Pull,
    },
    /// Fetch objects from a peer; leads to [`Input::Fetched`](super::Input::Fetched).
    Fetch {
        /// On which connection.
        connection: ConnectionId,
        /// To be named at the end.
        request: RequestId,
        /// What.
        wanted: Wanted,
    },
    /// Push to a peer; may be lost.
    Push {
        /// On which connection.
        connection: ConnectionId,
        /// What.
        message: Message,
    },
    /// Push a sealed post to a peer; leads to [`Input::SealedHanded`](super::Input::SealedHanded).
    PushSealed {
        /// On which connection.
        connection: ConnectionId,
        /// Which post.
        id: ObjectId,
        /// What.
        push: SealedPush,
    },
    /// Fetch a blob; leads to [`Input::BlobFetchEnded`](super::Input::BlobFetchEnded).
    FetchBlob {
        /// To be named at the end.
        request: RequestId,
        /// Which.
        blob: StoredBlob,
        /// From whom.
        from: PeerAddress,
        /// What faces are told while it runs, with the bytes that are here.
        progress: TransferView,
    },
    /// End a fetch early.
    CancelFetch {
        /// Which.
        request: RequestId,
    },
    /// Have the bytes of blobs without protection deleted soon; leads to [`Input::BlobsSwept`](super::Input::BlobsSwept).
    SweepBlobs,
    /// Answer a peer.
    Reply {
        /// Whose request.
        reply: ReplyId,
        /// What.
        message: Message,
    },
    /// From now on pulls on this connection are answered for this list.
    RememberInterest {
        /// Which connection.
        connection: ConnectionId,
        /// The list.
        list: Arc<InterestList>,
    },
    /// From now on these are refused before the engine hears of them.
    KeepOut(Arc<Bans>),
    /// Rows that are protected can be read for faces from now on.
    Unlocked(OpenedKey),
    /// Answer a face.
    Answer {
        /// Whose call.
        call: CallId,
        /// What came of it.
        outcome: Result<Outcome, CallError>,
    },
    /// Tell all faces.
    Tell(Event),
}

/// A data key that was opened; its secret is neither printed nor compared.
#[derive(Clone)]
pub struct OpenedKey(pub Arc<DataKey>);

impl std::fmt::Debug for OpenedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenedKey(…)")
    }
}

impl PartialEq for OpenedKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for OpenedKey {}

/// Why we end a connection. The number is the QUIC error code the peer sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The node stops.
    Stopping,
    /// A newer connection with the same peer replaces it, or it leads to ourselves.
    Superfluous,
    /// We have enough connections.
    Full,
    /// The peer did not say `Hello` in time.
    Silent,
    /// The peer broke the protocol.
    Misbehaved,
    /// Our store failed; the peer did nothing wrong.
    StoreFailed,
    /// The peer is banned.
    Banned,
}

impl CloseReason {
    /// The QUIC error code.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Stopping => 0,
            Self::Superfluous => 1,
            Self::Full => 2,
            Self::Silent => 3,
            Self::Misbehaved => 4,
            Self::StoreFailed => 5,
            Self::Banned => 6,
        }
    }
}
