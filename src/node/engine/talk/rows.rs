//! What is kept about conversations, each as CBOR under the data key.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::api::{LinkState, QueueReason};
use crate::crypto::data_key::DataKey;
use crate::crypto::dh::DhPublic;
use crate::crypto::kdf::KeptKey;
use crate::crypto::ratchet::Ratchet;
use crate::db::protected::{Protected, RowName};
use crate::db::{DbError, Read, Write};
use crate::domain::conversation::{ConversationId, Keep, MessageId, ThreadId};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::inner::{Ack, Said};
use crate::domain::log::Seq;
use crate::domain::time::Timestamp;
use rand::CryptoRng;

/// A row with a name of its own.
pub(crate) trait Row: Sized + Encode<()> + for<'b> Decode<'b, ()> {
    /// What it is.
    const KIND: Protected;
    /// The table its ciphertext is bound to.
    const TABLE: &'static str;

    /// By what it is known.
    fn name(&self, key: &DataKey) -> RowName;
}

fn damaged<T: Row>() -> DbError {
    DbError::DamagedRow { table: T::TABLE }
}

/// All rows of a kind.
pub(crate) fn load_all<T: Row>(read: Read<'_>, key: &DataKey) -> Result<Vec<T>, DbError> {
    let rows = read.list_protected(T::KIND)?;
    rows.iter().map(|(name, value)| open(key, name, value)).collect()
}

/// One row.
pub(crate) fn find<T: Row>(read: Read<'_>, key: &DataKey, name: &RowName) -> Result<Option<T>, DbError> {
    read.find_protected(T::KIND, name)?.map(|value| open(key, name, &value)).transpose()
}

fn open<T: Row>(key: &DataKey, name: &RowName, value: &[u8]) -> Result<T, DbError> {
    let plain = key.open(T::TABLE, name, value).map_err(|_unopened| damaged::<T>())?;
    minicbor::decode(&plain).map_err(|_malformed| damaged::<T>())
}

/// Writes a row, in place of the one with its name.
pub(super) fn save<T: Row>(
    write: &Write<'_>,
    key: &DataKey,
    rng: &mut dyn CryptoRng,
    row: &T,
) -> Result<(), DbError> {
    let name = row.name(key);
    let plain = zeroize::Zeroizing::new(crate::domain::cbor::encode(row));
    write.replace_protected(T::KIND, &name, &key.seal(T::TABLE, &name, &plain, rng))
}

/// Removes a row.
pub(super) fn remove<T: Row>(write: &Write<'_>, key: &DataKey, row: &T) -> Result<(), DbError> {
    write.delete_protected(T::KIND, &row.name(key))
}

/// How far sealed posts were looked through.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct Progress {
    #[n(0)]
    pub(super) matched: Seq,
    /// What the log was called at the last start, hashed.
    #[n(1)]
    pub(super) log: ByteArray<32>,
    /// When a copy was put back last, in milliseconds; 0 if never.
    #[n(2)]
    pub(super) life: u64,
}

impl Row for Progress {
    const KIND: Protected = Protected::Progress;
    const TABLE: &'static str = "progress";

    fn name(&self, key: &DataKey) -> RowName {
        key.name(Self::TABLE, &[])
    }
}

/// The secret half of a prekey.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct Prekey {
    #[n(0)]
    pub(super) persona: PostingId,
    #[n(1)]
    pub(super) secret: KeptKey,
    #[n(2)]
    pub(super) public: DhPublic,
    #[n(3)]
    pub(super) made: Timestamp,
}

impl Row for Prekey {
    const KIND: Protected = Protected::Prekey;
    const TABLE: &'static str = "prekeys";

    fn name(&self, key: &DataKey) -> RowName {
        key.name(Self::TABLE, &[self.persona.as_bytes(), self.public.as_bytes()])
    }
}

/// What one persona knows about somebody it writes with.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct Relation {
    #[n(0)]
    pub(super) me: PostingId,
    #[n(1)]
    pub(crate) peer: PostingId,
    /// The largest stamp of a session between the two.
    #[n(2)]
    pub(super) stamp: u64,
    /// Of our store towards this peer.
    #[n(3)]
    pub(super) life: u64,
    /// The newest of the peer's store we heard of.
    #[n(4)]
    pub(super) your_life: u64,
    /// What the peer says it is called.
    #[n(5)]
    pub(crate) name: String,
    /// The peer's newest prekey we heard of, and its day.
    #[n(6)]
    pub(super) prekey: Option<(DhPublic, u32)>,
    #[n(7)]
    pub(crate) is_verified: bool,
    #[n(8)]
    pub(super) is_blocked: bool,
    /// What is to be confirmed with the next message.
    #[n(9)]
    pub(super) acks: Vec<Ack>,
    /// When it is confirmed without one.
    #[n(10)]
    pub(super) ack_due: Option<Timestamp>,
    /// When the last confirmation without a message was made.
    #[n(11)]
    pub(super) last_ack: Timestamp,
    /// How well what is written is protected.
    #[n(12)]
    pub(super) link: Link,
}

/// Whether two personas share keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum Link {
    /// Nothing was sent or received.
    #[n(0)]
    None,
    /// We wrote to a fresh key.
    #[n(1)]
    Waiting,
    /// We wrote to the identity key.
    #[n(2)]
    Weak,
    /// Something came on a session.
    #[n(3)]
    Confirmed,
}

impl Relation {
    /// As faces hear of it.
    pub(crate) const fn link(&self) -> LinkState {
        match self.link {
            Link::None => LinkState::None,
            Link::Waiting => LinkState::Waiting,
            Link::Weak => LinkState::Weak,
            Link::Confirmed => LinkState::Confirmed,
        }
    }

    pub(super) const fn new(me: PostingId, peer: PostingId, life: u64) -> Self {
        Self {
            me,
            peer,
            stamp: 0,
            life,
            your_life: 0,
            name: String::new(),
            prekey: None,
            is_verified: false,
            is_blocked: false,
            acks: Vec::new(),
            ack_due: None,
            last_ack: Timestamp::ZERO,
            link: Link::None,
        }
    }
}

/// The name of a relation's row.
pub(crate) fn relation_name(key: &DataKey, me: PostingId, peer: PostingId) -> RowName {
    key.name(Relation::TABLE, &[me.as_bytes(), peer.as_bytes()])
}

impl Row for Relation {
    const KIND: Protected = Protected::Relation;
    const TABLE: &'static str = "relations";

    fn name(&self, key: &DataKey) -> RowName {
        relation_name(key, self.me, self.peer)
    }
}

/// A session of a persona with somebody.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct Session {
    #[n(0)]
    pub(super) sid: ByteArray<16>,
    #[n(1)]
    pub(super) me: PostingId,
    #[n(2)]
    pub(super) peer: PostingId,
    /// Of two sessions the one with the higher stamp is used.
    #[n(3)]
    pub(super) stamp: u64,
    #[n(4)]
    pub(super) life: u64,
    #[n(5)]
    pub(super) your_life: u64,
    /// What goes along with every message until the peer answers, when we began.
    #[n(6)]
    pub(super) contact: Option<Contact>,
    #[n(7)]
    pub(super) bond: Bond,
    /// When something came on it last, or it was begun.
    #[n(8)]
    pub(super) last: Timestamp,
    #[n(9)]
    pub(super) ratchet: Ratchet,
    /// Slots in a row whose header the peer made and whose rest did not fit.
    #[n(10)]
    pub(super) broken: u32,
}

/// Whether the peer has the session too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum Bond {
    /// We began, no answer came.
    #[n(0)]
    Pending,
    /// Something came on it.
    #[n(1)]
    Confirmed,
}

/// How we began a session.
#[derive(Clone, Copy, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Contact {
    #[n(0)]
    pub(super) beginning: DhPublic,
    #[n(1)]
    pub(super) prekey: DhPublic,
    #[n(2)]
    pub(super) strength: Strength,
}

/// What a session was begun with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum Strength {
    /// A fresh prekey.
    #[n(0)]
    Fresh,
    /// The identity key, for want of a prekey.
    #[n(1)]
    Weak,
}

impl Row for Session {
    const KIND: Protected = Protected::Session;
    const TABLE: &'static str = "sessions";

    fn name(&self, key: &DataKey) -> RowName {
        key.name(Self::TABLE, &[self.sid.as_slice()])
    }
}

/// A conversation of a persona.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Conversation {
    #[n(0)]
    pub(crate) id: ConversationId,
    #[n(1)]
    pub(crate) me: PostingId,
    #[n(2)]
    pub(crate) thread: ThreadId,
    #[n(3)]
    pub(crate) people: Vec<PostingId>,
    #[n(4)]
    pub(crate) standing: StoredStanding,
    #[n(5)]
    pub(crate) unread: u32,
    #[n(6)]
    pub(crate) last: Timestamp,
    /// Who wrote the last message, and its first line.
    #[n(7)]
    pub(crate) preview: Option<(PostingId, String)>,
    #[n(8)]
    pub(crate) is_muted: bool,
    #[n(9)]
    pub(crate) is_pinned: bool,
    #[n(10)]
    pub(crate) is_archived: bool,
    #[n(11)]
    pub(crate) kind: StoredKind,
    /// What a group or a circle of ours is called.
    #[n(12)]
    pub(crate) title: String,
    /// Who may change a group.
    #[n(13)]
    pub(crate) admins: Vec<PostingId>,
    /// For how long its messages are kept.
    #[n(14)]
    #[cbor(default)]
    pub(crate) keep: Keep,
}

impl Conversation {
    /// A conversation of two; nothing was said in it.
    pub(super) fn new(me: PostingId, thread: ThreadId, people: Vec<PostingId>, now: Timestamp) -> Self {
        Self {
            id: ConversationId::of(me, thread),
            me,
            thread,
            people,
            standing: StoredStanding::Accepted,
            unread: 0,
            last: now,
            preview: None,
            is_muted: false,
            is_pinned: false,
            is_archived: false,
            kind: StoredKind::Two,
            title: String::new(),
            admins: Vec::new(),
            keep: Keep::Forever,
        }
    }
}

/// Who speaks in a conversation, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum StoredKind {
    /// Two people.
    #[n(0)]
    Two,
    /// A group with a roster.
    #[n(1)]
    Group,
    /// A circle here, as one persona posts to it.
    #[n(2)]
    OwnCircle,
    /// Somebody's circle we are in.
    #[n(3)]
    HeardCircle,
}

/// How a conversation came to be here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum StoredStanding {
    /// Begun or accepted.
    #[n(0)]
    Accepted,
    /// A stranger wrote.
    #[n(1)]
    Request,
    /// A request that is not to be seen.
    #[n(2)]
    Ignored,
    /// A group we are not in any more, a circle that was deleted.
    #[n(3)]
    Left,
}

/// The name of a conversation's row, and of its messages' conversation.
pub(crate) fn conversation_name(key: &DataKey, id: ConversationId) -> RowName {
    key.name(Conversation::TABLE, &[id.as_bytes()])
}

impl Row for Conversation {
    const KIND: Protected = Protected::Conversation;
    const TABLE: &'static str = "conversations";

    fn name(&self, key: &DataKey) -> RowName {
        conversation_name(key, self.id)
    }
}

/// Something that waits to be sent to one person, or to be confirmed by them.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Outgoing {
    #[n(0)]
    pub(super) conversation: ConversationId,
    #[n(1)]
    pub(super) me: PostingId,
    #[n(2)]
    pub(super) peer: PostingId,
    #[n(3)]
    pub(super) thread: ThreadId,
    #[n(4)]
    pub(super) message_id: MessageId,
    #[n(5)]
    pub(super) sent: Timestamp,
    #[n(6)]
    pub(super) said: Said,
    /// When it is sealed, or sealed again.
    #[n(7)]
    pub(super) due: Timestamp,
    /// How often it was sealed.
    #[n(8)]
    pub(super) tries: u32,
    /// The last sealed post it was in.
    #[n(9)]
    pub(super) post: Option<ObjectId>,
}

impl Row for Outgoing {
    const KIND: Protected = Protected::Outgoing;
    const TABLE: &'static str = "outgoing";

    fn name(&self, key: &DataKey) -> RowName {
        key.name(Self::TABLE, &[self.thread.as_bytes(), self.peer.as_bytes(), self.message_id.as_bytes()])
    }
}

/// A message, as the archive keeps it.
#[derive(Clone, Encode, Decode)]
#[expect(clippy::struct_field_names, reason = "it is the word of the protocol")]
#[cbor(map)]
pub(crate) struct Message {
    #[n(0)]
    pub(crate) message_id: MessageId,
    #[n(1)]
    pub(crate) from: PostingId,
    #[n(2)]
    pub(crate) sent: Timestamp,
    #[n(3)]
    pub(crate) received: Timestamp,
    #[n(4)]
    pub(crate) text: String,
    #[n(5)]
    pub(crate) quote: Option<(PostingId, MessageId)>,
    /// When the text was last replaced.
    #[n(6)]
    pub(crate) edited: Option<Timestamp>,
    #[n(7)]
    pub(crate) is_deleted: bool,
    #[n(8)]
    pub(crate) reactions: Vec<Reaction>,
    #[n(9)]
    pub(crate) is_unread: bool,
    #[n(10)]
    pub(crate) state: StoredDelivery,
    /// To how many people it went, when it is ours and they confirm it.
    #[n(11)]
    pub(crate) to: u32,
    /// Who of them confirmed it.
    #[n(12)]
    pub(crate) arrived: Vec<PostingId>,
}

impl Message {
    /// A message, as it was just written here.
    pub(super) const fn new(
        message_id: MessageId,
        from: PostingId,
        sent: Timestamp,
        received: Timestamp,
        text: String,
    ) -> Self {
        Self {
            message_id,
            from,
            sent,
            received,
            text,
            quote: None,
            edited: None,
            is_deleted: false,
            reactions: Vec::new(),
            is_unread: false,
            state: StoredDelivery::Received,
            to: 0,
            arrived: Vec::new(),
        }
    }
}

/// The last word of somebody about one emoji on a message.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Reaction {
    #[n(0)]
    pub(crate) from: PostingId,
    #[n(1)]
    pub(crate) emoji: String,
    #[n(2)]
    pub(crate) sent: Timestamp,
    #[n(3)]
    pub(crate) is_on: bool,
}

/// How far a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) enum StoredDelivery {
    /// From somebody else.
    #[n(0)]
    Received,
    /// Not sealed yet.
    #[n(1)]
    Queued(#[n(0)] Awaited),
    /// Sealed, and taken from us by so many peers.
    #[n(2)]
    Sent {
        /// How many.
        #[n(0)]
        peers: u32,
    },
    /// Confirmed.
    #[n(3)]
    Arrived,
    /// Not confirmed while it could be.
    #[n(4)]
    Lost,
}

/// What a message waits for before it is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum Awaited {
    /// A random moment.
    #[n(0)]
    Moment,
    /// A first look at what peers have.
    #[n(1)]
    FirstLook,
    /// A peer.
    #[n(2)]
    Peer,
    /// An answer to a beginning.
    #[n(3)]
    Answer,
}

impl From<Awaited> for QueueReason {
    fn from(awaited: Awaited) -> Self {
        match awaited {
            Awaited::Moment => Self::Moment,
            Awaited::FirstLook => Self::FirstLook,
            Awaited::Peer => Self::NoPeer,
            Awaited::Answer => Self::TooManyOpen,
        }
    }
}

/// Unfinished text.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct Draft {
    /// Where it belongs.
    #[n(0)]
    pub(super) slot: String,
    #[n(1)]
    pub(crate) text: String,
}

/// The name of a draft's row.
pub(crate) fn draft_name(key: &DataKey, slot: &str) -> RowName {
    key.name(Draft::TABLE, &[slot.as_bytes()])
}

impl Row for Draft {
    const KIND: Protected = Protected::Draft;
    const TABLE: &'static str = "drafts";

    fn name(&self, key: &DataKey) -> RowName {
        draft_name(key, &self.slot)
    }
}

/// A message that was here and is gone: it is not new when it comes again.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct Gone {
    /// The name its row had.
    #[n(0)]
    pub(super) name: ByteArray<32>,
    /// When it went.
    #[n(1)]
    pub(super) since: Timestamp,
}

impl Row for Gone {
    const KIND: Protected = Protected::Gone;
    const TABLE: &'static str = "gone";

    fn name(&self, _key: &DataKey) -> RowName {
        self.name.into()
    }
}

/// What messages are bound to.
pub(crate) const MESSAGES: &str = "messages";

/// The name of a message's row.
pub(crate) fn message_name(
    key: &DataKey,
    conversation: ConversationId,
    from: PostingId,
    message_id: MessageId,
) -> RowName {
    key.name(MESSAGES, &[conversation.as_bytes(), from.as_bytes(), message_id.as_bytes()])
}

/// A message out of its row.
pub(crate) fn open_message(key: &DataKey, name: &RowName, value: &[u8]) -> Result<Message, DbError> {
    let damaged = || DbError::DamagedRow { table: MESSAGES };
    let plain = key.open(MESSAGES, name, value).map_err(|_unopened| damaged())?;
    minicbor::decode(&plain).map_err(|_malformed| damaged())
}

/// A message as its row holds it.
pub(super) fn seal_message(
    key: &DataKey,
    name: &RowName,
    message: &Message,
    rng: &mut dyn CryptoRng,
) -> Vec<u8> {
    let plain = zeroize::Zeroizing::new(crate::domain::cbor::encode(message));
    key.seal(MESSAGES, name, &plain, rng)
}
