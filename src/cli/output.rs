//! Printing results and explaining failures.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use super::exit::Exit;
use crate::business_metrics::InputError;
use crate::hunt::HuntError;
use crate::report::{Colour, ReportError};
use crate::run::RunError;
use crate::scenario::Diagnostics;
use crate::stack::StackError;

/// Width of the report's table where there is no terminal to ask.
const DEFAULT_WIDTH: u16 = 120;

/// Why a subcommand has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The user's files.
    #[error("{0}")]
    Input(#[from] Diagnostics),
    /// The user's input, in a sentence.
    #[error("{0}")]
    Usage(String),
    /// A file or folder.
    #[error("cannot {what}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// A journal that cannot be read or judged.
    #[error("{}", path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A journal that cannot be judged.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The hunt.
    #[error(transparent)]
    Hunt(#[from] HuntError),
    /// A signal came before there was a result.
    #[error("interrupted: nothing is said about the schema, and what was started is gone")]
    Interrupted,
    /// The server.
    #[error(transparent)]
    Stack(#[from] StackError),
}

impl CliError {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// A number that a model cannot be asked with.
pub(super) fn bad_input(error: InputError) -> CliError {
    CliError::Usage(error.to_string())
}

/// Says on standard error what went wrong and maps it to an exit code.
pub(super) fn explain(error: CliError) -> Exit {
    let exit = match &error {
        CliError::Input(_) | CliError::Usage(_) | CliError::Journal { .. } | CliError::Report(_) => Exit::BadInput,
        CliError::Hunt(error) if error.is_input() => Exit::BadInput,
        CliError::Interrupted => Exit::Inconclusive,
        CliError::Io { .. } | CliError::Run(_) | CliError::Hunt(_) | CliError::Stack(_) => Exit::Trouble,
    };
    let text = match &error {
        CliError::Input(diagnostics) => diagnostics.render(colour(&std::io::stderr()) == Colour::On),
        other => format!("error: {}", with_causes(other)),
    };
    // Standard error may be closed; the exit code still says it.
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
    exit
}

/// An error and its causes, each said once.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

/// Writes a result. A reader who has seen enough (`| head`) is no trouble, and no reason to forget the verdict.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(CliError::io("write to standard output")),
    }
}

/// Writes a result as JSON.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| CliError::Usage(error.to_string()))?;
    print(&text)
}

/// Whether a stream wants colour.
pub(super) fn colour(stream: &impl IsTerminal) -> Colour {
    let wanted = stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted { Colour::On } else { Colour::Off }
}

/// Columns of standard output.
pub(super) fn width() -> u16 {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    terminal_size::terminal_size().map(|(width, _)| width.0).or(columns).unwrap_or(DEFAULT_WIDTH)
}
