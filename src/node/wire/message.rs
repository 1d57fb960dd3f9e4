//! The messages of `itsgoin/0.6` and their CBOR. Field numbers are the protocol (PROTOCOL.md); new fields are
//! optional ones with higher numbers, which old programs skip.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Decoder, Encode, Encoder};

use super::WireError;
use super::link::{LinkAsk, Reply};
use crate::domain::address::PeerAddress;
use crate::domain::envelope::{Envelope, Kind};
use crate::domain::ids::{ObjectId, PostingId, RecipientTag};
use crate::domain::log::Seq;
use crate::limits::{
    DIFF_BYTES, DIFF_ITEMS, FETCH_IDS, FOUND_PEERS, INTEREST_IDS, LINK_ENTRIES, PAGE_ITEMS, PULL_GROUPS,
    SEALED_BYTES,
};

/// The name of a store's log, keyed per peer so that two peers cannot compare notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub [u8; 16]);

/// The hash of an interest list, keyed per pair of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListHash(pub [u8; 16]);

macro_rules! cbor_16_bytes {
    ($($name:ident),*) => {$(
        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut Encoder<W>,
                _context: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
                ByteArray::<16>::decode(decoder, context).map(|bytes| Self(bytes.into()))
            }
        }
    )*};
}

cbor_16_bytes!(Epoch, ListHash);

/// The first request on a connection and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// The sender's log as it names it to the receiver.
    #[n(0)]
    pub epoch: Epoch,
    /// Bits of optional abilities; none is defined yet.
    #[n(1)]
    pub features: u64,
    /// The sender's clock in minutes since 1970.
    #[n(2)]
    pub minute: i64,
}

/// A run of entries in the interest list that share a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Range {
    /// Index of the first entry.
    #[n(0)]
    pub start: u16,
    /// How many.
    #[n(1)]
    pub length: u16,
}

/// Authors that are read from the same position.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Group {
    /// Everything after this position is wanted.
    #[n(0)]
    pub since: Seq,
    /// Which entries of the interest list.
    #[n(1)]
    pub ranges: Vec<Range>,
}

/// Asks for what arrived by the authors of a list accepted before.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Pull {
    /// Which list the ranges index into.
    #[n(0)]
    pub hash: ListHash,
    /// At most [`PULL_GROUPS`].
    #[n(1)]
    pub groups: Vec<Group>,
    /// Of a page with few items.
    #[n(2)]
    #[cbor(default, skip_if = "Sending::is_at_once")]
    pub sending: Sending,
    /// Also asks for sealed posts.
    #[n(3)]
    pub recipients: Option<Recipients>,
}

/// Asks for sealed posts one of whose tags begins with these bits.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Recipients {
    /// How many bits: from 0, all sealed posts, to 256, one tag.
    #[n(0)]
    bits: u16,
    /// The bits, from the most significant one on, in as few bytes as hold them; what is left of the last byte is zero.
    #[n(1)]
    value: ByteVec,
    /// Everything after this position of the log of sealed posts is wanted.
    #[n(2)]
    pub since: Seq,
}

impl Recipients {
    /// All sealed posts after a position.
    #[must_use]
    pub fn everything(since: Seq) -> Self {
        Self { bits: 0, value: Vec::new().into(), since }
    }

    /// Those with a tag that shares its first bits with this one.
    #[must_use]
    pub fn like(tag: RecipientTag, bits: u16, since: Seq) -> Self {
        let bits = bits.min(256);
        let mut value: Vec<u8> = tag.as_bytes().iter().copied().take(usize::from(bits.div_ceil(8))).collect();
        if let Some(last) = value.last_mut() {
            *last &= mask(bits);
        }
        Self { bits, value: value.into(), since }
    }

    /// Whether every sealed post matches.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.bits == 0
    }

    /// The one tag it asks for, if it is one.
    #[must_use]
    pub fn tag(&self) -> Option<RecipientTag> {
        RecipientTag::try_from(self.value.as_slice()).ok().filter(|_| self.bits == 256)
    }

    /// Whether a tag begins with the bits.
    #[must_use]
    pub fn matches(&self, tag: RecipientTag) -> bool {
        let whole = usize::from(self.bits / 8);
        let (same, rest) = (tag.as_bytes().iter().zip(self.value.iter()), usize::from(self.bits % 8));
        let is_same = same.take(whole).all(|(one, other)| one == other);
        let last = tag.as_bytes().get(whole).zip(self.value.get(whole));
        is_same && (rest == 0 || last.is_some_and(|(one, other)| one & mask(self.bits) == *other))
    }

    fn is_well_formed(&self) -> bool {
        let is_clean = self.value.last().is_none_or(|last| last & !mask(self.bits) == 0);
        self.bits <= 256 && self.value.len() == usize::from(self.bits.div_ceil(8)) && is_clean
    }
}

/// The bits of the last byte that count.
const fn mask(bits: u16) -> u8 {
    match bits % 8 {
        0 => 0xff,
        1 => 0x80,
        2 => 0xc0,
        3 => 0xe0,
        4 => 0xf0,
        5 => 0xf8,
        6 => 0xfc,
        _ => 0xfe,
    }
}

/// When the items of a page with fewer than `INLINE_ITEMS` offers are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(index_only)]
pub enum Sending {
    /// With the page: the asking side has hardly got them from elsewhere.
    #[n(0)]
    #[default]
    AtOnce,
    /// Once they are wanted: the asking side may well have them already.
    #[n(1)]
    OnRequest,
}

impl Sending {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "called by the derived encoder with a reference")]
    const fn is_at_once(&self) -> bool {
        matches!(self, Self::AtOnce)
    }
}

/// How far a page goes for one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GroupEnd {
    /// The end of the log in the answer's snapshot.
    #[n(0)]
    pub upto: Seq,
    /// Where the page was cut: the position of its last item, with more to come behind it.
    #[n(1)]
    pub cut: Option<Seq>,
}

impl GroupEnd {
    /// How far the log was read when everything offered for the group is done.
    #[must_use]
    pub fn cursor(&self) -> Seq {
        self.cut.unwrap_or(self.upto)
    }
}

/// One item a page offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Offer {
    /// Its id.
    #[n(0)]
    pub id: ObjectId,
    /// Bytes of its signed part.
    #[n(1)]
    pub size: u32,
}

/// The answer to a [`Pull`]. With fewer than `INLINE_ITEMS` offers the items follow at once unless the pull says
/// [`Sending::OnRequest`], else after a [`Want`]; without offers nothing follows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Page {
    /// The log the positions belong to.
    #[n(0)]
    pub epoch: Epoch,
    /// One per group of the pull, in its order.
    #[n(1)]
    pub ends: Vec<GroupEnd>,
    /// In the order of arrival, at most [`PAGE_ITEMS`]; sealed posts last.
    #[n(2)]
    pub offers: Vec<Offer>,
    /// When sealed posts were asked for.
    #[n(3)]
    pub sealed: Option<SealedEnd>,
}

impl Page {
    /// The index of the first offer that is a sealed post.
    #[must_use]
    pub fn first_sealed(&self) -> usize {
        let count = self.sealed.map_or(0, |sealed| usize::from(sealed.offers));
        self.offers.len().saturating_sub(count)
    }
}

/// How far a page goes in the log of sealed posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SealedEnd {
    /// The end of that log in the answer's snapshot.
    #[n(0)]
    pub upto: Seq,
    /// Where the page was cut: everything up to here was looked at, with more to come behind it.
    #[n(1)]
    pub cut: Option<Seq>,
    /// How many of the page's offers, the last ones, are sealed posts.
    #[n(2)]
    pub offers: u16,
}

impl SealedEnd {
    /// How far the log was read when everything offered is done.
    #[must_use]
    pub fn cursor(&self) -> Seq {
        self.cut.unwrap_or(self.upto)
    }
}

/// Which offers of a page are to be sent: bit `i` of byte `i / 8`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Want {
    #[n(0)]
    bitmap: ByteVec,
}

impl Want {
    /// A bitmap over the offers of a page.
    #[must_use]
    pub fn new(wanted: &[bool]) -> Self {
        let bytes = wanted.chunks(8).map(|chunk| {
            let bits = chunk.iter().enumerate().filter(|(_, wanted)| **wanted);
            bits.fold(0_u8, |byte, (bit, _)| {
                byte | 1_u8.checked_shl(u32::try_from(bit).unwrap_or(0)).unwrap_or(0)
            })
        });
        Self { bitmap: bytes.collect::<Vec<u8>>().into() }
    }

    /// Whether the offer with this index is wanted.
    #[must_use]
    pub fn contains(&self, index: usize) -> bool {
        let byte = self.bitmap.get(index / 8).copied().unwrap_or(0);
        let mask = 1_u8.checked_shl(u32::try_from(index % 8).unwrap_or(0)).unwrap_or(0);
        byte & mask != 0
    }
}

/// An envelope as it travels. The kind is a bare number here: a later version may send kinds we do not know.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Item {
    #[n(0)]
    kind: u16,
    #[n(1)]
    bytes: ByteVec,
    #[n(2)]
    signature: ByteArray<64>,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Item(kind {}, {} bytes)", self.kind, self.bytes.len())
    }
}

impl From<Envelope> for Item {
    fn from(envelope: Envelope) -> Self {
        Self {
            kind: envelope.kind.code(),
            bytes: envelope.bytes.into(),
            signature: envelope.signature.into(),
        }
    }
}

impl Item {
    /// The id of the signed bytes.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        ObjectId::of(&self.bytes)
    }

    /// Bytes of the signed part.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the signed part is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The envelope, if this version knows its kind.
    #[must_use]
    pub fn into_envelope(self) -> Option<Envelope> {
        let kind = Kind::from_code(self.kind)?;
        Some(Envelope { kind, bytes: self.bytes.into(), signature: self.signature.into() })
    }
}

/// Says that an author has published: the short form of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ManifestPush {
    /// Whose manifest.
    #[n(0)]
    pub author: PostingId,
    /// Its sequence.
    #[n(1)]
    pub sequence: u64,
    /// The newest post it lists, if it lists any.
    #[n(2)]
    pub newest: Option<ObjectId>,
    /// The manifest, to be fetched from the sender.
    #[n(3)]
    pub manifest: ObjectId,
}

/// One sealed post, pushed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SealedPush {
    /// It: at most [`SEALED_BYTES`] with its signature.
    #[n(0)]
    pub item: Item,
    /// What the receiver is to do with it.
    #[n(1)]
    pub stage: Stage,
}

/// How far a sealed post is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Stage {
    /// On the stem: nobody is shown it, it is handed on to one peer or spread.
    #[n(0)]
    Stem,
    /// It is spread: part of the pool.
    #[n(1)]
    Spread,
}

/// Asks whether the receiver holds, or knows nodes that want, an author or a file; with neither, for any nodes at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Find {
    /// The author, if one is meant.
    #[n(0)]
    pub author: Option<PostingId>,
    /// The file, if one is meant: not together with an author.
    #[n(1)]
    pub file: Option<ObjectId>,
}

/// The answer to a [`Find`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Found {
    /// Whether the sender holds something of the author, or the file.
    #[n(0)]
    pub holds: bool,
    /// Nodes that may be named, at most [`FOUND_PEERS`].
    #[n(1)]
    pub holders: Vec<PeerAddress>,
}

/// Everything two nodes say to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// First request and its answer.
    Hello(Hello),
    /// Request: the authors the sender wants, sorted, at most [`INTEREST_IDS`]. Also a subscription to [`Self::News`].
    SetInterest(Vec<PostingId>),
    /// Answer to [`Self::SetInterest`]: pulls may name the list by this hash on this connection.
    InterestAccepted(ListHash),
    /// Request: what is new.
    Pull(Pull),
    /// Answer to [`Self::Pull`].
    Page(Page),
    /// Answer to [`Self::Pull`] whose list is not known (any more).
    NeedList,
    /// On the stream of a pull, client to server: which offers to send.
    Want(Want),
    /// Items, in as many frames as they need.
    Items(Vec<Item>),
    /// Request: objects by id, at most [`FETCH_IDS`]; answered by [`Self::Items`] with those there are.
    Fetch(Vec<ObjectId>),
    /// Request: the newest profiles of these, sorted, at most [`FETCH_IDS`]; answered like [`Self::Fetch`].
    FetchProfiles(Vec<PostingId>),
    /// Request: who has something of this author, or this file.
    Find(Find),
    /// Answer to [`Self::Find`].
    Found(Found),
    /// Push: something arrived that matches the receiver's interest.
    News,
    /// Push: an author's manifest rose; it and its newest post can be fetched from the sender.
    ManifestPush(ManifestPush),
    /// Push: operations, at most [`DIFF_ITEMS`] with [`DIFF_BYTES`] of signed parts.
    HeaderDiff(Vec<Item>),
    /// Push: one sealed post.
    SealedPush(SealedPush),
    /// Request: wishes about mutual seats, at most [`LINK_ENTRIES`].
    Link(Vec<LinkAsk>),
    /// Answer to [`Self::Link`]: one reply per wish, in their order.
    Linked(Vec<Reply>),
    /// Answer: not now.
    Busy,
    /// Answer to a request this version does not know.
    Unsupported {
        /// The kind that was asked.
        kind: u16,
    },
}

/// A decoded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// A message of this version.
    Known(Message),
    /// A message of a later one.
    Unknown {
        /// Its kind.
        kind: u16,
    },
}

/// Bytes of the signature that stands beside signed bytes.
const SIGNATURE_BYTES: usize = 64;

const HELLO: u16 = 1;
const SET_INTEREST: u16 = 2;
const INTEREST_ACCEPTED: u16 = 3;
const PULL: u16 = 4;
const PAGE: u16 = 5;
const NEED_LIST: u16 = 6;
const WANT: u16 = 7;
const ITEMS: u16 = 8;
const FETCH: u16 = 9;
const NEWS: u16 = 10;
const BUSY: u16 = 11;
const UNSUPPORTED: u16 = 12;
const FETCH_PROFILES: u16 = 13;
const MANIFEST_PUSH: u16 = 14;
const HEADER_DIFF: u16 = 15;
const LINK: u16 = 16;
const LINKED: u16 = 17;
const FIND: u16 = 18;
const FOUND: u16 = 19;
const SEALED_PUSH: u16 = 20;

impl Message {
    /// The number of the message's kind on the wire.
    #[must_use]
    pub const fn kind(&self) -> u16 {
        match self {
            Self::Hello(_) => HELLO,
            Self::SetInterest(_) => SET_INTEREST,
            Self::InterestAccepted(_) => INTEREST_ACCEPTED,
            Self::Pull(_) => PULL,
            Self::Page(_) => PAGE,
            Self::NeedList => NEED_LIST,
            Self::Want(_) => WANT,
            Self::Items(_) => ITEMS,
            Self::Fetch(_) => FETCH,
            Self::FetchProfiles(_) => FETCH_PROFILES,
            Self::Find(_) => FIND,
            Self::Found(_) => FOUND,
            Self::News => NEWS,
            Self::Busy => BUSY,
            Self::ManifestPush(_) => MANIFEST_PUSH,
            Self::HeaderDiff(_) => HEADER_DIFF,
            Self::SealedPush(_) => SEALED_PUSH,
            Self::Link(_) => LINK,
            Self::Linked(_) => LINKED,
            Self::Unsupported { .. } => UNSUPPORTED,
        }
    }

    /// The CBOR `[kind, body]`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes);
        let written = encoder.array(2).and_then(|e| e.u16(self.kind())).and_then(|e| match self {
            Self::Hello(body) => e.encode(body),
            Self::SetInterest(ids) | Self::FetchProfiles(ids) => e.encode(ids),
            Self::InterestAccepted(hash) => e.encode(hash),
            Self::Pull(body) => e.encode(body),
            Self::Page(body) => e.encode(body),
            Self::Want(body) => e.encode(body),
            Self::Items(items) | Self::HeaderDiff(items) => e.encode(items),
            Self::Fetch(ids) => e.encode(ids),
            Self::Find(body) => e.encode(body),
            Self::Found(body) => e.encode(body),
            Self::Unsupported { kind } => e.u16(*kind),
            Self::ManifestPush(body) => e.encode(body),
            Self::SealedPush(body) => e.encode(body),
            Self::Link(asks) => e.encode(asks),
            Self::Linked(replies) => e.encode(replies),
            Self::NeedList | Self::News | Self::Busy => e.null(),
        });
        debug_assert!(written.is_ok(), "encoding into memory cannot fail");
        bytes
    }

    /// Reads a frame's body.
    ///
    /// # Errors
    /// [`WireError`] for bytes that are no message.
    pub fn decode(bytes: &[u8]) -> Result<Decoded, WireError> {
        let mut decoder = Decoder::new(bytes);
        if decoder.array().map_err(malformed)? != Some(2) {
            return Err(WireError::Malformed);
        }
        let kind = decoder.u16().map_err(malformed)?;
        let Some(message) = decode_body(kind, &mut decoder)? else {
            return Ok(Decoded::Unknown { kind });
        };
        if decoder.position() == bytes.len() {
            Ok(Decoded::Known(message))
        } else {
            Err(WireError::Malformed)
        }
    }
}

/// The body of a known kind; `None` for an unknown one, whose body is not looked at.
fn decode_body(kind: u16, decoder: &mut Decoder<'_>) -> Result<Option<Message>, WireError> {
    let message = match kind {
        HELLO => Message::Hello(decoder.decode().map_err(malformed)?),
        SET_INTEREST => Message::SetInterest(list(decoder, INTEREST_IDS)?),
        INTEREST_ACCEPTED => Message::InterestAccepted(decoder.decode().map_err(malformed)?),
        PULL => {
            let pull: Pull = decoder.decode().map_err(malformed)?;
            let ranges = pull.groups.iter().map(|group| group.ranges.len()).fold(0, usize::saturating_add);
            if pull.groups.len() > PULL_GROUPS || ranges > INTEREST_IDS {
                return Err(WireError::TooMuch);
            }
            if pull.recipients.as_ref().is_some_and(|recipients| !recipients.is_well_formed()) {
                return Err(WireError::Malformed);
            }
            Message::Pull(pull)
        }
        PAGE => {
            let page: Page = decoder.decode().map_err(malformed)?;
            if page.ends.len() > PULL_GROUPS || page.offers.len() > PAGE_ITEMS {
                return Err(WireError::TooMuch);
            }
            let sealed = page.sealed.map_or(0, |sealed| usize::from(sealed.offers));
            if sealed > page.offers.len() {
                return Err(WireError::Malformed);
            }
            Message::Page(page)
        }
        WANT => {
            let want: Want = decoder.decode().map_err(malformed)?;
            if want.bitmap.len() > PAGE_ITEMS.div_ceil(8) {
                return Err(WireError::TooMuch);
            }
            Message::Want(want)
        }
        ITEMS => Message::Items(list(decoder, PAGE_ITEMS)?),
        FETCH => Message::Fetch(list(decoder, FETCH_IDS)?),
        FETCH_PROFILES => Message::FetchProfiles(list(decoder, FETCH_IDS)?),
        FIND => {
            let find: Find = decoder.decode().map_err(malformed)?;
            if find.author.is_some() && find.file.is_some() {
                return Err(WireError::Malformed);
            }
            Message::Find(find)
        }
        FOUND => {
            let found: Found = decoder.decode().map_err(malformed)?;
            if found.holders.len() > FOUND_PEERS {
                return Err(WireError::TooMuch);
            }
            Message::Found(found)
        }
        UNSUPPORTED => Message::Unsupported { kind: decoder.u16().map_err(malformed)? },
        MANIFEST_PUSH => Message::ManifestPush(decoder.decode().map_err(malformed)?),
        HEADER_DIFF => Message::HeaderDiff(decode_diff(decoder)?),
        SEALED_PUSH => Message::SealedPush(decode_sealed_push(decoder)?),
        LINK => Message::Link(list(decoder, LINK_ENTRIES)?),
        LINKED => Message::Linked(list(decoder, LINK_ENTRIES)?),
        NEED_LIST => Message::NeedList,
        NEWS => Message::News,
        BUSY => Message::Busy,
        _ => return Ok(None),
    };
    if matches!(message, Message::NeedList | Message::News | Message::Busy) {
        decoder.null().map_err(malformed)?;
    }
    Ok(Some(message))
}

fn decode_diff(decoder: &mut Decoder<'_>) -> Result<Vec<Item>, WireError> {
    let items: Vec<Item> = list(decoder, DIFF_ITEMS)?;
    if items.iter().map(Item::len).fold(0, usize::saturating_add) > DIFF_BYTES {
        return Err(WireError::TooMuch);
    }
    Ok(items)
}

fn decode_sealed_push(decoder: &mut Decoder<'_>) -> Result<SealedPush, WireError> {
    let push: SealedPush = decoder.decode().map_err(malformed)?;
    if push.item.len().saturating_add(SIGNATURE_BYTES) > SEALED_BYTES {
        return Err(WireError::TooMuch);
    }
    Ok(push)
}

/// A definite list of at most `limit` entries; nothing is allocated by the claimed length.
fn list<'b, T: Decode<'b, ()>>(decoder: &mut Decoder<'b>, limit: usize) -> Result<Vec<T>, WireError> {
    let length = decoder.array().map_err(malformed)?.ok_or(WireError::Malformed)?;
    if usize::try_from(length).map_or(true, |length| length > limit) {
        return Err(WireError::TooMuch);
    }
    (0..length).map(|_| decoder.decode().map_err(malformed)).collect()
}

fn malformed(_detail: minicbor::decode::Error) -> WireError {
    WireError::Malformed
}
