//! The embedded node: engine in the middle, store, wire and network around it.

pub mod committer;
pub mod engine;
pub mod wire;
