//! The program `itsgoin`: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    itsgoin::cli::main()
}
