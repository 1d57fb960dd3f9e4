//! The program `itsgoin`: the one place that puts faces and node together. Everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    itsgoin::cli::main(|request| Box::pin(itsgoin::node::open(request)))
}
