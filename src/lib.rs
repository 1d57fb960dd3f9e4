//! `itsgoin`: a terminal client with its own node for a social network without servers.
//!
//! The code map, in reading order: [`domain`] is the vocabulary, [`api`] the contract between faces and node,
//! [`limits`] every bound, [`ui`] the interface.

pub mod api;
pub mod domain;
pub mod limits;
pub mod ui;
