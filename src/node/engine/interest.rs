//! Interest lists: which authors a node wants. One union for all personas, sorted, unmarked (P2, P5).

use std::collections::BTreeSet;
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

/// Our own list with the store's rows beside it.
#[derive(Debug, Clone, Default)]
pub(super) struct Interest {
    /// What is sent.
    pub(super) list: Arc<InterestList>,
    /// The author row of every entry, in the same order.
    pub(super) authors: Vec<Author>,
}

impl Interest {
    /// Followed authors and own personas, from the store.
    pub(super) fn load(read: Read<'_>) -> Result<Self, DbError> {
        let rows = read.list_interest(INTEREST_IDS)?;
        let authors = rows.iter().map(|(_, author)| *author).collect();
        let ids = rows.into_iter().map(|(id, _)| id).collect();
        Ok(Self { list: Arc::new(InterestList(ids)), authors })
    }

    /// The rows of those of these authors that are on the list.
    pub(super) fn rows_of(&self, ids: &BTreeSet<PostingId>) -> Vec<Author> {
        let on_list = ids.iter().filter_map(|id| self.list.ids().binary_search(id).ok());
        on_list.filter_map(|index| self.authors.get(index).copied()).collect()
    }
}
