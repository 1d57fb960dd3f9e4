//! A crowd: up to ten thousand real engines over real stores in memory that all hold what one author writes, to
//! measure how far, how fast and at what cost a thing spreads. One seed is one history.
//!
//! Like the network of engines beside it, it drives the very [`Committer`](crate::node::committer::Committer) and
//! answers of the program, and every message goes through its bytes and is counted. It is deliberately no test of
//! crashes and cut pages (that is [`super::play`]): nodes are killed as a whole, streams are lost as a whole, clocks
//! agree. Every input is a commit of its own and takes no time.
//!
//! What stands around an engine, as a setting: every node is let in by one that was there before. It also has
//! [`PULLED_PEERS`] peers of other interests on average, of which a share holds what this author writes; those that do
//! not are not simulated, since nothing of it comes from them. After a while the one that let a node in goes the way of
//! all others: with that share it stays a peer, else its connection is needed elsewhere and they meet no more.

mod correspondents;
mod cost;
mod network;
mod node;
mod seating;
mod siege;
mod spies;
mod spread;
mod streams;
mod table;
mod tally;
mod watch;
pub(in crate::node::sim) mod world;

#[cfg(test)]
mod tests;

pub use self::correspondents::{Meeting, Met, meet};
pub use self::cost::Day;
pub use self::seating::{Seating, Waits};
pub use self::siege::{First, Siege};
pub use self::spies::{Leaving, Origins, Spying, spy};
pub use self::spread::{Arrival, Crowd, Followed, Measured, Pulling, Rule, Setting};
pub use self::table::{HEAD, Row, survey};
pub use self::tally::{BEAT_BYTES, FRAME_OVERHEAD_BYTES, Frames, Tally};

/// Connections of a node for other interests, on average.
pub const PULLED_PEERS: u32 = 8;
