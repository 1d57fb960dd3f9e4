//! The interface: a terminal in front of a [`NodeHandle`].
//!
//! Shape: key presses, answers of the node and timers are `message::Message`s; `update` turns one model into the
//! next and says what it wants done; `view` draws. Only `session` and `terminal` do anything else than compute.
//! The loop never waits for the node: every call runs in a task of its own and its answer is one more message.
//! There is at most one draw per batch of messages, at most so many a second, and none while nothing happens.
//!
//! It deliberately knows nothing of the store, the network or the clock: what it needs is handed in by [`Setup`].

mod action;
mod desk;
mod keymap;
mod layout;
mod message;
mod model;
mod panes;
mod session;
mod splits;
mod terminal;
mod terse;
#[cfg(test)]
mod tests;
mod theme;
mod timeline;
mod transfers;
mod update;
mod view;
mod watch;
mod widgets;
mod windows;

use std::path::PathBuf;
use std::{fmt, io};

pub use self::theme::{Colours, Glyphs};
use crate::api::{NetSettings, NodeHandle, RelayChoice};
use crate::domain::time::Timestamp;

/// What a session needs to know from outside.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// The wall clock.
    pub now: fn() -> Timestamp,
    /// Whether colours are used (`NO_COLOR`).
    pub colours: Colours,
    /// Which characters are drawn (`--ascii`).
    pub glyphs: Glyphs,
    /// Draws per second at most: 30, or 10 over SSH; at least 1.
    pub frames_per_second: u32,
    /// How the node reaches others, for what the first screen says about it.
    pub reach: Reach,
    /// How attachments are looked at.
    pub viewer: Viewer,
    /// Where saved attachments go.
    pub downloads: fn() -> Option<PathBuf>,
}

/// How attachments are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Viewer {
    /// With the program the system has for their kind.
    #[default]
    System,
    /// Not from here: the person sits at another machine.
    None,
}

/// How the node reaches others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Not at all (`--offline`).
    Nobody,
    /// By the addresses it was told (`--relay none`).
    Direct,
    /// By those, and a relay the person chose (`--relay URL`).
    OwnRelay,
    /// By those, and iroh's public relays and address lookup.
    #[default]
    Public,
}

impl Reach {
    /// What these settings lead to; `None` is no network at all.
    #[must_use]
    pub fn of(network: Option<&NetSettings>) -> Self {
        match network.map(|settings| &settings.relay) {
            None => Self::Nobody,
            Some(RelayChoice::None) => Self::Direct,
            Some(RelayChoice::Url(_)) => Self::OwnRelay,
            Some(RelayChoice::Default) => Self::Public,
        }
    }
}

/// The terminal cannot be used.
#[derive(Debug)]
pub enum UiError {
    /// It could not be read, written or switched.
    Terminal(io::Error),
    /// The system does not let us listen for its signals.
    Signals(io::Error),
}

impl fmt::Display for UiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminal(_) => "the terminal cannot be used",
            Self::Signals(_) => "signals cannot be listened for",
        })
    }
}

impl std::error::Error for UiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Terminal(source) | Self::Signals(source) => Some(source),
        }
    }
}

/// Runs the interface until the person leaves, the terminal hangs up, or the system asks the program to end. The
/// terminal is as before when this returns; the node is left running.
///
/// # Errors
/// [`UiError`].
pub async fn run(setup: Setup, node: NodeHandle) -> Result<(), UiError> {
    session::Session::begin(setup, node)?.run().await
}
