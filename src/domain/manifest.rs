//! A manifest: an author's signed, numbered list of the newest posts. It says that there is something new; it is no
//! index of everything, and what it lists need not exist any more.

use minicbor::{Decode, Encode};

use super::envelope::{Content, ContentError, Kind};
use super::ids::{ObjectId, PostingId};
use super::time::Timestamp;
use crate::limits::{CLOCK_AHEAD, MANIFEST_BYTES, MANIFEST_POSTS};

/// The version of the manifest format this program writes and reads.
const VERSION: u8 = 1;

/// What an author published last; the highest sequence replaces the others.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Manifest {
    #[n(0)]
    version: u8,
    #[n(1)]
    author: PostingId,
    #[n(2)]
    created: Timestamp,
    #[n(3)]
    sequence: u64,
    #[n(4)]
    newest: Vec<ObjectId>,
    #[n(5)]
    previous: Option<ObjectId>,
}

impl Manifest {
    /// A manifest to be signed; `sequence` comes from [`super::profile::next_sequence`], `newest` is the newest post
    /// first and cut at [`MANIFEST_POSTS`], `previous` the manifest it replaces.
    #[must_use]
    pub fn new(
        author: PostingId,
        created: Timestamp,
        sequence: u64,
        mut newest: Vec<ObjectId>,
        previous: Option<ObjectId>,
    ) -> Self {
        newest.truncate(MANIFEST_POSTS);
        Self { version: VERSION, author, created, sequence, newest, previous }
    }

    /// Rises with every version of one author's manifest.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// At most [`MANIFEST_POSTS`] posts, the newest first.
    #[must_use]
    pub fn newest(&self) -> &[ObjectId] {
        &self.newest
    }

    /// The manifest this one replaced.
    #[must_use]
    pub const fn previous(&self) -> Option<ObjectId> {
        self.previous
    }

    /// Whether the sequence lies so far ahead of `now` that nobody could ever replace it.
    #[must_use]
    pub fn is_ahead_of(&self, now: Timestamp) -> bool {
        is_sequence_ahead(self.sequence, now)
    }
}

/// Whether a sequence lies more than [`CLOCK_AHEAD`] ahead of `now`.
#[must_use]
pub fn is_sequence_ahead(sequence: u64, now: Timestamp) -> bool {
    sequence > now.after(CLOCK_AHEAD).as_unsigned_millis()
}

/// The list two stores of one author agree on: what only the other one has seen comes first, since nothing is known of
/// its age here, then what is here by age. `here` is sorted, the newest first, `listed` the other's list, `has` says
/// whether a post is here at all.
#[must_use]
pub fn merge_newest(here: &[ObjectId], listed: &[ObjectId], has: impl Fn(ObjectId) -> bool) -> Vec<ObjectId> {
    let unseen = listed.iter().copied().filter(|id| !has(*id));
    unseen.chain(here.iter().copied()).take(MANIFEST_POSTS).collect()
}

/// Whether a merged list says more than the list it was merged with: only then is it worth a new manifest.
#[must_use]
pub fn adds_to(merged: &[ObjectId], listed: &[ObjectId]) -> bool {
    merged.iter().any(|id| !listed.contains(id))
}

impl Content for Manifest {
    const KIND: Kind = Kind::Manifest;

    fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        if bytes.len() > MANIFEST_BYTES {
            return Err(ContentError::TooLarge);
        }
        let manifest: Self = super::cbor::decode_whole(bytes)?;
        if manifest.version != VERSION {
            return Err(ContentError::UnknownVersion);
        }
        if manifest.newest.len() > MANIFEST_POSTS {
            return Err(ContentError::TooLarge);
        }
        Ok(manifest)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u8) -> ObjectId {
        ObjectId::from_bytes([number; 32])
    }

    #[test]
    fn the_longest_manifest_fits_and_a_longer_one_is_refused() {
        let author = PostingId::from_bytes([1; 32]);
        let ids: Vec<ObjectId> = (0..30).map(id).collect();
        let manifest = Manifest::new(author, Timestamp::ZERO, u64::MAX, ids.clone(), Some(id(99)));
        assert_eq!(manifest.newest(), &ids[..MANIFEST_POSTS]);
        let bytes = Content::encode(&manifest);
        assert!(bytes.len() <= 800, "{} bytes", bytes.len());
        assert_eq!(<Manifest as Content>::decode(&bytes), Ok(manifest.clone()));
        let longer = Manifest { newest: ids, ..manifest };
        assert_eq!(<Manifest as Content>::decode(&Content::encode(&longer)), Err(ContentError::TooLarge));
    }

    #[test]
    fn a_list_that_was_merged_once_adds_nothing_the_second_time() {
        let here: Vec<ObjectId> = (0..20).rev().map(id).collect();
        let listed = [id(200), id(19)];
        let merged = merge_newest(&here, &listed, |id| here.contains(&id));
        assert_eq!(merged[0], id(200));
        assert!(adds_to(&merged, &listed));
        let again = merge_newest(&here, &merged, |id| here.contains(&id));
        assert!(!adds_to(&again, &merged));
    }

    proptest! {
        /// Two devices that publish, see each other's lists late, and have some of each other's posts or all of them.
        #[test]
        fn two_devices_of_one_persona_come_to_rest(
            ours in proptest::collection::btree_set(0_u8..60, 0..40),
            theirs in proptest::collection::btree_set(0_u8..60, 0..40),
            lost in proptest::collection::btree_set(0_u8..60, 0..10),
        ) {
            // The number is the age; what is lost never reaches the other device.
            let seen = |mine: &std::collections::BTreeSet<u8>, other: &std::collections::BTreeSet<u8>| {
                let come = other.iter().filter(|number| !lost.contains(number));
                mine.iter().chain(come).copied().collect::<std::collections::BTreeSet<u8>>()
            };
            let stores = [seen(&ours, &theirs), seen(&theirs, &ours)];
            let newest = |store: &std::collections::BTreeSet<u8>| {
                store.iter().rev().take(MANIFEST_POSTS).map(|number| id(*number)).collect::<Vec<_>>()
            };
            let has = |store: &std::collections::BTreeSet<u8>, wanted: ObjectId| {
                store.iter().any(|number| id(*number) == wanted)
            };
            let mut list = newest(&stores[0]);
            let mut rounds = 0;
            let mut quiet = 0;
            while quiet < 2 {
                let store = &stores[(rounds + 1) % 2];
                let merged = merge_newest(&newest(store), &list, |id| has(store, id));
                if adds_to(&merged, &list) {
                    (list, quiet) = (merged, 0);
                } else {
                    quiet += 1;
                }
                rounds += 1;
                prop_assert!(rounds < 60, "they never come to rest");
            }
        }
    }
}
