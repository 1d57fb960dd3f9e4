//! What the environment says: where data lives, how the terminal wants to be treated. The only reader of variables.

use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs, UserDirs};

/// The data directory when none is named: XDG's.
#[must_use]
pub fn default_data_dir() -> Option<PathBuf> {
    ProjectDirs::from("", "", "itsgoin").map(|dirs| dirs.data_dir().to_owned())
}

/// A directory for sockets that the system empties, if the session has one.
#[must_use]
pub fn runtime_dir() -> Option<PathBuf> {
    BaseDirs::new().and_then(|dirs| dirs.runtime_dir().map(Path::to_owned))
}

/// Where the person's downloads go: the folder the desktop names, else the home directory.
#[must_use]
pub fn downloads_dir() -> Option<PathBuf> {
    UserDirs::new().map(|dirs| dirs.download_dir().unwrap_or_else(|| dirs.home_dir()).to_owned())
}

/// The directory for temporary files.
#[must_use]
pub fn temporary_dir() -> PathBuf {
    std::env::temp_dir()
}

/// Whether the person asked programs not to use colour (no-color.org).
#[must_use]
pub fn wants_no_colour() -> bool {
    is_set("NO_COLOR")
}

/// Whether the terminal is at the other end of an SSH connection.
#[must_use]
pub fn is_over_ssh() -> bool {
    is_set("SSH_CONNECTION")
}

/// Whether an option was given, for when the arguments as a whole cannot be understood.
#[must_use]
pub fn arguments_contain(option: &str) -> bool {
    std::env::args_os().any(|argument| argument == option)
}

#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
