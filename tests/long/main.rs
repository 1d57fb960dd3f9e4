//! The long forms of tests: `cargo test --release --features long --test long -- --nocapture`.

#[cfg(test)]
mod observer;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod spread;
