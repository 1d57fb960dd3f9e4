//! Keys and what is done with them. Pure: randomness and time are handed in.

pub mod data_key;
pub mod dh;
pub mod kdf;
pub mod keys;
pub mod ratchet;
pub mod sealing;
pub mod session;
pub mod vault;

#[cfg(test)]
mod vectors;
