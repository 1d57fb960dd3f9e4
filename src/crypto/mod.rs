//! Keys and what is done with them. Pure: randomness and time are handed in.

pub mod keys;

#[cfg(test)]
mod vectors;
