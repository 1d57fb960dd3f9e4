//! The next tags of a peer's chain, known before the messages come.

use std::collections::VecDeque;

use minicbor::{Decode, Encode};

use crate::crypto::kdf::{Key, TagChain, TagStep};
use crate::domain::ids::RecipientTag;
use crate::limits::TAGS_AHEAD;

/// A chain of tags at the first place that was not used, and the tags from there on.
#[derive(Clone, Encode, Decode)]
pub(in crate::crypto) struct TagWindow {
    #[n(0)]
    chain: TagChain,
    #[n(1)]
    position: u32,
    /// Tags from `position` on; derived, not stored.
    #[cbor(skip)]
    tags: VecDeque<RecipientTag>,
    /// The chain behind the last of them.
    #[cbor(skip)]
    ahead: Option<TagChain>,
}

impl TagWindow {
    pub(in crate::crypto) fn new(chain: TagChain) -> Self {
        Self::starting_at(chain, 0)
    }

    /// A chain that stands at this place.
    pub(in crate::crypto) fn starting_at(chain: TagChain, position: u32) -> Self {
        let mut window = Self { chain, position, tags: VecDeque::new(), ahead: None };
        window.fill();
        window
    }

    /// Derives the tags that are watched for.
    pub(in crate::crypto) fn fill(&mut self) {
        let wanted = usize::try_from(TAGS_AHEAD).unwrap_or(usize::MAX);
        let mut ahead = self.ahead.take().unwrap_or_else(|| self.chain.clone());
        while self.tags.len() < wanted {
            self.tags.push_back(RecipientTag::from_bytes(ahead.step().tag));
        }
        self.ahead = Some(ahead);
    }

    /// The place of the first tag that was not used.
    pub(in crate::crypto) const fn position(&self) -> u32 {
        self.position
    }

    pub(in crate::crypto) fn tags(&self) -> impl Iterator<Item = RecipientTag> {
        self.tags.iter().copied()
    }

    /// Number and header key of a tag of the window.
    pub(in crate::crypto) fn find(&self, tag: RecipientTag) -> Option<(u32, Key)> {
        let index = self.tags.iter().position(|known| *known == tag)?;
        let mut chain = self.chain.clone();
        for _ in 0..index {
            chain.step();
        }
        let number = self.position.checked_add(u32::try_from(index).ok()?)?;
        Some((number, chain.step().header_key))
    }

    /// Uses the first tag: the window moves on by one.
    pub(in crate::crypto) fn step(&mut self) -> TagStep {
        self.tags.pop_front();
        self.position = self.position.saturating_add(1);
        let step = self.chain.step();
        self.fill();
        step
    }
}
