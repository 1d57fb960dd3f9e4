//! What is inside of a sealed post (PROTOCOL.md §24), as CBOR.

use minicbor::{Decoder, Encoder};

use super::primitives::{Key, derived_head};

/// Names a message among those of its sender.
pub type MessageId = [u8; 16];

/// What is inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Inner {
    /// The message.
    pub message: MessageId,
    /// The conversation.
    pub thread: [u8; 16],
    /// When it was written, in milliseconds.
    pub sent_ms: i64,
    /// Messages of the other side that came.
    pub confirmations: Vec<[u8; 8]>,
    /// How the session begins.
    pub beginning: Option<Beginning>,
    /// What is said.
    pub said: Said,
}

/// What the other side needs to have the session too.
#[derive(Clone, Debug, PartialEq)]
pub struct Beginning {
    /// Public half of the key of the moment.
    pub ek: Key,
    /// Which of two sessions counts more.
    pub stamp: i64,
    /// The sender's life.
    pub life: i64,
    /// The highest life heard of the other side.
    pub your_life: i64,
    /// How the sender calls itself.
    pub name: String,
    /// The sender's prekey and its day.
    pub prekey: Option<(Key, u32)>,
}

/// A message that is meant: who sent it, and which.
pub type Meant = (Key, MessageId);

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A text, and what it quotes.
    Text(String, Option<Meant>),
    /// An emoji put (`true`) to a message, or taken back.
    Reaction(Meant, String, bool),
    /// Another text for a message of the sender's.
    Edit(MessageId, String),
    /// A message of the sender's goes.
    Deletion(MessageId),
    /// Nothing; it confirms.
    Nothing,
}

/// The two posting ids, the smaller first.
fn in_order<'k>(one: &'k Key, other: &'k Key) -> [&'k [u8]; 2] {
    if one <= other { [one, other] } else { [other, one] }
}

/// The thread of two people.
pub fn thread(one: &Key, other: &Key) -> [u8; 16] {
    derived_head("itsgoin/dm/1 thread", &in_order(one, other))
}

/// What confirms a message of this sender.
pub fn confirmation(thread: &[u8; 16], author: &Key, message: &MessageId) -> [u8; 8] {
    derived_head("itsgoin/dm/1 ack", &[thread, author, message])
}

/// The words by which two people know that nobody stands between them.
pub fn words(one: &Key, other: &Key) -> String {
    let (consonants, vowels) = (b"bdfghjklmnprstvz", b"aiou");
    let bytes: [u8; 12] = derived_head("itsgoin/dm/1 words", &in_order(one, other));
    let word = |pair: &[u8]| {
        let bits = usize::from(u16::from_le_bytes([pair[0], pair[1]]));
        let consonant = |from: usize| consonants[(bits >> from) & 15];
        let vowel = |from: usize| vowels[(bits >> from) & 3];
        let letters = [consonant(12), vowel(10), consonant(6), vowel(4), consonant(0)];
        String::from_utf8(letters.to_vec()).unwrap()
    };
    bytes.chunks(2).map(word).collect::<Vec<_>>().join(" ")
}

impl Said {
    /// Bytes of text, by which the size of the post is chosen.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Text(text, _) | Self::Edit(_, text) => text.len(),
            Self::Reaction(..) | Self::Deletion(_) | Self::Nothing => 0,
        }
    }

    fn encode(&self, to: &mut Encoder<&mut Vec<u8>>) -> Option<()> {
        let number = match self {
            Self::Text(..) => 0,
            Self::Reaction(..) => 1,
            Self::Edit(..) => 2,
            Self::Deletion(_) => 3,
            Self::Nothing => 4,
        };
        to.array(2).ok()?.u8(number).ok()?;
        match self {
            Self::Text(text, quoted) => {
                to.array(1 + u64::from(quoted.is_some())).ok()?.str(text).ok()?;
                quoted.iter().try_for_each(|meant| encode_meant(to, meant))?;
            }
            Self::Reaction(meant, emoji, on) => {
                to.array(3).ok()?;
                encode_meant(to, meant)?;
                to.str(emoji).ok()?.bool(*on).ok()?;
            }
            Self::Edit(message, text) => {
                to.array(2).ok()?.bytes(message).ok()?.str(text).ok()?;
            }
            Self::Deletion(message) => {
                to.array(1).ok()?.bytes(message).ok()?;
            }
            Self::Nothing => {
                to.array(0).ok()?;
            }
        }
        Some(())
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let is_pair = from.array().ok()? == Some(2);
        let (number, fields) = (from.u8().ok()?, from.array().ok()??);
        Some(match (is_pair, number, fields) {
            (true, 0, 1) => Self::Text(from.str().ok()?.to_owned(), None),
            (true, 0, 2) => Self::Text(from.str().ok()?.to_owned(), Some(decode_meant(from)?)),
            (true, 1, 3) => {
                Self::Reaction(decode_meant(from)?, from.str().ok()?.to_owned(), from.bool().ok()?)
            }
            (true, 2, 2) => Self::Edit(fixed(from)?, from.str().ok()?.to_owned()),
            (true, 3, 1) => Self::Deletion(fixed(from)?),
            (true, 4, 0) => Self::Nothing,
            _ => return None,
        })
    }
}

fn encode_meant(to: &mut Encoder<&mut Vec<u8>>, (author, message): &Meant) -> Option<()> {
    to.array(2).ok()?.bytes(author).ok()?.bytes(message).ok()?;
    Some(())
}

fn decode_meant(from: &mut Decoder<'_>) -> Option<Meant> {
    (from.array().ok()? == Some(2)).then_some(())?;
    Some((fixed(from)?, fixed(from)?))
}

fn fixed<const N: usize>(from: &mut Decoder<'_>) -> Option<[u8; N]> {
    from.bytes().ok()?.try_into().ok()
}

impl Beginning {
    fn encode(&self, to: &mut Encoder<&mut Vec<u8>>) -> Option<()> {
        to.map(5 + u64::from(self.prekey.is_some())).ok()?;
        to.u8(0).ok()?.bytes(&self.ek).ok()?;
        to.u8(1).ok()?.i64(self.stamp).ok()?;
        to.u8(2).ok()?.i64(self.life).ok()?;
        to.u8(3).ok()?.i64(self.your_life).ok()?;
        to.u8(4).ok()?.str(&self.name).ok()?;
        if let Some((prekey, day)) = &self.prekey {
            to.u8(5).ok()?.array(2).ok()?.bytes(prekey).ok()?.u32(*day).ok()?;
        }
        Some(())
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let (mut ek, mut stamp, mut life, mut your_life, mut name, mut prekey) =
            (None, None, None, None, None, None);
        for _ in 0..from.map().ok()?? {
            match from.u32().ok()? {
                0 => ek = Some(fixed(from)?),
                1 => stamp = Some(from.i64().ok()?),
                2 => life = Some(from.i64().ok()?),
                3 => your_life = Some(from.i64().ok()?),
                4 => name = Some(from.str().ok()?.to_owned()),
                5 => {
                    (from.array().ok()? == Some(2)).then_some(())?;
                    prekey = Some((fixed(from)?, from.u32().ok()?));
                }
                _ => from.skip().ok()?,
            }
        }
        Some(Self { ek: ek?, stamp: stamp?, life: life?, your_life: your_life?, name: name?, prekey })
    }
}

impl Inner {
    /// Its bytes.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut to = Encoder::new(&mut bytes);
        to.map(5 + u64::from(self.beginning.is_some())).ok()?;
        to.u8(0).ok()?.bytes(&self.message).ok()?;
        to.u8(1).ok()?.bytes(&self.thread).ok()?;
        to.u8(2).ok()?.i64(self.sent_ms).ok()?;
        to.u8(3).ok()?.array(u64::try_from(self.confirmations.len()).ok()?).ok()?;
        for confirmation in &self.confirmations {
            to.bytes(confirmation).ok()?;
        }
        if let Some(beginning) = &self.beginning {
            to.u8(4).ok()?;
            beginning.encode(&mut to)?;
        }
        to.u8(5).ok()?;
        self.said.encode(&mut to)?;
        Some(bytes)
    }

    /// What these bytes say, if they are one inner part and nothing else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Decoder::new(bytes);
        let (mut message, mut thread, mut sent_ms, mut said) = (None, None, None, None);
        let (mut confirmations, mut beginning) = (Vec::new(), None);
        for _ in 0..from.map().ok()?? {
            match from.u32().ok()? {
                0 => message = Some(fixed(&mut from)?),
                1 => thread = Some(fixed(&mut from)?),
                2 => sent_ms = Some(from.i64().ok()?),
                3 => {
                    let count = from.array().ok()??;
                    confirmations = (0..count).map(|_| fixed(&mut from)).collect::<Option<_>>()?;
                }
                4 => beginning = Some(Beginning::decode(&mut from)?),
                5 => said = Some(Said::decode(&mut from)?),
                _ => from.skip().ok()?,
            }
        }
        let is_whole = from.position() == bytes.len();
        let (message, thread, sent_ms) = (message?, thread?, sent_ms?);
        is_whole.then_some(Self { message, thread, sent_ms, confirmations, beginning, said: said? })
    }
}
