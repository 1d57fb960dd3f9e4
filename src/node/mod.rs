//! The embedded node: engine in the middle, store, wire and network around it.

pub mod committer;
pub mod control;
pub mod data_dir;
mod driver;
mod editions;
pub mod engine;
pub mod files;
mod host;
pub mod net;
pub mod queries;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod start_mark;
pub mod store;
pub mod wire;

pub use self::driver::{Node, NodeSettings, StartError, start};
pub use self::host::open;
