//! Sealed posts (PROTOCOL.md §5, §23): their bytes, their signature, their slots and body.

use super::dice::Draws;
use super::primitives::{Key, SLOT, decrypt, encrypt, key_at, posting_id, sign, verifies};

/// The four sizes, with the signature.
pub const SIZES: [usize; 4] = [2_048, 8_192, 32_768, 131_072];

/// Where the body begins.
const BODY: usize = 622;

/// What a body holds besides its inner part: 32 zero bytes, a length, 16 bytes of authentication.
const AROUND_INNER: usize = 32 + 4 + 16;

/// A sealed post as it travels.
#[derive(Clone)]
pub struct Post {
    /// All but the signature.
    pub bytes: Vec<u8>,
    /// The author's, over the context and the hash of the bytes.
    pub signature: [u8; 64],
}

/// What one slot is made of.
pub struct SlotKeys {
    /// By which its reader finds it.
    pub tag: Key,
    /// The key its header is encrypted under.
    pub header_key: Key,
    /// The header.
    pub header: [u8; 48],
    /// The key the content key is encrypted under.
    pub message_key: Key,
}

/// What is signed.
fn signed(bytes: &[u8]) -> Vec<u8> {
    [b"itsgoin/0.6/sealed\0".as_slice(), blake3::hash(bytes).as_bytes()].concat()
}

/// Bytes of inner part that a post of this size holds.
pub fn room(size: usize) -> usize {
    size - BODY - 64 - AROUND_INNER
}

/// The size for a text of so many bytes, nothing if it is too long.
pub fn size_for(text_bytes: usize) -> Option<usize> {
    SIZES.into_iter().find(|size| room(*size) >= text_bytes + 480)
}

/// One slot of a post by this author.
fn slot(author: &Key, keys: &SlotKeys, content: &Key) -> [u8; SLOT] {
    let beside = [author.as_slice(), &keys.tag].concat();
    let header = encrypt(&keys.header_key, author, b'h', &beside, &keys.header);
    let beside = [beside, header.clone()].concat();
    let wrapped = encrypt(&keys.message_key, author, b'w', &beside, content);
    [keys.tag.to_vec(), header, wrapped].concat().try_into().unwrap()
}

/// A post of this size with these slots, the others being nobody's; nothing if the inner part has no room in it.
pub fn seal(draws: &Draws, day: u32, size: usize, slots: &[SlotKeys], inner: &[u8]) -> Option<Post> {
    let author = posting_id(&draws.author);
    let mut placed = draws.empty;
    for (place, keys) in placed.iter_mut().zip(slots) {
        *place = slot(&author, keys, &draws.content);
    }
    for (last, other) in (1..).zip(draws.swaps) {
        placed.swap(last, other);
    }
    let mut bytes = [[1, 2].as_slice(), &author, &day.to_le_bytes(), &[0; 8], &placed.concat()].concat();
    let length = u32::try_from(inner.len()).ok()?;
    let mut plain = [[0; 32].as_slice(), &length.to_le_bytes(), inner].concat();
    let padded = 36 + room(size);
    if plain.len() > padded {
        return None;
    }
    plain.resize(padded, 0);
    let body = encrypt(&draws.content, &author, b'b', blake3::hash(&bytes).as_bytes(), &plain);
    bytes.extend(body);
    let signature = sign(&draws.author, &signed(&bytes));
    Some(Post { bytes, signature })
}

impl Post {
    /// Its one-time author.
    pub fn author(&self) -> Key {
        key_at(&self.bytes, 2)
    }

    /// The day it names.
    pub fn day(&self) -> u32 {
        u32::from_le_bytes(self.bytes[34..38].try_into().unwrap())
    }

    /// Its four slots.
    pub fn slots(&self) -> Vec<&[u8]> {
        self.bytes[46..BODY].chunks(SLOT).collect()
    }

    /// Whether form and signature are right.
    pub fn is_valid(&self) -> bool {
        if !SIZES.contains(&(self.bytes.len() + 64)) {
            return false;
        }
        let tags: Vec<Key> = self.slots().iter().map(|slot| key_at(slot, 0)).collect();
        let differ = tags.iter().enumerate().all(|(at, tag)| !tags[..at].contains(tag));
        let fixed = self.bytes[..2] == [1, 2] && self.bytes[38..46] == [0; 8];
        fixed && differ && verifies(&self.author(), &signed(&self.bytes), &self.signature)
    }

    /// The header of a slot, if this key opens it.
    pub fn header(&self, slot: &[u8], header_key: &Key) -> Option<[u8; 48]> {
        let author = self.author();
        let beside = [author.as_slice(), &slot[..32]].concat();
        decrypt(header_key, &author, b'h', &beside, &slot[32..96])?.try_into().ok()
    }

    /// The content key of a slot, if this key opens it.
    pub fn content_key(&self, slot: &[u8], message_key: &Key) -> Option<Key> {
        let author = self.author();
        let beside = [author.as_slice(), &slot[..96]].concat();
        decrypt(message_key, &author, b'w', &beside, &slot[96..])?.try_into().ok()
    }

    /// The inner part, if this content key opens it and it is what its length says.
    pub fn inner(&self, content: &Key) -> Option<Vec<u8>> {
        let beside = blake3::hash(&self.bytes[..BODY]);
        let plain = decrypt(content, &self.author(), b'b', beside.as_bytes(), &self.bytes[BODY..])?;
        let length = u32::from_le_bytes(plain[32..36].try_into().unwrap());
        if plain[..32] != [0; 32] {
            return None;
        }
        plain[36..].get(..usize::try_from(length).ok()?).map(<[u8]>::to_vec)
    }
}
