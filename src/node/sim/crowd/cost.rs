//! What an hour of a crowd costs each of its nodes.

use std::fmt;
use std::time::Duration;

use super::spread::Crowd;
use super::tally::{BEAT_BYTES, FRAME_OVERHEAD_BYTES, Tally};
use crate::limits::HEARTBEAT;

/// Time that is measured.
const HOUR: Duration = Duration::from_hours(1);
const HOUR_MS: u64 = 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// The cost of a day, per node: what it sends and receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Nodes.
    pub nodes: u64,
    /// New posts a day.
    pub posts: u64,
    /// Connections it has, in tenths.
    pub connection_tenths: u64,
    /// Connections that are made.
    pub dials: u64,
    /// Frames.
    pub frames: u64,
    /// Bytes of frames.
    pub frame_bytes: u64,
    /// Bytes of packets around them.
    pub packet_bytes: u64,
    /// Bytes of beats that keep connections.
    pub beat_bytes: u64,
}

impl Crowd {
    /// An hour with so many new posts, as a day for each node.
    pub fn live(&mut self, posts: u32) -> Day {
        let before = self.world.tally.clone();
        for _ in 0..posts {
            self.publish();
            self.rest(HOUR / posts);
        }
        if posts == 0 {
            self.rest(HOUR);
        }
        let nodes = u64::try_from(self.world.nodes.len()).unwrap_or(u64::MAX);
        Day::of(&self.world.tally.since(&before), nodes, u64::from(posts) * 24)
    }
}

impl Day {
    /// The head of the table of days.
    pub const HEAD: &str = "\
| nodes | posts a day | connections | dials | frames | frames kB | packets kB | beats kB | all MB |
|---|---|---|---|---|---|---|---|---|";

    fn of(hour: &Tally, nodes: u64, posts: u64) -> Self {
        let beat_ms = u64::try_from(HEARTBEAT.as_millis()).unwrap_or(u64::MAX);
        let total = hour.total();
        // Every frame, packet and connection concerns two nodes.
        let per_node = |count: u64| count * 2 * (DAY_MS / HOUR_MS) / nodes;
        let connection_tenths = hour.connection_ms * 20 / HOUR_MS / nodes;
        Self {
            nodes,
            posts,
            connection_tenths,
            dials: per_node(hour.connected),
            frames: per_node(total.frames),
            frame_bytes: per_node(total.bytes),
            packet_bytes: per_node(total.frames * FRAME_OVERHEAD_BYTES),
            beat_bytes: connection_tenths * (DAY_MS / beat_ms) * BEAT_BYTES / 10,
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, posts, connection_tenths, dials, frames, .. } = self;
        let all = self.frame_bytes + self.packet_bytes + self.beat_bytes;
        write!(
            f,
            "| {nodes} | {posts} | {}.{} | {dials} | {frames} | {} | {} | {} | {}.{} |",
            connection_tenths / 10,
            connection_tenths % 10,
            self.frame_bytes / 1_000,
            self.packet_bytes / 1_000,
            self.beat_bytes / 1_000,
            all / 1_000_000,
            all / 100_000 % 10,
        )
    }
}
