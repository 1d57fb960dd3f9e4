//! A network of engines in one thread: real engines over real (in-memory) stores, with virtual time, delays, cut
//! streams, lost connections, partitions, clocks that are set, and crashes between any two effects. One seed is one
//! history; it can be played again.
//!
//! What runs here is what runs in the program: [`super::committer::Committer`] commits and hands out effects,
//! `engine::answer` answers from committed stores, every message goes through its bytes. What is missing is sockets,
//! threads and disks. A disk is a copy of the store: after a lost power supply it is the one of the last synced
//! commit, after a killed process that of the last commit.
//!
//! After every step the promises of the pull are checked (`check.rs`); at the end, when the weather is calm, every
//! node must hold what its neighbours hold of the authors it wants. [`Fault`]s planted into the program prove that a
//! broken promise is noticed.

mod check;
pub mod crowd;
mod mail;
mod network;
mod node;
pub mod observer;
mod people;
mod queue;
mod traffic;
mod world;

#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod tests;

use std::time::Duration;

use thiserror::Error;

pub use self::mail::Copies;

use self::mail::Acts;
use self::world::World;
use super::engine::{Fault, Quotas};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::log::Seq;

/// Virtual time with crashes, partitions and everything else that goes wrong.
const ROUGH: Duration = Duration::from_mins(5);
/// Virtual time afterwards, with nothing but cut streams: longer than clocks are apart (a post may be held back until
/// then) and, after that, than several of the longest waits between two pulls (its news may be lost at every hop) and
/// between two changes of what is carried (at every hop, too).
const CALM: Duration = Duration::from_hours(4);
/// Nodes of a history: at least, at most.
const NODES: (usize, usize) = (3, 6);
/// Streams of a hundred that are cut.
const CUT_PERCENT: u32 = 20;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("seed {seed}, {at_ms} ms after the start, node {node}: {what}")]
pub struct Violation {
    /// Plays the same history again.
    pub seed: u64,
    /// Virtual milliseconds since the start.
    pub at_ms: u128,
    /// Index of the node.
    pub node: usize,
    /// Which promise.
    pub what: Broken,
}

/// The promises.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Broken {
    /// A cursor says that something is done which is neither stored, held nor refused.
    #[error("a cursor at {since:?} passes {id:?}, which is not here")]
    CursorPasses {
        /// The cursor.
        since: Seq,
        /// What it passes.
        id: ObjectId,
    },
    /// A cursor points behind the end of the log it belongs to.
    #[error("a cursor at {since:?} is beyond the log, which ends at {last:?}")]
    CursorBeyondLog {
        /// The cursor.
        since: Seq,
        /// The highest number given in that log.
        last: Seq,
    },
    /// A number was given that peers have seen as passed.
    #[error("{seq:?} is given again, peers were told {told:?}")]
    SeqGivenTwice {
        /// The number.
        seq: Seq,
        /// What peers were told.
        told: Seq,
    },
    /// A person was told that something is done, and it is not there.
    #[error("{id:?} was acknowledged and is lost")]
    AcknowledgedLost {
        /// What.
        id: ObjectId,
    },
    /// A file has more rows of holders than allowed, or an author more seats.
    #[error("more holders than allowed")]
    TooManyHolders,
    /// Something stands twice, or not at all, in the feed.
    #[error("{id:?} does not stand in the feed exactly once")]
    NotOnceInFeed {
        /// What.
        id: ObjectId,
    },
    /// A quota is exceeded although something could make room.
    #[error("more is stored than the quotas allow")]
    OverQuota,
    /// The count of unread posts, of an author's posts or of what they take is wrong.
    #[error("posts are miscounted")]
    Miscounted,
    /// A neighbour has something that is wanted here, and it never came.
    #[error("{id:?} is wanted here, a neighbour has it, and it did not come")]
    NotConverged {
        /// What.
        id: ObjectId,
    },
    /// A neighbour wants an author, there is room, and it is not carried.
    #[error("{author:?} is wanted by a neighbour and not carried")]
    NotCarried {
        /// Whom.
        author: PostingId,
    },
    /// A sealed post is on the stem, and a peer could see it.
    #[error("{id:?} is on the stem and can be seen")]
    StemShown {
        /// What.
        id: ObjectId,
    },
    /// A sealed post is on the stem for ever.
    #[error("{id:?} does not get off the stem")]
    StuckOnStem {
        /// What.
        id: ObjectId,
    },
    /// A sealed post was made here and is nowhere to be had.
    #[error("{id:?} was made here and is lost")]
    SealedLost {
        /// What.
        id: ObjectId,
    },
    /// A person was told that a message is stored, and it is not.
    #[error("message {number} was acknowledged and is lost")]
    MessageLost {
        /// Which.
        number: u32,
    },
    /// A message did not come.
    #[error("message {number} was written to somebody here and did not come")]
    MessageMissing {
        /// Which.
        number: u32,
    },
    /// A message stands twice in a conversation.
    #[error("message {number} came more than once")]
    MessageTwice {
        /// Which.
        number: u32,
    },
    /// Two sealed posts carry the same tag.
    #[error("{id:?} has a tag that another sealed post had")]
    TagUsedTwice {
        /// The later one.
        id: ObjectId,
    },
    /// Somebody commented here, a neighbour has the profile, and it did not come.
    #[error("{author:?} has no name here")]
    Nameless {
        /// Who.
        author: PostingId,
    },
    /// A post of an author who was never followed stands in the feed.
    #[error("{id:?} is only carried, and stands in the feed")]
    CarriedInFeed {
        /// What.
        id: ObjectId,
    },
    /// Two nodes that know each other have no connection although nothing hinders them.
    #[error("no connection with node {peer}")]
    NotConnected {
        /// Index of the other node.
        peer: usize,
    },
    /// A peer refused what this node said.
    #[error("said what a peer takes for a breach of the protocol")]
    Misbehaved,
}

/// What happened in a history that went well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Nodes.
    pub nodes: usize,
    /// Commits.
    pub commits: u64,
    /// Posts that were acknowledged.
    pub posts: usize,
    /// Comments that were acknowledged.
    pub comments: usize,
    /// Messages that were acknowledged.
    pub messages: usize,
    /// Crashes.
    pub crashes: u64,
    /// Streams opened.
    pub streams: u64,
    /// Of these, cut.
    pub cut_streams: u64,
    /// Bytes of all frames.
    pub bytes: u64,
    /// Bytes of all sealed posts that were pushed, on the stem or spread.
    pub pushed_bytes: u64,
    /// Bytes of all other objects that arrived anywhere.
    pub received_bytes: u64,
    /// Of these, those that came for the first time to a node in one life.
    pub needed_bytes: u64,
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.nodes += other.nodes;
        self.commits += other.commits;
        self.posts += other.posts;
        self.comments += other.comments;
        self.messages += other.messages;
        self.crashes += other.crashes;
        self.streams += other.streams;
        self.cut_streams += other.cut_streams;
        self.bytes += other.bytes;
        self.pushed_bytes += other.pushed_bytes;
        self.received_bytes += other.received_bytes;
        self.needed_bytes += other.needed_bytes;
    }
}

/// Plays the history of a seed, with a mistake planted into the program if one is named.
///
/// # Errors
/// The first [`Violation`].
pub fn play(seed: u64, fault: Option<Fault>) -> Result<Report, Violation> {
    let mut world = World::new(seed, fault);
    world.run_for(ROUGH)?;
    world.calm_down();
    world.run_for(CALM)?;
    world.check_end()
}

/// Plays the history of a seed among nodes with room whose persons mostly write to each other.
///
/// # Errors
/// The first [`Violation`].
pub fn play_talking(seed: u64, copies: Copies) -> Result<Report, Violation> {
    let mut world = World::new(seed, None);
    (world.acts, world.copies) = (Acts::Talking, copies);
    for node in &mut world.nodes {
        node.quotas = Quotas::default();
    }
    world.run_for(ROUGH)?;
    world.calm_down();
    world.run_for(CALM)?;
    world.check_mail()?;
    world.check_end()
}
