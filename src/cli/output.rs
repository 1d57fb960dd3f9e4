//! Printing: JSON lines for scripts, plain lines for people. Everything of others that is printed is `SafeText`.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use super::error::CliError;

/// Where results go.
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether people read it, and not scripts.
    pub(super) const fn is_for_people(&self) -> bool {
        !self.json
    }

    /// Prints one result.
    pub(super) fn one<T: Serialize>(
        &self,
        value: &T,
        plain: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        self.all(std::slice::from_ref(value), plain_once(plain))
    }

    /// Prints a list, one result per line in JSON.
    pub(super) fn all<T: Serialize>(
        &self,
        values: &[T],
        mut plain: impl FnMut(&T) -> String,
    ) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        for value in values {
            let line = if self.json {
                serde_json::to_string(value).map_err(io::Error::from)
            } else {
                Ok(plain(value))
            };
            line.and_then(|line| writeln!(out, "{line}")).map_err(stdout_error)?;
        }
        out.flush().map_err(stdout_error)
    }

    /// A remark for the person, not part of the result.
    pub(super) fn remark(&self, text: &str) {
        if !self.json {
            // Nobody listens: then nobody misses it.
            writeln!(io::stderr(), "{text}").unwrap_or_default();
        }
    }

    /// Prints an error and says how the process ends.
    pub(super) fn error(&self, error: &CliError) -> ExitCode {
        let told = error.as_call_error();
        let line = if self.json {
            json!({"error": {"kind": told.kind, "message": told.message, "hint": told.hint}}).to_string()
        } else {
            format!("itsgoin: {}\n  {}", told.message, told.hint)
        };
        // Nobody listens: the exit code still says it.
        writeln!(io::stderr(), "{line}").unwrap_or_default();
        ExitCode::from(error.exit_code())
    }
}

/// A list of one calls it once.
fn plain_once<T>(plain: impl FnOnce(&T) -> String) -> impl FnMut(&T) -> String {
    let mut plain = Some(plain);
    move |value| plain.take().map(|plain| plain(value)).unwrap_or_default()
}

fn stdout_error(source: io::Error) -> CliError {
    CliError::Io { what: "the standard output", source }
}
