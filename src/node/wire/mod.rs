//! Messages ↔ bytes. Decoding is total: any bytes give a message or an error, in time and memory bounded by
//! `limits`; nothing is allocated by a length a stranger claims.
//!
//! A frame is `u32 length (little endian) ‖ CBOR [kind, body]`. A kind this version does not know is
//! [`Decoded::Unknown`], which is answered, not fatal: that is how the protocol grows.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::expect_used)]

mod link;
mod message;

pub use self::link::{Ask, LinkAsk, Nonce, Reply, Room, SplitPass, TopicId};
pub use self::message::{
    Decoded, Epoch, Find, Found, Group, GroupEnd, Hello, Item, ListHash, ManifestPush, Message, Offer, Page,
    Pull, Range, Recipients, SealedEnd, SealedPush, Sending, Stage, Want,
};

use crate::limits::ITEM_FRAME_BYTES;

/// Bytes of the length before a frame.
pub const HEADER_BYTES: usize = 4;

/// Why bytes are not a frame of ours. All of these are the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The length is above the bound for this place.
    #[error("the frame is larger than allowed")]
    TooLarge,
    /// Not the CBOR of a message.
    #[error("the frame is not a message")]
    Malformed,
    /// A list or field above its bound.
    #[error("the message holds more than allowed")]
    TooMuch,
}

/// The length of the frame after this header, refused before anything is allocated for it.
///
/// # Errors
/// [`WireError::TooLarge`] above `limit`, [`WireError::Malformed`] for an empty frame.
pub fn frame_length(header: [u8; HEADER_BYTES], limit: usize) -> Result<usize, WireError> {
    let length = usize::try_from(u32::from_le_bytes(header)).map_err(|_too_large| WireError::TooLarge)?;
    match length {
        0 => Err(WireError::Malformed),
        _ if length > limit => Err(WireError::TooLarge),
        _ => Ok(length),
    }
}

/// A message as header and body.
///
/// # Panics
/// When our own message is larger than a peer would take: a bug, since every list is bounded when it is built.
#[must_use]
pub fn encode_frame(message: &Message) -> Vec<u8> {
    let body = message.encode();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    debug_assert!(body.len() <= ITEM_FRAME_BYTES, "a frame of {} bytes", body.len());
    [&length.to_le_bytes()[..], &body].concat()
}

#[cfg(test)]
mod tests;
