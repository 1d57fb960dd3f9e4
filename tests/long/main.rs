//! The long forms of tests: `cargo test --release --features long --test long -- --nocapture`.

mod simulation;
mod spread;
