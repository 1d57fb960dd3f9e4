//! The one definition of a feed's order: `(min(created, received + 15 min), post_id)`, newest first.

use serde::{Deserialize, Serialize};

use super::ids::ObjectId;
use super::time::Timestamp;
use crate::limits::CLOCK_AHEAD;

/// Where a post stands in a feed. Greater means newer. Also the cursor of a page: the page behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FeedPosition {
    /// The claimed time, bounded by when we first saw it.
    pub sort: Timestamp,
    /// Breaks ties the same way on every node.
    pub post_id: ObjectId,
}

impl FeedPosition {
    /// The position of a post with this claimed time that came in at `received`.
    #[must_use]
    pub fn new(created: Timestamp, received: Timestamp, post_id: ObjectId) -> Self {
        Self { sort: created.min(received.after(CLOCK_AHEAD)), post_id }
    }
}

impl std::fmt::Display for FeedPosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.sort.as_millis(), self.post_id)
    }
}

/// What stands after the dash of a position.
const NO_ID: super::ids::IdParseError = super::ids::IdParseError { digits: 64 };

impl std::str::FromStr for FeedPosition {
    type Err = super::ids::IdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (sort, post_id) = text.rsplit_once('-').ok_or(NO_ID)?;
        let sort = sort.parse().map_err(|_not_a_number| NO_ID)?;
        Ok(Self { sort: Timestamp::from_millis(sort), post_id: post_id.parse()? })
    }
}

/// Where a comment stands among those of its post. Greater means later; the same on every node, since a claimed time
/// too far in the future waits until it is due. Also the cursor of a page: the page behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommentPosition {
    /// The claimed time.
    pub created: Timestamp,
    /// Breaks ties the same way on every node.
    pub operation_id: ObjectId,
}

/// Until when a post with this claimed time is held back; `None` when it may be shown now.
#[must_use]
pub fn held_until(created: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (created > now.after(CLOCK_AHEAD)).then_some(created)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_from_the_future_is_bounded_by_when_it_was_seen() {
        let seen = Timestamp::from_millis(1_000_000);
        let id = ObjectId::from_bytes([0; 32]);
        assert_eq!(FeedPosition::new(Timestamp::from_millis(5), seen, id).sort.as_millis(), 5);
        let claimed = seen.after(CLOCK_AHEAD).after(CLOCK_AHEAD);
        assert_eq!(FeedPosition::new(claimed, seen, id).sort, seen.after(CLOCK_AHEAD));
        assert_eq!(held_until(claimed, seen), Some(claimed));
        assert_eq!(held_until(seen.after(CLOCK_AHEAD), seen), None);
    }

    #[test]
    fn positions_survive_their_text_form() {
        let position =
            FeedPosition { sort: Timestamp::from_millis(-7), post_id: ObjectId::from_bytes([9; 32]) };
        assert_eq!(position.to_string().parse(), Ok(position));
    }
}
