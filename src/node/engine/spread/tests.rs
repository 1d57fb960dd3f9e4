//! Spread, seen from one engine.
