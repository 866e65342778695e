//! The command line: one file per subcommand.

use std::process::ExitCode;

/// Parses the command line, runs the subcommand, maps its outcome to an exit code.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
