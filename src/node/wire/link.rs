//! What two nodes say about mutual seats (PROTOCOL.md §18): offers, confirmations, splits, leave-taking. Several
//! topics share one request; the answer holds one reply per entry, in the same order.

use minicbor::bytes::ByteArray;
use minicbor::decode::Error as DecodeError;
use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::domain::address::PeerAddress;
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::limits::WALK_HOPS;

/// What a set of seats is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TopicId {
    /// Whatever an author publishes: for nodes that carry the author's newest files.
    Author(PostingId),
    /// One file, for nodes that have it and do not carry its author.
    File(ObjectId),
}

/// A number made for one attempt, so that an answer, a confirmation or a move fits nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nonce(pub [u8; 8]);

/// How many seats an offering node has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// One: it cannot take both ends of a split.
    One,
    /// Two or more.
    More,
}

/// The permission to take the place of `from` at a peer, as `from` gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct SplitPass {
    /// Who offered to give up its seat.
    #[n(0)]
    pub from: NetworkId,
    /// The nonce it named.
    #[n(1)]
    pub nonce: Nonce,
}

/// A wish about one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Let us have seats at each other. With `hops` left the asked node rather names a seat of its own to go on to.
    Offer {
        /// Of this attempt.
        nonce: Nonce,
        /// At most [`WALK_HOPS`].
        hops: u8,
        /// Whether a split would do.
        room: Room,
        /// Whose place at the asked node is meant.
        pass: Option<SplitPass>,
    },
    /// You have a seat here. What you accepted with this nonce, or a seat from before: then it asks whether it stands.
    Confirm {
        /// Of the attempt, or any.
        nonce: Nonce,
    },
    /// A newcomer came with your pass: it takes your seat here, and you take it in my place.
    Moved {
        /// The newcomer.
        to: NetworkId,
        /// The pass.
        nonce: Nonce,
    },
    /// You have no seat here any more.
    Leave,
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To an offer: room is kept for you; confirm. To a move: done.
    Accept {
        /// Of the offer or the pass.
        nonce: Nonce,
    },
    /// To a confirmation: you have a seat here.
    Seated,
    /// To an offer with a pass: both of us are going to offer you a seat.
    Wait,
    /// To an offer: no room, but a seat of ours can be split. Offer yourself there with this pass.
    Split {
        /// Where.
        peer: PeerAddress,
        /// The pass's nonce.
        nonce: Nonce,
    },
    /// To an offer with hops: go on there.
    Onward {
        /// Where.
        peer: PeerAddress,
    },
    /// No, or: so be it.
    Leave,
}

/// One entry of a `Link`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkAsk {
    /// About what.
    pub topic: TopicId,
    /// What.
    pub ask: Ask,
}

impl<C> Encode<C> for Nonce {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut Encoder<W>,
        _context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Nonce {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        ByteArray::<8>::decode(decoder, context).map(|bytes| Self(bytes.into()))
    }
}

impl<C> Encode<C> for TopicId {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut Encoder<W>,
        _context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Self::Author(id) => encoder.array(2)?.u8(0)?.bytes(id.as_bytes())?.ok(),
            Self::File(id) => encoder.array(2)?.u8(1)?.bytes(id.as_bytes())?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for TopicId {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        let position = decoder.position();
        let refuse = || DecodeError::message("not a topic").at(position);
        if decoder.array()? != Some(2) {
            return Err(refuse());
        }
        let kind = decoder.u8()?;
        let id: [u8; 32] = ByteArray::<32>::decode(decoder, context)?.into();
        match kind {
            0 => Ok(Self::Author(PostingId::from_bytes(id))),
            1 => Ok(Self::File(ObjectId::from_bytes(id))),
            _ => Err(refuse()),
        }
    }
}

const OFFER: u8 = 0;
const CONFIRM: u8 = 1;
const MOVED: u8 = 2;
const LEAVE: u8 = 3;

impl<C> Encode<C> for LinkAsk {
    /// `[topic, verb, …]`; later fields of a verb go behind those it has.
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match &self.ask {
            Ask::Offer { nonce, hops, room, pass } => {
                encoder.array(6)?.encode_with(self.topic, context)?.u8(OFFER)?;
                encoder.encode_with(nonce, context)?.u8(*hops)?;
                encoder.u8(if *room == Room::One { 1 } else { 2 })?;
                encoder.encode_with(pass, context)?.ok()
            }
            Ask::Confirm { nonce } => {
                encoder.array(3)?.encode_with(self.topic, context)?.u8(CONFIRM)?;
                encoder.encode_with(nonce, context)?.ok()
            }
            Ask::Moved { to, nonce } => {
                encoder.array(4)?.encode_with(self.topic, context)?.u8(MOVED)?;
                encoder.encode_with(nonce, context)?.encode_with(to, context)?.ok()
            }
            Ask::Leave => encoder.array(2)?.encode_with(self.topic, context)?.u8(LEAVE)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for LinkAsk {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        let position = decoder.position();
        let refuse = || DecodeError::message("not an entry of a link").at(position);
        let fields = decoder.array()?.ok_or_else(refuse)?;
        let topic = decoder.decode_with(context)?;
        let verb = decoder.u8()?;
        let (known, ask) = match verb {
            OFFER => {
                let nonce = decoder.decode_with(context)?;
                let hops = decoder.u8()?;
                if hops > WALK_HOPS {
                    return Err(refuse());
                }
                let room = if decoder.u8()? == 1 { Room::One } else { Room::More };
                (6, Ask::Offer { nonce, hops, room, pass: decoder.decode_with(context)? })
            }
            CONFIRM => (3, Ask::Confirm { nonce: decoder.decode_with(context)? }),
            MOVED => {
                let nonce = decoder.decode_with(context)?;
                (4, Ask::Moved { nonce, to: decoder.decode_with(context)? })
            }
            LEAVE => (2, Ask::Leave),
            _ => return Err(refuse()),
        };
        skip_rest(decoder, fields, known)?;
        Ok(Self { topic, ask })
    }
}

const ACCEPT: u8 = 0;
const SEATED: u8 = 1;
const WAIT: u8 = 2;
const SPLIT: u8 = 3;
const ONWARD: u8 = 4;
const NO: u8 = 5;

impl<C> Encode<C> for Reply {
    /// `[verb, …]`; later fields of a verb go behind those it has.
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Self::Accept { nonce } => encoder.array(2)?.u8(ACCEPT)?.encode_with(nonce, context)?.ok(),
            Self::Seated => encoder.array(1)?.u8(SEATED)?.ok(),
            Self::Wait => encoder.array(1)?.u8(WAIT)?.ok(),
            Self::Split { peer, nonce } => {
                encoder.array(3)?.u8(SPLIT)?.encode_with(nonce, context)?.encode_with(peer, context)?.ok()
            }
            Self::Onward { peer } => encoder.array(2)?.u8(ONWARD)?.encode_with(peer, context)?.ok(),
            Self::Leave => encoder.array(1)?.u8(NO)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Reply {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        let position = decoder.position();
        let refuse = || DecodeError::message("not a reply to a link").at(position);
        let fields = decoder.array()?.ok_or_else(refuse)?;
        let (known, reply) = match decoder.u8()? {
            ACCEPT => (2, Self::Accept { nonce: decoder.decode_with(context)? }),
            SEATED => (1, Self::Seated),
            WAIT => (1, Self::Wait),
            SPLIT => {
                let nonce = decoder.decode_with(context)?;
                (3, Self::Split { nonce, peer: decoder.decode_with(context)? })
            }
            ONWARD => (2, Self::Onward { peer: decoder.decode_with(context)? }),
            NO => (1, Self::Leave),
            _ => return Err(refuse()),
        };
        skip_rest(decoder, fields, known)?;
        Ok(reply)
    }
}

/// Skips what a later version put behind the fields this one knows.
fn skip_rest(decoder: &mut Decoder<'_>, fields: u64, known: u64) -> Result<(), DecodeError> {
    let more = fields.checked_sub(known).ok_or_else(|| DecodeError::message("fields are missing"))?;
    for _ in 0..more {
        decoder.skip()?;
    }
    Ok(())
}
