//! A sealed post: encrypted content in the one outer form all encrypted posts share, signed by a key that is used once.
//!
//! What is inside, and for whom, is nobody's business here: tags and body are opaque bytes. The form is fixed binary,
//! not CBOR, so that nothing but its size, of which there are four, tells one from another:
//!
//! ```text
//! version 1 | kind 1 | author 32 | day 4 | reserved 8 | 4 slots of 144, each beginning with its tag of 32 | body
//! ```

use super::envelope::{Content, ContentError, Kind};
use super::ids::{PostingId, RecipientTag};
use super::time::Timestamp;

/// The version of the form this program writes and reads.
const VERSION: u8 = 1;
/// What the second byte says: a sealed post.
const FORM: u8 = 2;
/// Bytes of all sealed posts, signature included.
pub const SEALED_SIZES: [usize; 4] = [2_048, 8_192, 32_768, 131_072];
/// Bytes of a signature.
const SIGNATURE: usize = 64;
/// Bytes of one slot.
pub const SLOT: usize = 144;
/// Slots, each for one recipient or for nobody.
pub const SLOTS: usize = 4;
const AUTHOR_AT: usize = 2;
const DAY_AT: usize = 34;
const RESERVED_AT: usize = 38;
const SLOTS_AT: usize = 46;
/// Where the body begins.
const BODY_AT: usize = SLOTS_AT + SLOTS * SLOT;
const DAY_MS: i64 = 86_400_000;

/// A sealed post without its signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    author: PostingId,
    day: u32,
    tags: [RecipientTag; SLOTS],
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.bytes.len())
    }
}

/// The bytes before the body of a post of this author, day and slots.
#[must_use]
pub fn head_of(author: PostingId, day: u32, slots: &[[u8; SLOT]; SLOTS]) -> Vec<u8> {
    let reserved = [0; SLOTS_AT - RESERVED_AT];
    [&[VERSION, FORM][..], author.as_bytes(), &day.to_le_bytes(), &reserved, slots.as_flattened()].concat()
}

/// Days since 1970-01-01 at this moment.
#[must_use]
pub fn day_of(now: Timestamp) -> u32 {
    u32::try_from(now.as_millis().div_euclid(DAY_MS)).unwrap_or(0)
}

impl Sealed {
    /// A sealed post to be signed by the key of `author`, which must sign nothing else ever. `body` fills it up to one
    /// of the [sizes](SEALED_SIZES).
    ///
    /// # Errors
    /// [`ContentError::Malformed`] when body and slots fit no size, or two tags are the same.
    pub fn new(
        author: PostingId,
        day: u32,
        slots: &[[u8; SLOT]; SLOTS],
        body: &[u8],
    ) -> Result<Self, ContentError> {
        Self::decode(&[head_of(author, day, slots).as_slice(), body].concat())
    }

    /// Bytes of the body in a sealed post of this size.
    #[must_use]
    pub const fn body_bytes(size: usize) -> usize {
        size.saturating_sub(BODY_AT).saturating_sub(SIGNATURE)
    }

    /// For whom it may be: opaque, pairwise different.
    #[must_use]
    pub const fn tags(&self) -> &[RecipientTag; SLOTS] {
        &self.tags
    }

    /// Its slots, in the order they stand in.
    #[must_use]
    pub fn slots(&self) -> &[[u8; SLOT]] {
        self.bytes.get(SLOTS_AT..BODY_AT).map_or(&[], |bytes| bytes.as_chunks().0)
    }

    /// Everything before the body.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        self.bytes.get(..BODY_AT).unwrap_or_default()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.bytes.get(BODY_AT..).unwrap_or_default()
    }

    /// Days since 1970-01-01 at which it was made.
    #[must_use]
    pub const fn day(&self) -> u32 {
        self.day
    }
}

/// `N` bytes from this place on.
fn take<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], ContentError> {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk());
    part.copied().ok_or(ContentError::Malformed)
}

impl Content for Sealed {
    const KIND: Kind = Kind::Sealed;

    fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        let size = bytes.len().saturating_add(SIGNATURE);
        if SEALED_SIZES.iter().all(|allowed| *allowed < size) {
            return Err(ContentError::TooLarge);
        }
        if !SEALED_SIZES.contains(&size) {
            return Err(ContentError::Malformed);
        }
        if take(bytes, 0)? != [VERSION, FORM] {
            return Err(ContentError::UnknownVersion);
        }
        if take(bytes, RESERVED_AT)? != [0; SLOTS_AT - RESERVED_AT] {
            return Err(ContentError::Malformed);
        }
        let mut tags = [RecipientTag::from_bytes([0; 32]); SLOTS];
        for (index, tag) in tags.iter_mut().enumerate() {
            *tag =
                RecipientTag::from_bytes(take(bytes, SLOTS_AT.saturating_add(index.saturating_mul(SLOT)))?);
        }
        let is_new =
            |(index, tag): (usize, &RecipientTag)| !tags.iter().take(index).any(|other| other == tag);
        if !tags.iter().enumerate().all(is_new) {
            return Err(ContentError::Malformed);
        }
        let author = PostingId::from_bytes(take(bytes, AUTHOR_AT)?);
        let day = u32::from_le_bytes(take(bytes, DAY_AT)?);
        Ok(Self { author, day, tags, bytes: bytes.to_vec() })
    }

    fn encode(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    fn author(&self) -> PostingId {
        self.author
    }

    /// The first moment of its day: more it does not say.
    fn created(&self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.day).saturating_mul(DAY_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> [[u8; SLOT]; SLOTS] {
        [[1; SLOT], [2; SLOT], [3; SLOT], [4; SLOT]]
    }

    fn sealed(size: usize) -> Sealed {
        let author = PostingId::from_bytes([9; 32]);
        Sealed::new(author, 20_500, &slots(), &vec![7; Sealed::body_bytes(size)]).unwrap()
    }

    #[test]
    fn four_sizes_and_no_other() {
        for size in SEALED_SIZES {
            let post = sealed(size);
            assert_eq!(post.encode().len() + SIGNATURE, size);
            assert_eq!(Sealed::decode(&post.encode()), Ok(post.clone()));
            assert_eq!((post.day(), post.tags()[2]), (20_500, RecipientTag::from_bytes([3; 32])));
            let longer = [post.encode(), vec![0]].concat();
            assert!(Sealed::decode(&longer).is_err());
            assert!(Sealed::decode(longer.get(..size - SIGNATURE - 1).unwrap()).is_err());
        }
        assert_eq!(Sealed::decode(&vec![0; 200_000]), Err(ContentError::TooLarge));
    }

    #[test]
    fn what_a_later_version_may_use_is_refused_in_this_one() {
        let good = sealed(2_048).encode();
        for (at, expected) in [
            (0, ContentError::UnknownVersion),
            (1, ContentError::UnknownVersion),
            (RESERVED_AT, ContentError::Malformed),
            (SLOTS_AT - 1, ContentError::Malformed),
        ] {
            let mut bad = good.clone();
            *bad.get_mut(at).unwrap() ^= 1;
            assert_eq!(Sealed::decode(&bad), Err(expected), "byte {at}");
        }
    }

    #[test]
    fn two_equal_tags_are_refused() {
        let mut same = slots();
        same[3] = same[1];
        let body = vec![0; Sealed::body_bytes(2_048)];
        let author = PostingId::from_bytes([9; 32]);
        assert_eq!(Sealed::new(author, 1, &same, &body), Err(ContentError::Malformed));
    }
}
