//! Why a command failed, and the exit code that says so.

use std::io;

use thiserror::Error;

use crate::api::{CallError, ErrorKind};
use crate::db::OpenError;
use crate::node::StartError;
use crate::ui::UiError;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum CliError {
    /// The node says no.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The node does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The interface cannot run.
    #[error(transparent)]
    Ui(#[from] UiError),
    /// The data directory is in use, and its holder does not answer.
    #[error("another itsgoin uses this data directory")]
    InUse,
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
            Self::Start(error) => start_error(error),
            Self::Ui(error) => {
                CallError::new(ErrorKind::Invalid, error.to_string(), "run it in a terminal, or name a command: --help")
            }
            Self::InUse => CallError::new(
                ErrorKind::Locked,
                self.to_string(),
                "use that one, or run commands like `itsgoin feed` beside it, or choose another --data-dir",
            ),
            Self::NoHome => CallError::new(ErrorKind::Invalid, self.to_string(), "name one with --data-dir"),
            Self::Io { source, .. } => {
                CallError::new(ErrorKind::Store, format!("{self}: {source}"), "check the system and try again")
            }
        }
    }

    /// The exit code of the process.
    pub(super) fn exit_code(&self) -> u8 {
        match self.as_call_error().kind {
            ErrorKind::NotFound => 3,
            ErrorKind::Locked => 4,
            ErrorKind::Offline => 5,
            ErrorKind::Invalid | ErrorKind::Busy | ErrorKind::Store | ErrorKind::Stopped => 1,
        }
    }
}

fn start_error(error: &StartError) -> CallError {
    let store = |message: String, hint: &str| CallError::new(ErrorKind::Store, message, hint);
    match error {
        StartError::DataDir(error) => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            store(
                format!("{error}{cause}"),
                "the data directory and its key files must be yours and writable; mend its rights (chmod 700, keys \
                 chmod 600) or choose another --data-dir",
            )
        }
        StartError::Open(OpenError::Newer { .. }) => store(
            error.to_string(),
            "a newer itsgoin wrote it: run that one; nothing was changed",
        ),
        StartError::Open(OpenError::Foreign) => store(
            error.to_string(),
            "choose another --data-dir, or move the file itsgoin.db out of the way; nothing was changed",
        ),
        StartError::Open(OpenError::Damaged(_)) => damaged(),
        StartError::Open(OpenError::Failed(cause)) | StartError::Store(cause) if cause.is_corruption() => damaged(),
        StartError::Open(OpenError::Failed(cause)) | StartError::Store(cause) => {
            let detail = std::error::Error::source(cause).map(|cause| format!(": {cause}")).unwrap_or_default();
            store(format!("{error}{detail}"), "check the disk and the rights of the data directory")
        }
        StartError::Thread(cause) => store(format!("{error}: {cause}"), "close some programs and try again"),
    }
}

fn damaged() -> CallError {
    CallError::new(
        ErrorKind::Store,
        "the database is damaged",
        "move itsgoin.db aside (keep `keys` and `network.key`) and start again: your personas come back from the keys, \
         your posts from the peers that follow you; nothing was changed",
    )
}
