//! What a day of a crowd costs each of its nodes, from a shorter time.

use std::fmt;
use std::time::Duration;

use super::spread::Crowd;
use super::tally::{BEAT_BYTES, FRAME_OVERHEAD_BYTES, Tally};
use crate::limits::HEARTBEAT;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

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
    /// A time with so many new posts, as a day for each node.
    pub fn live(&mut self, time: Duration, posts: u32) -> Day {
        let before = self.world.tally.clone();
        for _ in 0..posts {
            self.publish();
            self.rest(time / posts);
        }
        if posts == 0 {
            self.rest(time);
        }
        let nodes = u64::try_from(self.world.nodes.len()).unwrap_or(u64::MAX);
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        Day::of(&self.world.tally.since(&before), time_ms, nodes, u64::from(posts) * DAY_MS / time_ms)
    }
}

impl Day {
    /// The head of the table of days.
    pub const HEAD: &str = "\
| nodes | posts a day | connections | dials | frames | frames kB | packets kB | beats kB | all MB |
|---|---|---|---|---|---|---|---|---|";

    fn of(lived: &Tally, time_ms: u64, nodes: u64, posts: u64) -> Self {
        let beat_ms = u64::try_from(HEARTBEAT.as_millis()).unwrap_or(u64::MAX);
        let total = lived.total();
        // Every frame, packet and connection concerns two nodes.
        let per_node = |count: u64| count * 2 * DAY_MS / time_ms / nodes;
        let connection_tenths = lived.connection_ms * 20 / time_ms / nodes;
        Self {
            nodes,
            posts,
            connection_tenths,
            dials: per_node(lived.connected),
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
