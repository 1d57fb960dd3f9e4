//! A profile: the name a posting id gives itself. Names exist on this level only, never on the network level (P4).

use minicbor::{Decode, Encode};
use thiserror::Error;

use super::envelope::{Content, ContentError, Kind};
use super::ids::{ObjectId, PostingId};
use super::time::Timestamp;
use crate::limits::{CLOCK_AHEAD, NAME_BYTES, PROFILE_BYTES};

/// The version of the profile format this program writes and reads.
const VERSION: u8 = 1;

/// The newest facts about a posting id; the highest sequence replaces the others.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Profile {
    #[n(0)]
    version: u8,
    #[n(1)]
    author: PostingId,
    #[n(2)]
    created: Timestamp,
    #[n(3)]
    sequence: u64,
    #[n(4)]
    name: String,
    #[n(5)]
    prekey: Option<Box<PublishedPrekey>>,
}

/// A key to which first messages are written, as its owner gives it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PublishedPrekey {
    /// X25519.
    #[n(0)]
    pub key: minicbor::bytes::ByteArray<32>,
    /// Days since 1970-01-01 when it was made.
    #[n(1)]
    pub day: u32,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Profile(of {:?}, sequence {})", self.author, self.sequence)
    }
}

/// A name a person typed cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing visible in it.
    #[error("a name needs at least one visible character")]
    Empty,
    /// More than [`NAME_BYTES`].
    #[error("a name may have at most {NAME_BYTES} bytes")]
    TooLong,
    /// A line break or another control character.
    #[error("a name is one line without control characters")]
    NotOneLine,
}

/// Trims and checks a name somebody chose for a persona of theirs.
///
/// # Errors
/// [`NameError`], whose text is for the person.
pub fn parse_name(text: &str) -> Result<String, NameError> {
    let name = text.trim();
    if name.is_empty() || super::text::SafeText::line(name).as_str().trim().is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > NAME_BYTES {
        return Err(NameError::TooLong);
    }
    if name.chars().any(char::is_control) {
        return Err(NameError::NotOneLine);
    }
    Ok(name.to_owned())
}

impl Profile {
    /// A profile to be signed; `sequence` comes from [`next_sequence`].
    ///
    /// # Errors
    /// [`ContentError::Empty`] or [`ContentError::TooLarge`] for a name [`parse_name`] would refuse.
    pub fn new(
        author: PostingId,
        created: Timestamp,
        sequence: u64,
        name: String,
    ) -> Result<Self, ContentError> {
        let profile = Self { version: VERSION, author, created, sequence, name, prekey: None };
        profile.check().map(|()| profile)
    }

    /// The same with a prekey.
    #[must_use]
    pub fn with_prekey(mut self, prekey: PublishedPrekey) -> Self {
        self.prekey = Some(Box::new(prekey));
        self
    }

    /// The key to which first messages are written.
    #[must_use]
    pub fn prekey(&self) -> Option<PublishedPrekey> {
        self.prekey.as_deref().copied()
    }

    /// The raw name. Strangers chose it: show it through `SafeText` only.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Rises with every version of one author's profile.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether the sequence lies so far ahead of `now` that nobody could ever replace it.
    #[must_use]
    pub fn is_ahead_of(&self, now: Timestamp) -> bool {
        let latest = now.after(CLOCK_AHEAD).as_unsigned_millis();
        self.sequence > latest
    }

    fn check(&self) -> Result<(), ContentError> {
        if self.version != VERSION {
            return Err(ContentError::UnknownVersion);
        }
        if self.name.len() > NAME_BYTES {
            return Err(ContentError::TooLarge);
        }
        if self.name.trim().is_empty() {
            return Err(ContentError::Empty);
        }
        Ok(())
    }
}

impl Content for Profile {
    const KIND: Kind = Kind::Profile;

    fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        if bytes.len() > PROFILE_BYTES {
            return Err(ContentError::TooLarge);
        }
        let profile: Self = super::cbor::decode_whole(bytes)?;
        profile.check().map(|()| profile)
    }

    fn encode(&self) -> Vec<u8> {
        super::cbor::encode(self)
    }

    fn author(&self) -> PostingId {
        self.author
    }

    fn created(&self) -> Timestamp {
        self.created
    }
}

/// The sequence after `last`: the time in milliseconds, or one more where the clock stands behind.
#[must_use]
pub fn next_sequence(last: Option<u64>, now: Timestamp) -> u64 {
    let time = now.as_unsigned_millis();
    last.map_or(time, |last| time.max(last.saturating_add(1)))
}

/// Whether `(sequence, id)` replaces `(sequence, id)`: the higher sequence, at a tie the smaller id.
#[must_use]
pub fn replaces(new: (u64, ObjectId), old: (u64, ObjectId)) -> bool {
    new.0 > old.0 || (new.0 == old.0 && new.1 < old.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_rise_even_when_the_clock_stands_still() {
        let now = Timestamp::from_millis(1_000);
        assert_eq!(next_sequence(None, now), 1_000);
        assert_eq!(next_sequence(Some(999), now), 1_000);
        assert_eq!(next_sequence(Some(5_000), now), 5_001);
    }

    #[test]
    fn at_equal_sequences_the_smaller_id_wins_on_every_node() {
        let (a, b) = (ObjectId::from_bytes([1; 32]), ObjectId::from_bytes([2; 32]));
        assert!(replaces((7, a), (7, b)));
        assert!(!replaces((7, b), (7, a)));
        assert!(replaces((8, b), (7, a)));
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(parse_name("  ana "), Ok("ana".to_owned()));
        assert_eq!(parse_name(" \u{200b} "), Err(NameError::Empty));
        assert_eq!(parse_name(&"x".repeat(65)), Err(NameError::TooLong));
        assert_eq!(parse_name("a\nb"), Err(NameError::NotOneLine));
    }
}
