//! What is inside a sealed post of a conversation: deterministic CBOR that only its people ever see.
//!
//! Time, order and threading exist only in here. A field nobody knows is skipped; something said in a way nobody knows
//! is kept out of sight and confirmed like anything else, so that it is not sent again for ever.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::conversation::{MessageId, ThreadId};
use super::ids::PostingId;
use super::roster::SignedVersion;
use super::statement::{Statement, verify_statement};
use super::time::Timestamp;
use crate::limits::{ACKS_AT_ONCE, COMMENT_TEXT_BYTES, EMOJI_BYTES, MESSAGE_TEXT_BYTES, NAME_BYTES};

/// Bytes kept free beside the text of a message for everything else it may carry, always the same, so that what it
/// carries never moves it into another size.
pub const BESIDE_TEXT: usize = 480;

/// By what a message is confirmed.
pub type Ack = ByteArray<8>;

/// Everything one sealed post of a conversation says.
#[derive(Encode, Decode)]
#[cbor(map)]
pub struct Inner {
    /// Chosen by the sender.
    #[n(0)]
    pub message_id: MessageId,
    /// In which conversation.
    #[n(1)]
    pub thread: ThreadId,
    /// When the sender says it was written.
    #[n(2)]
    pub sent: Timestamp,
    /// Messages of the receiver that came.
    #[n(3)]
    pub acks: Vec<Ack>,
    /// What the receiver needs to share the sender's session, until it has answered.
    #[n(4)]
    pub beginning: Option<Beginning>,
    /// What is said.
    #[n(5)]
    pub said: Said,
}

/// What comes with every message until the other side has answered.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub struct Beginning {
    /// The key of the moment.
    #[n(0)]
    pub key: ByteArray<32>,
    /// Rises with every session between two personas: of two begun at once the higher one stays.
    #[n(1)]
    pub stamp: u64,
    /// Of which life of the sender's store the session is.
    #[n(2)]
    pub life: u64,
    /// The newest life of the receiver's store the sender has heard of.
    #[n(3)]
    pub your_life: u64,
    /// What the sender is called.
    #[n(4)]
    pub name: String,
    /// The sender's prekey and the day it was made.
    #[n(5)]
    pub prekey: Option<(ByteArray<32>, u32)>,
}

/// One thing said in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Said {
    /// A message.
    #[n(0)]
    Text {
        /// At most `MESSAGE_TEXT_BYTES`.
        #[n(0)]
        text: String,
        /// What it answers.
        #[n(1)]
        quote: Option<(PostingId, MessageId)>,
    },
    /// A reaction to a message, put or taken back.
    #[n(1)]
    Reaction {
        /// To which.
        #[n(0)]
        target: (PostingId, MessageId),
        /// One emoji.
        #[n(1)]
        emoji: String,
        /// Whether it is put.
        #[n(2)]
        is_on: bool,
    },
    /// Another text for a message of the sender.
    #[n(2)]
    Edit {
        /// Which.
        #[n(0)]
        target: MessageId,
        /// The text.
        #[n(1)]
        text: String,
    },
    /// A message of the sender is to be forgotten.
    #[n(3)]
    Delete {
        /// Which.
        #[n(0)]
        target: MessageId,
    },
    /// Nothing but what is confirmed.
    #[n(4)]
    Acks,
    /// Versions of the roster of a group, whose thread the message names.
    #[n(5)]
    Roster {
        /// Parents first.
        #[n(0)]
        versions: Vec<SignedVersion>,
    },
    /// A key to what the sender says to all in a group, or to a circle.
    #[n(6)]
    Chain {
        /// The key.
        #[n(0)]
        key: ChainKey,
        /// To whom the chain speaks.
        #[n(1)]
        reach: Reach,
    },
    /// A comment on a post to a circle: by message to its author, signed, and passed on by the author.
    #[n(7)]
    Comment(#[n(0)] Comment),
    /// Something only a later version can say. It is confirmed like anything else, so that it is not sent again for ever.
    #[n(255)]
    Unknown,
}

/// To whom a sender chain speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Reach {
    /// Everybody in a group.
    #[n(0)]
    Group,
    /// Whom the sender chose, not knowing of each other.
    #[n(1)]
    Circle,
}

/// What somebody needs to follow a sender chain from a message on.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ChainKey {
    /// Which chain of the sender: later ones are higher.
    #[n(0)]
    pub epoch: u32,
    /// The next message.
    #[n(1)]
    pub number: u32,
    /// The chain of message keys there.
    #[n(2)]
    pub messages: ByteArray<32>,
    /// The chain of tags there.
    #[n(3)]
    pub tags: ByteArray<32>,
    /// Checks the signatures of the chain.
    #[n(4)]
    pub signer: PostingId,
}

impl std::fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChainKey({}, {})", self.epoch, self.number)
    }
}

/// A comment or a reaction on a post to a circle.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Comment {
    /// Who comments.
    #[n(0)]
    pub from: PostingId,
    /// Chosen by who comments.
    #[n(1)]
    pub message_id: MessageId,
    /// When it was written.
    #[n(2)]
    pub sent: Timestamp,
    /// The post or comment it is about.
    #[n(3)]
    pub target: (PostingId, MessageId),
    /// What is said about it.
    #[n(4)]
    pub remark: Remark,
    /// What the commenter is called.
    #[n(5)]
    pub name: String,
    /// By who comments, over everything else and the thread.
    #[n(6)]
    pub signature: ByteArray<64>,
}

/// What is said about a post to a circle.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Remark {
    /// A text.
    #[n(0)]
    Text(#[n(0)] String),
    /// A reaction, put or taken back.
    #[n(1)]
    Reaction {
        /// One emoji.
        #[n(0)]
        emoji: String,
        /// Whether it is put.
        #[n(1)]
        is_on: bool,
    },
}

impl Comment {
    /// The bytes that are signed.
    #[must_use]
    pub fn stated(&self, thread: ThreadId) -> Vec<u8> {
        let unsigned = Self { signature: [0; 64].into(), ..self.clone() };
        [thread.as_bytes().as_slice(), &super::cbor::encode(&unsigned)].concat()
    }

    /// Checks that it was said by who is named.
    #[must_use]
    pub fn is_genuine(&self, thread: ThreadId) -> bool {
        let stated = self.stated(thread);
        verify_statement(Statement::Comment, self.from, &stated, &self.signature).is_ok()
    }
}

/// Bytes a chain key counts for in the size of a post.
const CHAIN_KEY_BYTES: usize = 128;
/// Bytes a comment counts for besides its text.
const COMMENT_BYTES: usize = 304;

impl Said {
    /// Bytes of text that decide the size of the sealed post.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Text { text, .. } | Self::Edit { text, .. } => text.len(),
            Self::Reaction { .. } | Self::Delete { .. } | Self::Acks | Self::Unknown => 0,
            Self::Roster { versions } => {
                versions.iter().map(SignedVersion::taken_bytes).fold(0, usize::saturating_add)
            }
            Self::Chain { .. } => CHAIN_KEY_BYTES,
            Self::Comment(Comment { remark: Remark::Text(text), .. }) => {
                text.len().saturating_add(COMMENT_BYTES)
            }
            Self::Comment(_) => COMMENT_BYTES,
        }
    }

    fn is_bounded(&self) -> bool {
        match self {
            Self::Reaction { emoji, .. } => emoji.len() <= EMOJI_BYTES,
            Self::Comment(comment) => {
                let is_small = match &comment.remark {
                    Remark::Text(text) => text.len() <= COMMENT_TEXT_BYTES,
                    Remark::Reaction { emoji, .. } => emoji.len() <= EMOJI_BYTES,
                };
                is_small && comment.name.len() <= NAME_BYTES
            }
            _ => self.text_bytes() <= MESSAGE_TEXT_BYTES,
        }
    }
}

impl Inner {
    /// The bytes that are sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        super::cbor::encode(self)
    }

    /// Reads them; `None` when they are none, or a part is larger than allowed.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let known = super::cbor::decode_whole(bytes).ok();
        let inner: Self = known.or_else(|| super::cbor::decode_whole(bytes).ok().map(Heading::into_inner))?;
        let is_named = inner.beginning.as_ref().is_none_or(|beginning| beginning.name.len() <= NAME_BYTES);
        (is_named && inner.acks.len() <= ACKS_AT_ONCE && inner.said.is_bounded()).then_some(inner)
    }
}

/// What is around something said that only a later version knows.
#[derive(Decode)]
#[cbor(map)]
struct Heading {
    #[n(0)]
    message_id: MessageId,
    #[n(1)]
    thread: ThreadId,
    #[n(2)]
    sent: Timestamp,
    #[n(3)]
    acks: Vec<Ack>,
    #[n(4)]
    beginning: Option<Beginning>,
}

impl Heading {
    fn into_inner(self) -> Inner {
        let Self { message_id, thread, sent, acks, beginning } = self;
        Inner { message_id, thread, sent, acks, beginning, said: Said::Unknown }
    }
}

/// By what a message is confirmed: nothing of it can be guessed from outside its conversation.
#[must_use]
pub fn ack_of(thread: ThreadId, author: PostingId, message_id: MessageId) -> Ack {
    let mut hasher = blake3::Hasher::new_derive_key("itsgoin/dm/1 ack");
    hasher.update(thread.as_bytes()).update(author.as_bytes()).update(message_id.as_bytes());
    let mut ack = [0; 8];
    hasher.finalize_xof().fill(&mut ack);
    ack.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest(text: usize) -> Inner {
        Inner {
            message_id: MessageId::from_bytes([0xff; 16]),
            thread: ThreadId::from_bytes([0xff; 16]),
            sent: Timestamp::from_millis(i64::MAX),
            acks: vec![[0xff; 8].into(); ACKS_AT_ONCE],
            beginning: Some(Beginning {
                key: [0xff; 32].into(),
                stamp: u64::MAX,
                life: u64::MAX,
                your_life: u64::MAX,
                name: "x".repeat(NAME_BYTES),
                prekey: Some(([0xff; 32].into(), u32::MAX)),
            }),
            said: Said::Text {
                text: "x".repeat(text),
                quote: Some((PostingId::from_bytes([0xff; 32]), MessageId::from_bytes([0xff; 16]))),
            },
        }
    }

    #[test]
    fn whatever_comes_along_fits_beside_the_text() {
        for text in [0, 1, 800, MESSAGE_TEXT_BYTES] {
            let bytes = largest(text).encode();
            assert!(bytes.len() - text <= BESIDE_TEXT, "{} bytes beside {text}", bytes.len() - text);
        }
    }

    #[test]
    fn everything_said_fits_into_the_size_its_text_gives() {
        let id = PostingId::from_bytes([0xff; 32]);
        let key = ChainKey {
            epoch: u32::MAX,
            number: u32::MAX,
            messages: [0xff; 32].into(),
            tags: [0xff; 32].into(),
            signer: id,
        };
        let version = SignedVersion { bytes: vec![7; 2_000].into(), signature: [0xff; 64].into() };
        let comment = |remark| {
            Said::Comment(Comment {
                from: id,
                message_id: MessageId::from_bytes([0xff; 16]),
                sent: Timestamp::from_millis(i64::MAX),
                target: (id, MessageId::from_bytes([0xff; 16])),
                remark,
                name: "x".repeat(NAME_BYTES),
                signature: [0xff; 64].into(),
            })
        };
        let all = [
            Said::Chain { key, reach: Reach::Circle },
            Said::Roster { versions: vec![version; 4] },
            comment(Remark::Text("x".repeat(COMMENT_TEXT_BYTES))),
            comment(Remark::Reaction { emoji: "x".repeat(EMOJI_BYTES), is_on: true }),
        ];
        for said in all {
            let text = said.text_bytes();
            let bytes = Inner { said: said.clone(), ..largest(0) }.encode().len();
            assert!(bytes <= text + BESIDE_TEXT, "{bytes} bytes for {text}");
            assert_eq!(
                Inner::decode(&Inner { said: said.clone(), ..largest(0) }.encode()).unwrap().said,
                said
            );
        }
    }

    #[test]
    fn what_is_encoded_decodes_and_bounds_hold() {
        let read = Inner::decode(&largest(10).encode()).unwrap();
        assert_eq!((read.said, read.acks.len()), (largest(10).said, ACKS_AT_ONCE));
        assert!(Inner::decode(&largest(MESSAGE_TEXT_BYTES + 1).encode()).is_none());
        let mut long = largest(1);
        long.acks.push([0; 8].into());
        assert!(Inner::decode(&long.encode()).is_none());
        assert!(Inner::decode(b"").is_none());
    }

    #[test]
    fn what_a_later_version_says_keeps_its_heading() {
        #[derive(Encode)]
        #[cbor(map)]
        struct Later {
            #[n(0)]
            message_id: MessageId,
            #[n(1)]
            thread: ThreadId,
            #[n(2)]
            sent: Timestamp,
            #[n(3)]
            acks: Vec<Ack>,
            #[n(5)]
            said: (u8, [&'static str; 1]),
        }
        let (message_id, thread) = (MessageId::from_bytes([1; 16]), ThreadId::from_bytes([2; 16]));
        let later = Later {
            message_id,
            thread,
            sent: Timestamp::ZERO,
            acks: vec![[3; 8].into()],
            said: (77, ["news"]),
        };
        let read = Inner::decode(&crate::domain::cbor::encode(&later)).unwrap();
        assert_eq!((read.message_id, read.thread, read.said), (message_id, thread, Said::Unknown));
        assert_eq!(read.acks.len(), 1);
    }
}
