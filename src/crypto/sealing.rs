//! Sealed posts from the inside: building one for up to four recipients, and opening one with the keys of a slot.
//!
//! ```text
//! slot: tag 32 | header 48 under HEK, 64 | CEK 32 under MK, 48
//! body plaintext: 32 zero bytes | u32 LE length | inner | zeros
//! ```
//!
//! ChaCha20-Poly1305 throughout. Every key is used once; the nonces are bound to the one-time author all the same, so
//! that key and nonce never meet twice, not even after a store was put back. The 32 zero bytes commit a body to its key:
//! no second key opens it to something else. What is inside is not this file's business.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use rand::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use super::kdf::Key;
use super::keys::PostingKey;
use crate::domain::envelope::{Content, Verified};
use crate::domain::ids::{PostingId, RecipientTag};
use crate::domain::inner::BESIDE_TEXT;
use crate::domain::sealed::{SEALED_SIZES, SLOT, SLOTS, Sealed, head_of};

/// Bytes of a header in a slot.
pub const HEADER: usize = 48;
/// Bytes of an encrypted header.
const SEALED_HEADER: usize = HEADER + 16;
/// Zero bytes at the front of a body.
const COMMITMENT: usize = 32;
/// Bytes before the inner part of a body.
const BEFORE_INNER: usize = COMMITMENT + 4;
/// What was to be sealed does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the content is larger than a sealed post")]
pub struct TooLarge;

/// A slot or body that these keys do not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("these keys do not open it")]
pub struct NotOurs;

/// The key of one sealed post, which signs nothing else ever.
pub struct OneTimeKey(PostingKey);

impl OneTimeKey {
    /// A new one.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(PostingKey::generate(rng))
    }

    /// The author of the post.
    #[must_use]
    pub fn author(&self) -> PostingId {
        self.0.posting_id()
    }

    pub(super) const fn key(&self) -> &PostingKey {
        &self.0
    }
}

/// Everything one recipient's slot is made of.
pub struct SlotKeys {
    /// By what the recipient knows it.
    pub tag: RecipientTag,
    /// Encrypts the header.
    pub(super) header_key: Key,
    /// The header.
    pub(super) header: [u8; HEADER],
    /// Encrypts the key of the body.
    pub(super) message_key: Key,
}

/// The key of a body.
#[derive(PartialEq, Eq)]
pub struct ContentKey(Key);

fn nonce(author: PostingId, use_for: u8) -> Nonce {
    let mut hasher = blake3::Hasher::new_derive_key("itsgoin/dm/1 nonce");
    hasher.update(author.as_bytes()).update(&[use_for]);
    let mut nonce = [0; 12];
    hasher.finalize_xof().fill(&mut nonce);
    Nonce::from(nonce)
}

fn encrypt(key: &Key, nonce: &Nonce, plain: &[u8], bound_to: &[u8]) -> Vec<u8> {
    let cipher = ChaCha20Poly1305::new(&(**key).into());
    let sealed = cipher.encrypt(nonce, Payload { msg: plain, aad: bound_to });
    sealed.expect("a sealed post is shorter than the cipher's bound")
}

fn decrypt(key: &Key, nonce: &Nonce, sealed: &[u8], bound_to: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOurs> {
    let cipher = ChaCha20Poly1305::new(&(**key).into());
    let opened = cipher.decrypt(nonce, Payload { msg: sealed, aad: bound_to });
    opened.map(Zeroizing::new).map_err(|_not_ours| NotOurs)
}

/// The size of sealed post for a message with this many bytes of text (and quote, and attachment): by them alone.
///
/// # Errors
/// [`TooLarge`].
pub fn size_for(text_bytes: usize) -> Result<usize, TooLarge> {
    let inner = text_bytes.saturating_add(BESIDE_TEXT);
    SEALED_SIZES.into_iter().find(|size| inner_bytes(*size) >= inner).ok_or(TooLarge)
}

/// Bytes of inner content in a sealed post of this size.
#[must_use]
pub const fn inner_bytes(size: usize) -> usize {
    Sealed::body_bytes(size).saturating_sub(16).saturating_sub(BEFORE_INNER)
}

/// Builds and signs a sealed post of this size for up to four recipients; a decoy has none. Slots nobody needs hold random bytes, and
/// the order of all four is random.
///
/// # Errors
/// [`TooLarge`] when `inner` does not fit, or there are more recipients than slots.
pub fn seal<R: CryptoRng + ?Sized>(
    one_time: &OneTimeKey,
    day: u32,
    size: usize,
    recipients: &[SlotKeys],
    inner: &[u8],
    rng: &mut R,
) -> Result<Verified<Sealed>, TooLarge> {
    if inner.len() > inner_bytes(size) || recipients.len() > SLOTS {
        return Err(TooLarge);
    }
    let author = one_time.author();
    let mut content_key = ContentKey(Zeroizing::new([0; 32]));
    rng.fill_bytes(content_key.0.as_mut_slice());
    let mut slots = [[0; SLOT]; SLOTS];
    for slot in &mut slots {
        rng.fill_bytes(slot);
    }
    for (slot, keys) in slots.iter_mut().zip(recipients) {
        *slot = seal_slot(author, keys, &content_key);
    }
    shuffle(&mut slots, rng);
    let mut plain = Zeroizing::new(vec![0; BEFORE_INNER.saturating_add(inner_bytes(size))]);
    let length = u32::try_from(inner.len()).map_err(|_too_large| TooLarge)?.to_le_bytes();
    for (place, byte) in plain.iter_mut().skip(COMMITMENT).zip(length.iter().chain(inner)) {
        *place = *byte;
    }
    let bound_to = blake3::hash(&head_of(author, day, &slots));
    let body = encrypt(&content_key.0, &nonce(author, b'b'), &plain, bound_to.as_bytes());
    let post = Sealed::new(author, day, &slots, &body).map_err(|_size_or_equal_tags| TooLarge)?;
    Ok(one_time.key().sign(&post))
}

fn seal_slot(author: PostingId, keys: &SlotKeys, content_key: &ContentKey) -> [u8; SLOT] {
    let tag = keys.tag.as_bytes();
    let mut bound_to = [author.as_bytes().as_slice(), tag].concat();
    let header = encrypt(&keys.header_key, &nonce(author, b'h'), &keys.header, &bound_to);
    bound_to.extend_from_slice(&header);
    let wrapped = encrypt(&keys.message_key, &nonce(author, b'w'), content_key.0.as_slice(), &bound_to);
    let mut slot = [0; SLOT];
    for (place, byte) in slot.iter_mut().zip(tag.iter().chain(&header).chain(&wrapped)) {
        *place = *byte;
    }
    slot
}

/// Fisher and Yates. It is our own because which draws it takes is part of the frozen vectors, and no library promises that.
fn shuffle<R: CryptoRng + ?Sized>(slots: &mut [[u8; SLOT]; SLOTS], rng: &mut R) {
    for (left, last) in (1_u64..).zip(1..SLOTS) {
        // Of 2^64 values three remain over: nobody will see that.
        let other = rng.next_u64() % left.saturating_add(1);
        slots.swap(last, usize::try_from(other).unwrap_or(last));
    }
}

/// The parts of a slot.
struct Parts<'a> {
    tag: &'a [u8; 32],
    header: &'a [u8; SEALED_HEADER],
    wrapped: &'a [u8],
}

fn parts(slot: &[u8; SLOT]) -> Result<Parts<'_>, NotOurs> {
    let (tag, rest) = slot.split_first_chunk().ok_or(NotOurs)?;
    let (header, wrapped) = rest.split_first_chunk().ok_or(NotOurs)?;
    Ok(Parts { tag, header, wrapped })
}

/// Opens the header of a slot.
///
/// # Errors
/// [`NotOurs`].
pub(super) fn open_header(
    author: PostingId,
    slot: &[u8; SLOT],
    header_key: &Key,
) -> Result<[u8; HEADER], NotOurs> {
    let Parts { tag, header, .. } = parts(slot)?;
    let bound_to = [author.as_bytes().as_slice(), tag].concat();
    let opened = decrypt(header_key, &nonce(author, b'h'), header, &bound_to)?;
    opened.first_chunk().copied().ok_or(NotOurs)
}

/// Opens the key of the body in a slot.
///
/// # Errors
/// [`NotOurs`].
pub(super) fn unwrap_key(
    author: PostingId,
    slot: &[u8; SLOT],
    message_key: &Key,
) -> Result<ContentKey, NotOurs> {
    let Parts { tag, header, wrapped } = parts(slot)?;
    let bound_to = [author.as_bytes().as_slice(), tag, header].concat();
    let opened = decrypt(message_key, &nonce(author, b'w'), wrapped, &bound_to)?;
    opened.first_chunk().map(|key| ContentKey(Zeroizing::new(*key))).ok_or(NotOurs)
}

/// Opens the body of a post: what is inside.
///
/// # Errors
/// [`NotOurs`] also when the body does not commit to its key, or its length lies.
pub fn open_body(post: &Sealed, key: &ContentKey) -> Result<Zeroizing<Vec<u8>>, NotOurs> {
    let bound_to = blake3::hash(post.head());
    let plain = decrypt(&key.0, &nonce(post.author(), b'b'), post.body(), bound_to.as_bytes())?;
    let (commitment, rest) = plain.split_first_chunk::<COMMITMENT>().ok_or(NotOurs)?;
    let (length, rest) = rest.split_first_chunk().ok_or(NotOurs)?;
    if *commitment != [0; COMMITMENT] {
        return Err(NotOurs);
    }
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_too_long| NotOurs)?;
    rest.get(..length).map(|inner| Zeroizing::new(inner.to_vec())).ok_or(NotOurs)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn keys(seed: u8) -> SlotKeys {
        SlotKeys {
            tag: RecipientTag::from_bytes([seed; 32]),
            header_key: Zeroizing::new([seed ^ 0x55; 32]),
            header: [seed; HEADER],
            message_key: Zeroizing::new([seed ^ 0xaa; 32]),
        }
    }

    fn open(post: &Sealed, with: &SlotKeys) -> Result<Vec<u8>, NotOurs> {
        let slot = post.slots().iter().find(|slot| slot[..32] == *with.tag.as_bytes()).ok_or(NotOurs)?;
        assert_eq!(open_header(post.author(), slot, &with.header_key)?, with.header);
        let key = unwrap_key(post.author(), slot, &with.message_key)?;
        open_body(post, &key).map(|inner| inner.to_vec())
    }

    #[test]
    fn every_recipient_opens_it_and_nobody_else() {
        let rng = &mut StdRng::seed_from_u64(1);
        for count in 1_u8..=4 {
            let recipients: Vec<SlotKeys> = (1..=count).map(keys).collect();
            let one_time = OneTimeKey::generate(rng);
            let post = seal(&one_time, 20_000, 2_048, &recipients, b"inner", rng).unwrap();
            assert_eq!(post.envelope().bytes.len() + 64, 2_048);
            for keys in &recipients {
                assert_eq!(open(post.content(), keys).unwrap(), b"inner");
            }
            assert_eq!(open(post.content(), &keys(9)), Err(NotOurs));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let rng = &mut StdRng::seed_from_u64(2);
        let with = keys(1);
        let post = seal(&OneTimeKey::generate(rng), 20_000, 2_048, &[keys(1)], b"inner", rng).unwrap();
        let good = post.envelope().bytes.clone();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let Ok(bad) = Sealed::decode(&bad) else { continue };
            // A slot of ours that was touched does not open, and every byte of the head is bound to the body.
            assert_eq!(open(&bad, &with), Err(NotOurs), "bit {bit}");
        }
    }

    #[test]
    fn a_slot_put_under_another_author_does_not_open() {
        let rng = &mut StdRng::seed_from_u64(3);
        let post = seal(&OneTimeKey::generate(rng), 20_000, 2_048, &[keys(1)], b"inner", rng).unwrap();
        let thief = OneTimeKey::generate(rng);
        let slots: &[[u8; SLOT]; SLOTS] = post.content().slots().try_into().unwrap();
        let copied = Sealed::new(thief.author(), 20_000, slots, post.content().body()).unwrap();
        assert_eq!(open(&copied, &keys(1)), Err(NotOurs));
    }

    #[test]
    fn a_body_that_does_not_commit_to_its_key_is_refused() {
        let rng = &mut StdRng::seed_from_u64(4);
        let one_time = OneTimeKey::generate(rng);
        let slots = [[1; SLOT], [2; SLOT], [3; SLOT], [4; SLOT]];
        let key = ContentKey(Zeroizing::new([7; 32]));
        let bound_to = blake3::hash(&head_of(one_time.author(), 1, &slots));
        let make = |plain: &[u8]| {
            let body = encrypt(&key.0, &nonce(one_time.author(), b'b'), plain, bound_to.as_bytes());
            Sealed::new(one_time.author(), 1, &slots, &body).unwrap()
        };
        let mut plain = vec![0; BEFORE_INNER + inner_bytes(2_048)];
        plain[COMMITMENT] = 3;
        assert_eq!(open_body(&make(&plain), &key).unwrap().as_slice(), [0; 3]);
        plain[5] = 1;
        assert!(open_body(&make(&plain), &key).is_err());
        plain[5] = 0;
        plain[COMMITMENT + 3] = 0xff;
        assert!(open_body(&make(&plain), &key).is_err(), "a length beyond the end");
    }

    #[test]
    fn the_size_follows_from_the_text_alone() {
        let most = |size| inner_bytes(size) - BESIDE_TEXT;
        assert_eq!(inner_bytes(2_048), 1_310);
        assert_eq!((size_for(0), size_for(most(2_048))), (Ok(2_048), Ok(2_048)));
        assert_eq!(size_for(most(2_048) + 1), Ok(8_192));
        assert_eq!(size_for(most(131_072)), Ok(131_072));
        assert_eq!(size_for(most(131_072) + 1), Err(TooLarge));
        let rng = &mut StdRng::seed_from_u64(5);
        let inner = vec![1; 1_310];
        let one_time = OneTimeKey::generate(rng);
        assert!(seal(&one_time, 1, 2_048, &[keys(1)], &inner, rng).is_ok());
        assert!(seal(&one_time, 1, 2_048, &[keys(1)], &vec![1; 1_311], rng).is_err());
        let five: Vec<SlotKeys> = (1..=5).map(keys).collect();
        assert!(seal(&one_time, 1, 2_048, &five, b"", rng).is_err());
    }

    #[test]
    fn slots_stand_in_every_order_equally_often() {
        let rng = &mut StdRng::seed_from_u64(6);
        let mut places = [0_u32; SLOTS];
        for _ in 0..400 {
            let post = seal(&OneTimeKey::generate(rng), 1, 2_048, &[keys(1)], b"", rng).unwrap();
            places[post.content().slots().iter().position(|slot| slot[..32] == [1; 32]).unwrap()] += 1;
        }
        assert!(places.iter().all(|count| (70..=130).contains(count)), "{places:?}");
    }
}
