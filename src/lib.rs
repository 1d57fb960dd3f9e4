//! `itsgoin`: a terminal client with its own node for a social network without servers.
//!
//! The code map, in reading order: [`domain`] is the vocabulary, [`api`] the contract between faces and node,
//! [`limits`] every bound, [`crypto`] the keys, [`db`] the store, [`node`] what decides and talks, [`ui`] and
//! [`cli`] the faces, [`clock`], [`config`], [`logging`] and [`secrets`] the edges to the system.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod db;
pub mod domain;
pub mod limits;
pub mod logging;
pub mod node;
pub mod secrets;
pub mod ui;
