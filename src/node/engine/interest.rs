//! Interest lists: which authors a node wants. One union for all personas, sorted, unmarked (P2, P5).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::db::{Author, DbError, Read};
use crate::domain::ids::{NetworkId, PostingId};
use crate::limits::INTEREST_IDS;
use crate::node::wire::{ListHash, Range};

/// A list as it travels: sorted, without repetition, at most [`INTEREST_IDS`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterestList(Vec<PostingId>);

impl InterestList {
    /// Sorts and dedups what a peer or the store says.
    #[must_use]
    pub fn new(mut ids: Vec<PostingId>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(INTEREST_IDS);
        Self(ids)
    }

    /// The ids in order.
    #[must_use]
    pub fn ids(&self) -> &[PostingId] {
        &self.0
    }

    /// Whether an author is wanted.
    #[must_use]
    pub fn contains(&self, author: PostingId) -> bool {
        self.0.binary_search(&author).is_ok()
    }

    /// The ids of a range; `None` when it reaches beyond the list.
    #[must_use]
    pub fn slice(&self, range: Range) -> Option<&[PostingId]> {
        let start = usize::from(range.start);
        self.0.get(start..start.checked_add(usize::from(range.length))?)
    }

    /// The name of this list between two nodes: `wanting` sent it, `answering` accepted it.
    #[must_use]
    pub fn hash(&self, wanting: NetworkId, answering: NetworkId) -> ListHash {
        let mut hasher = blake3::Hasher::new_derive_key("itsgoin/0.6 interest list");
        hasher.update(wanting.as_bytes()).update(answering.as_bytes());
        for id in &self.0 {
            hasher.update(id.as_bytes());
        }
        let mut hash = [0; 16];
        hasher.finalize_xof().fill(&mut hash);
        ListHash(hash)
    }
}

/// Why an author stands on our list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A persona of ours, or followed by one.
    Ours,
    /// Carried: a connected node wants it.
    Carried,
}

/// What stands beside an entry of our list. None of it leaves the node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The author's row; a carried one has none before something of theirs is stored.
    pub(super) author: Option<Author>,
    /// Why it is there.
    pub(super) reason: Reason,
}

impl Entry {
    /// Whether seats are wanted for it: it is ours, or something of it is here to be told of. Ids that somebody merely
    /// lists cost no talk.
    pub(super) fn is_topic(self) -> bool {
        self.reason == Reason::Ours || self.author.is_some()
    }
}

/// Our own list, with what the store knows of its entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Interest {
    /// What is sent.
    pub(super) list: Arc<InterestList>,
    /// One per id of the list, in the same order.
    entries: Vec<Entry>,
}

impl Interest {
    /// Followed authors and own personas, and as many of the carried ones as still fit, from the store.
    pub(super) fn load(read: Read<'_>) -> Result<Self, DbError> {
        let ours = read.list_interest(INTEREST_IDS)?.into_iter();
        let mut entries: BTreeMap<PostingId, Entry> =
            ours.map(|(id, author)| (id, Entry { author: Some(author), reason: Reason::Ours })).collect();
        for (id, author) in read.list_carried_authors(INTEREST_IDS)? {
            if entries.len() < INTEREST_IDS {
                entries.entry(id).or_insert(Entry { author, reason: Reason::Carried });
            }
        }
        let (ids, entries) = entries.into_iter().unzip();
        Ok(Self { list: Arc::new(InterestList(ids)), entries })
    }

    /// What stands beside an id; `None` when it is not on the list.
    pub(super) fn find(&self, id: PostingId) -> Option<Entry> {
        let index = self.list.ids().binary_search(&id).ok()?;
        self.entries.get(index).copied()
    }

    /// Whether an author is followed here, or a persona of ours.
    pub(super) fn is_ours(&self, id: PostingId) -> bool {
        self.find(id).is_some_and(|entry| entry.reason == Reason::Ours)
    }

    /// How many entries are ours.
    pub(super) fn count_ours(&self) -> usize {
        self.entries.iter().filter(|entry| entry.reason == Reason::Ours).count()
    }

    /// Ids and what stands beside them, in the order of the list.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PostingId, Entry)> {
        self.list.ids().iter().copied().zip(self.entries.iter().copied())
    }

    /// The authors seats are wanted for, in the order of the list.
    pub(super) fn topics(&self) -> impl Iterator<Item = PostingId> {
        self.iter().filter(|(_, entry)| entry.is_topic()).map(|(id, _)| id)
    }

    /// Notes that an author has a row now; says whether it had none before.
    pub(super) fn note_author(&mut self, id: PostingId, author: Author) -> bool {
        let index = self.list.ids().binary_search(&id).ok();
        match index.and_then(|index| self.entries.get_mut(index)) {
            Some(entry) if entry.author.is_none() => {
                entry.author = Some(author);
                true
            }
            _ => false,
        }
    }
}
