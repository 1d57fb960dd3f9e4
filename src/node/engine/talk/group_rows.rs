//! What is kept about groups and circles: rosters, chains, and who is in a circle.

use minicbor::{Decode, Encode};

use super::rows::Row;
use crate::crypto::chain::{ReceivingChain, SendingChain};
use crate::crypto::data_key::DataKey;
use crate::db::protected::{Protected, RowName};
use crate::domain::conversation::{ConversationId, ThreadId};
use crate::domain::ids::PostingId;
use crate::domain::roster::SignedVersion;
use crate::domain::time::Timestamp;

/// The roster of a group a persona is in.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct GroupRow {
    #[n(0)]
    pub(super) me: PostingId,
    #[n(1)]
    pub(super) thread: ThreadId,
    #[n(2)]
    pub(super) versions: Vec<SignedVersion>,
}

impl Row for GroupRow {
    const KIND: Protected = Protected::Group;
    const TABLE: &'static str = "groups";

    fn name(&self, key: &DataKey) -> RowName {
        key.name(Self::TABLE, &[ConversationId::of(self.me, self.thread).as_bytes()])
    }
}

/// The chain of a persona towards a group or circle.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct OwnChain {
    #[n(0)]
    pub(super) me: PostingId,
    #[n(1)]
    pub(super) thread: ThreadId,
    #[n(2)]
    pub(super) chain: SendingChain,
    #[n(3)]
    pub(super) made: Timestamp,
    /// Who was given a key of it.
    #[n(4)]
    pub(super) given: Vec<PostingId>,
    #[n(5)]
    pub(super) use_: Use,
}

/// Whether a chain is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum Use {
    /// It is.
    #[n(0)]
    Open,
    /// Somebody who has its key must not read what comes.
    #[n(1)]
    Spent,
}

impl Row for OwnChain {
    const KIND: Protected = Protected::OwnChain;
    const TABLE: &'static str = "own chains";

    fn name(&self, key: &DataKey) -> RowName {
        key.name(Self::TABLE, &[self.me.as_bytes(), self.thread.as_bytes()])
    }
}

/// A chain of somebody else, as a persona follows it.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct HeardChain {
    #[n(0)]
    pub(super) me: PostingId,
    #[n(1)]
    pub(super) thread: ThreadId,
    #[n(2)]
    pub(super) sender: PostingId,
    #[n(3)]
    pub(super) chain: ReceivingChain,
    /// When its key came, or something on it.
    #[n(4)]
    pub(super) last: Timestamp,
}

impl Row for HeardChain {
    const KIND: Protected = Protected::HeardChain;
    const TABLE: &'static str = "heard chains";

    fn name(&self, key: &DataKey) -> RowName {
        let epoch = self.chain.epoch().to_le_bytes();
        key.name(Self::TABLE, &[self.me.as_bytes(), self.thread.as_bytes(), self.sender.as_bytes(), &epoch])
    }
}

/// A circle: people chosen here, who do not hear of each other by that.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Circle {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) people: Vec<PostingId>,
}

impl Row for Circle {
    const KIND: Protected = Protected::Circle;
    const TABLE: &'static str = "circles";

    fn name(&self, key: &DataKey) -> RowName {
        key.name(Self::TABLE, &[self.name.as_bytes()])
    }
}
