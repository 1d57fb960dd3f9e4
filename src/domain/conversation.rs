//! What a conversation and a message in it are called. These names exist on the devices of its people only: nothing
//! that travels or is stored readable carries them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use data_encoding::HEXLOWER_PERMISSIVE;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ids::{IdParseError, PostingId, id_type};
use crate::limits::{KEEP_AFTER_READING, KEEP_DAYS};

id_type! {
    /// A conversation as all its people know it. Two people's follows from who they are; a group's is random.
    ThreadId, 16
}
id_type! {
    /// A conversation on this device: a thread as one persona takes part in it. It never leaves the device.
    ConversationId, 16
}
id_type! {
    /// A message, chosen at random by who writes it; together with thread and sender it names one message.
    MessageId, 16
}

impl ThreadId {
    /// The one conversation of two posting ids, in whichever order they are named.
    #[must_use]
    pub fn between(one: PostingId, other: PostingId) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("itsgoin/dm/1 thread");
        hasher.update(one.min(other).as_bytes()).update(one.max(other).as_bytes());
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }
}

impl ConversationId {
    /// A thread as this persona takes part in it: two personas of one device may be in the same one.
    #[must_use]
    pub fn of(persona: PostingId, thread: ThreadId) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("itsgoin conversation of one persona");
        hasher.update(persona.as_bytes()).update(thread.as_bytes());
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }

    /// Somebody's circle as this persona is in it. Its owner chooses the thread, so that the owner is part of the name: no
    /// thread of others can be taken by it.
    #[must_use]
    pub fn of_circle(persona: PostingId, owner: PostingId, thread: ThreadId) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("itsgoin circle of somebody as one persona is in it");
        hasher.update(persona.as_bytes()).update(owner.as_bytes()).update(thread.as_bytes());
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }
}

/// Where a message stands in its conversation on this device. Greater means later. Also the cursor of a page.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Place(i64);

impl Place {
    /// Before all messages.
    pub const START: Self = Self(i64::MIN);
    /// Behind all messages.
    pub const END: Self = Self(i64::MAX);

    /// From its number.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// For how long messages of a conversation stay on this device once they were read, or once they arrived. As text
/// `forever`, `none` or a number of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Until the person deletes them.
    #[default]
    #[n(0)]
    Forever,
    /// So many days from when they came or were written, 1 to [`KEEP_DAYS`].
    #[n(1)]
    Days(#[n(0)] u32),
    /// [`KEEP_AFTER_READING`].
    #[n(2)]
    None,
}

/// What was given is no time for which messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("say `forever`, `none`, or a number of days from 1 to {KEEP_DAYS}")]
pub struct NoKeep;

impl FromStr for Keep {
    type Err = NoKeep;

    fn from_str(text: &str) -> Result<Self, NoKeep> {
        match text.trim() {
            "forever" => Ok(Self::Forever),
            "none" => Ok(Self::None),
            days => days.parse().ok().map(Self::Days).filter(|keep| keep.is_usable()).ok_or(NoKeep),
        }
    }
}

impl Keep {
    /// Whether it is one of the times that can be chosen.
    #[must_use]
    pub const fn is_usable(self) -> bool {
        match self {
            Self::Forever | Self::None => true,
            Self::Days(days) => days >= 1 && days <= KEEP_DAYS,
        }
    }

    /// How long it is.
    #[must_use]
    pub fn time(self) -> Duration {
        match self {
            Self::Forever => Duration::MAX,
            Self::Days(days) => Duration::from_hours(u64::from(days).saturating_mul(24)),
            Self::None => KEEP_AFTER_READING,
        }
    }

    /// What a person reads about it.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::Forever => "messages are kept until you delete them".to_owned(),
            Self::Days(1) => "messages go a day after they came, once they were read".to_owned(),
            Self::Days(days) => format!("messages go {days} days after they came, once they were read"),
            Self::None => "messages go an hour after they came, once they were read".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_people_have_one_thread() {
        let (a, b, c) = ([1; 32], [2; 32], [3; 32]);
        let [a, b, c] = [a, b, c].map(PostingId::from_bytes);
        assert_eq!(ThreadId::between(a, b), ThreadId::between(b, a));
        assert_ne!(ThreadId::between(a, b), ThreadId::between(a, c));
    }

    #[test]
    fn ids_round_trip_as_text() {
        let id = MessageId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string().parse::<MessageId>(), Ok(id));
        assert_eq!("ab".parse::<ThreadId>(), Err(IdParseError { digits: 32 }));
    }
}
