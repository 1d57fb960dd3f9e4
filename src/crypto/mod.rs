//! Keys and what is done with them. Pure: randomness and time are handed in.

pub mod chain;
pub mod data_key;
pub mod dh;
pub mod kdf;
pub mod keys;
pub mod ratchet;
pub mod sealing;
pub mod session;
pub mod vault;

#[cfg(test)]
mod conversation_vectors;
/// A second implementation of conversations, which shares nothing with this one.
#[cfg(test)]
#[path = "../../tests/second/mod.rs"]
pub(crate) mod second;
#[cfg(test)]
mod vectors;
