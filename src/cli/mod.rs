//! The command line: the same verbs as the interface, for people and scripts. Talks through `api` only.
//!
//! When a node runs on the data directory, a command talks to it; otherwise it opens the directory itself, does its
//! work, and leaves. With `--json` a single result is one object on one line, a list one object per line, and an
//! error goes to stderr as `{"error": {"kind", "message", "hint"}}`.

mod args;
mod attachments;
#[cfg(test)]
mod conversation_tests;
mod conversations;
mod error;
mod groups;
mod lines;
mod messages;
mod output;
mod responses;
mod vault;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

pub use self::args::Args;
use self::error::CliError;
use self::output::Output;
use crate::api::OpenNode;
use crate::{config, secrets};

/// Runs the program with the arguments of the process; `open_node` finds or starts the node behind it.
#[must_use]
pub fn main(open_node: OpenNode) -> ExitCode {
    // Where the system refuses that, the program works as well.
    secrets::forbid_core_dumps().unwrap_or_default();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() && config::arguments_contain("--json") => {
            return Output::new(true).error(&CliError::Usage(error));
        }
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // Nobody listens to our output: nothing is left to say it to.
            error.print().unwrap_or_default();
            return ExitCode::from(code);
        }
    };
    let output = Output::new(args.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.error(&CliError::Io { what: "the runtime", source: error }),
    };
    let result = runtime.block_on(Box::pin(verbs::run(args, &output, open_node)));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output.error(&error),
    }
}
