//! How two devices that never spoke come to share a ratchet: X3DH (Signal, 'The X3DH Key Agreement Protocol', rev. 1)
//! over identity keys, a signed prekey of the one who is written to, and a key of the moment; and the *first-contact
//! slot*, by which the one who is written to recognises a message of somebody it shares nothing with.
//!
//! The one-time author key of the post is the ephemeral of the first-contact slot, so that no field exists which only
//! first contacts have. Without a prekey at hand the identity key stands in for it: weak until the first answer.

use zeroize::Zeroizing;

use rand::CryptoRng;

use super::dh::{DhPublic, DhSecret, UselessKey};
use super::kdf::{KeptKey, Key, TagChain, derive, part};
use super::keys::PostingKey;
use super::ratchet::Ratchet;
use super::sealing::{ContentKey, HEADER, NotOurs, OneTimeKey, SlotKeys, open_header, unwrap_key};
use crate::domain::ids::{PostingId, RecipientTag};
use crate::domain::sealed::SLOT;

/// By what a prekey is named in headers: 8 bytes.
pub type PrekeyId = [u8; 8];
/// By what both sides know a session: it never leaves them.
pub type SessionId = [u8; 16];

/// The name of a prekey.
#[must_use]
pub fn prekey_id(prekey: DhPublic) -> PrekeyId {
    let mut id = PrekeyId::default();
    let mut hasher = blake3::Hasher::new_derive_key("itsgoin/dm/1 prekey id");
    hasher.update(prekey.as_bytes()).finalize_xof().fill(&mut id);
    id
}

/// A session one side has begun.
pub struct Begun {
    /// What both sides call it.
    pub sid: SessionId,
    /// The key of the moment, which the other side needs to begin as well.
    pub beginning: DhPublic,
    /// Ready to send.
    pub ratchet: Ratchet,
}

/// Begins a session with somebody whose prekey is known.
///
/// # Errors
/// [`UselessKey`] when a key of the other side is none.
pub fn begin<R: CryptoRng + ?Sized>(
    me: &PostingKey,
    peer: PostingId,
    prekey: DhPublic,
    rng: &mut R,
) -> Result<Begun, UselessKey> {
    let moment = DhSecret::generate(rng);
    let identity = DhSecret::of_posting_key(me);
    let agreed =
        [moment.agree(DhPublic::of_posting_id(peer)?)?, moment.agree(prekey)?, identity.agree(prekey)?];
    let keys = session_keys(&agreed, moment.public(), me.posting_id(), peer, prekey);
    let ratchet = Ratchet::begin(&keys.root, keys.tags, keys.answer_tags, prekey, rng)?;
    Ok(Begun { sid: keys.sid, beginning: moment.public(), ratchet })
}

/// The other side of [`begin`]: `prekey` is the secret half of the one that was used.
///
/// # Errors
/// [`UselessKey`] when a key of the other side is none.
pub fn respond(
    me: &PostingKey,
    peer: PostingId,
    prekey: &DhSecret,
    beginning: DhPublic,
) -> Result<(SessionId, Ratchet), UselessKey> {
    let agreed = [
        DhSecret::of_posting_key(me).agree(beginning)?,
        prekey.agree(beginning)?,
        prekey.agree(DhPublic::of_posting_id(peer)?)?,
    ];
    let keys = session_keys(&agreed, beginning, peer, me.posting_id(), prekey.public());
    Ok((keys.sid, Ratchet::respond(keys.root, keys.tags, keys.answer_tags, prekey)))
}

struct SessionKeys {
    root: KeptKey,
    /// Of the one who begins.
    tags: TagChain,
    /// Of the first answer.
    answer_tags: TagChain,
    sid: SessionId,
}

/// `session(…)`: `a` begins, `b` is written to.
fn session_keys(
    agreed: &[Key; 3],
    beginning: DhPublic,
    a: PostingId,
    b: PostingId,
    prekey: DhPublic,
) -> SessionKeys {
    let mut input = Zeroizing::new(Vec::with_capacity(96));
    for key in agreed {
        input.extend_from_slice(key.as_slice());
    }
    let context: [&[u8]; 4] = [beginning.as_bytes(), a.as_bytes(), b.as_bytes(), prekey.as_bytes()];
    let derived = derive::<112>(b"", &input, b"itsgoin/dm/1 session\0", &context);
    SessionKeys {
        root: KeptKey(*part(derived.as_slice(), 0)),
        tags: TagChain(*part(derived.as_slice(), 32)),
        answer_tags: TagChain(*part(derived.as_slice(), 64)),
        sid: *part(derived.as_slice(), 96),
    }
}

/// The keys of a first-contact slot in the post of this one-time author.
///
/// # Errors
/// [`UselessKey`] when a key of the other side is none.
pub fn contact_slot(
    one_time: &OneTimeKey,
    me: &PostingKey,
    peer: PostingId,
    prekey: DhPublic,
) -> Result<SlotKeys, UselessKey> {
    let author = one_time.author();
    let moment = DhSecret::of_posting_key(one_time.key());
    let with_identity = moment.agree(DhPublic::of_posting_id(peer)?)?;
    let with_prekey = moment.agree(prekey)?;
    let name = prekey_id(prekey);
    let keys = contact_keys(&with_identity, &with_prekey, author, peer, prekey);
    let authentic = DhSecret::of_posting_key(me).agree(prekey)?;
    let mut header = [0; HEADER];
    for (place, byte) in header.iter_mut().zip(me.posting_id().as_bytes().iter().chain(&name)) {
        *place = *byte;
    }
    Ok(SlotKeys {
        tag: contact_tag(&with_identity, author, peer, name),
        header_key: keys.header_key,
        header,
        message_key: contact_wrap(&keys.wrap_salt, &authentic, me.posting_id(), peer),
    })
}

struct ContactKeys {
    header_key: Key,
    wrap_salt: Key,
}

/// `fc(…)`.
fn contact_keys(
    with_identity: &Key,
    with_prekey: &Key,
    author: PostingId,
    peer: PostingId,
    prekey: DhPublic,
) -> ContactKeys {
    let input = Zeroizing::new([with_identity.as_slice(), with_prekey.as_slice()].concat());
    let context: [&[u8]; 3] = [author.as_bytes(), peer.as_bytes(), prekey.as_bytes()];
    let derived = derive::<96>(b"", &input, b"itsgoin/dm/1 fc\0", &context);
    ContactKeys { header_key: part(derived.as_slice(), 0), wrap_salt: part(derived.as_slice(), 32) }
}

/// `fc-tag(…)`.
fn contact_tag(with_identity: &Key, author: PostingId, peer: PostingId, name: PrekeyId) -> RecipientTag {
    let context: [&[u8]; 2] = [peer.as_bytes(), &name];
    let salt = author.as_bytes().as_slice();
    RecipientTag::from_bytes(*derive(salt, with_identity.as_slice(), b"itsgoin/dm/1 fc-tag\0", &context))
}

/// `fc-wrap(…)`.
fn contact_wrap(salt: &Key, authentic: &Key, from: PostingId, to: PostingId) -> Key {
    let context: [&[u8]; 2] = [from.as_bytes(), to.as_bytes()];
    derive(salt.as_slice(), authentic.as_slice(), b"itsgoin/dm/1 fc-wrap\0", &context)
}

/// What one persona shares with the one-time author of a post: enough to see whether one of its slots is a first
/// contact with the persona.
pub struct ContactSearch<'a> {
    me: &'a PostingKey,
    author: PostingId,
    with_identity: Key,
}

impl<'a> ContactSearch<'a> {
    /// One agreement (40 µs).
    ///
    /// # Errors
    /// [`UselessKey`] when the author is no usable key.
    pub fn new(me: &'a PostingKey, author: PostingId) -> Result<Self, UselessKey> {
        let with_identity = DhSecret::of_posting_key(me).agree(DhPublic::of_posting_id(author)?)?;
        Ok(Self { me, author, with_identity })
    }

    /// The tag of a first contact that used this prekey.
    #[must_use]
    pub fn tag(&self, prekey: PrekeyId) -> RecipientTag {
        contact_tag(&self.with_identity, self.author, self.me.posting_id(), prekey)
    }

    /// Opens a slot with that tag: who wrote, proven, and the key of the body.
    ///
    /// # Errors
    /// [`NotOurs`].
    pub fn open(&self, slot: &[u8; SLOT], prekey: &DhSecret) -> Result<(PostingId, ContentKey), NotOurs> {
        let me = self.me.posting_id();
        let useless = |UselessKey| NotOurs;
        let with_prekey = prekey.agree(DhPublic::of_posting_id(self.author).map_err(useless)?);
        let public = prekey.public();
        let keys = contact_keys(&self.with_identity, &with_prekey.map_err(useless)?, self.author, me, public);
        let header = open_header(self.author, slot, &keys.header_key)?;
        let (from, rest) = header.split_first_chunk().ok_or(NotOurs)?;
        if rest.first_chunk() != Some(&prekey_id(public)) {
            return Err(NotOurs);
        }
        let from = PostingId::from_bytes(*from);
        let identity = DhPublic::of_posting_id(from).map_err(useless)?;
        let authentic = prekey.agree(identity).map_err(useless)?;
        let wrap = contact_wrap(&keys.wrap_salt, &authentic, from, me);
        Ok((from, unwrap_key(self.author, slot, &wrap)?))
    }
}
