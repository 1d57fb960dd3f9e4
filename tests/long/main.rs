//! The long forms of tests: `cargo test --release --features long --test long -- --nocapture`.

mod observer;
mod pool;
mod simulation;
mod spread;
