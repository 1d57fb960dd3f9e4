//! What went over the lines of a crowd: frames and bytes by kind of message, and how long connections stood.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::node::wire::{HEADER_BYTES, Message};

/// Bytes around a frame: a packet of its own (IP and UDP 28, QUIC 28 with its tag, stream header 6) and the packet
/// that acknowledges it (IP and UDP 28, QUIC 30). Frames that share a packet cost less.
pub const FRAME_OVERHEAD_BYTES: u64 = 120;
/// Bytes of one beat that keeps a connection, and its answer; measured between two real nodes (`docs/benchmarks.md`:
/// 24 B a second at a beat every five).
pub const BEAT_BYTES: u64 = 120;

/// Frames of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frames {
    /// How many.
    pub frames: u64,
    /// Their bytes with the length before each, without [`FRAME_OVERHEAD_BYTES`].
    pub bytes: u64,
}

impl std::ops::AddAssign for Frames {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
    }
}

/// Everything that was sent in a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// By the number of the message's kind.
    pub by_kind: BTreeMap<u16, Frames>,
    /// Dials that led to a connection.
    pub connected: u64,
    /// Milliseconds that connections stood, all added up.
    pub connection_ms: u64,
}

impl Tally {
    /// Counts a message and gives its bytes back.
    pub(super) fn count(&mut self, message: &Message) -> Vec<u8> {
        let bytes = message.encode();
        let length = u64::try_from(bytes.len() + HEADER_BYTES).unwrap_or(u64::MAX);
        *self.by_kind.entry(message.kind()).or_default() += Frames { frames: 1, bytes: length };
        bytes
    }

    /// All kinds together.
    #[must_use]
    pub fn total(&self) -> Frames {
        let mut total = Frames::default();
        self.by_kind.values().for_each(|frames| total += *frames);
        total
    }

    /// Counts connections that stood for a time.
    pub(super) fn stood(&mut self, connections: usize, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.connection_ms += u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(millis);
    }

    /// What was counted after `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let frames_since = |(kind, frames): (&u16, &Frames)| {
            let before = earlier.by_kind.get(kind).copied().unwrap_or_default();
            let since = Frames { frames: frames.frames - before.frames, bytes: frames.bytes - before.bytes };
            (*kind, since)
        };
        Self {
            by_kind: self.by_kind.iter().map(frames_since).collect(),
            connected: self.connected - earlier.connected,
            connection_ms: self.connection_ms - earlier.connection_ms,
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        for (kind, frames) in other.by_kind {
            *self.by_kind.entry(kind).or_default() += frames;
        }
        self.connected += other.connected;
        self.connection_ms += other.connection_ms;
    }
}
