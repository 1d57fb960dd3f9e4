//! Why a command failed, and the exit code that says so.

use std::io;

use thiserror::Error;

use crate::api::{CallError, ErrorKind};
use crate::ui::UiError;

/// Why a command failed.
#[derive(Debug, Error)]
pub(super) enum CliError {
    /// The node says no.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The interface cannot run.
    #[error(transparent)]
    Ui(#[from] UiError),
    /// The arguments cannot be understood.
    #[error("{}", sentence(.0))]
    Usage(clap::Error),
    /// No place for data.
    #[error("there is no home directory for the data")]
    NoHome,
    /// Something of the system failed.
    #[error("{what} cannot be used")]
    Io {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl CliError {
    /// The error as a person or script is told: class, sentence, way out.
    pub(super) fn as_call_error(&self) -> CallError {
        match self {
            Self::Call(error) => error.clone(),
            Self::Ui(error) => {
                let hint = "run it in a terminal, or name a command: itsgoin --help";
                CallError::new(ErrorKind::Invalid, error.to_string(), hint)
            }
            Self::Usage(_) => {
                let hint = "`itsgoin --help` lists what can be asked for";
                CallError::new(ErrorKind::Invalid, self.to_string(), hint)
            }
            Self::NoHome => CallError::new(ErrorKind::Invalid, self.to_string(), "name one with --data-dir"),
            Self::Io { source, .. } => CallError::new(
                ErrorKind::Store,
                format!("{self}: {source}"),
                "check the system and try again",
            ),
        }
    }

    /// The exit code of the process.
    pub(super) fn exit_code(&self) -> u8 {
        if matches!(self, Self::Usage(_)) {
            return 2;
        }
        match self.as_call_error().kind {
            ErrorKind::NotFound => 3,
            ErrorKind::Locked | ErrorKind::Passphrase => 4,
            ErrorKind::Offline => 5,
            ErrorKind::Invalid | ErrorKind::Busy | ErrorKind::Store | ErrorKind::Stopped => 1,
        }
    }
}

/// The first paragraph of clap's explanation, on one line: the rest is for people who read the help.
fn sentence(error: &clap::Error) -> String {
    let told = error.to_string();
    let first = told.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    let line = words.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
