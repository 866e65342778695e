//! Exit codes: different kinds of ending never share one.

use std::process::ExitCode;

use crate::oracle::Verdict;
use crate::report::RunReport;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything held.
    Pass,
    /// A scenario failed.
    Fail,
    /// The user's input cannot be used.
    BadInput,
    /// Something could not be decided.
    Inconclusive,
    /// The harness or its stack failed, or did not clean up after itself.
    Trouble,
}

impl Exit {
    /// The code that the shell sees.
    pub(super) fn code(self) -> u8 {
        match self {
            Exit::Pass => 0,
            Exit::Fail => 1,
            Exit::BadInput => 2,
            Exit::Inconclusive => 3,
            Exit::Trouble => 4,
        }
    }

    /// What a finished run amounts to. A failed scenario is worth more than trouble elsewhere: it is a result.
    pub(super) fn of(report: &RunReport) -> Self {
        let unclean = report.scenarios.iter().any(|scenario| !scenario.clean);
        match report.verdict {
            Verdict::Fail => Exit::Fail,
            _ if unclean || !report.troubles.is_empty() => Exit::Trouble,
            Verdict::Inconclusive => Exit::Inconclusive,
            Verdict::Pass if report.scenarios.is_empty() => Exit::Inconclusive,
            Verdict::Pass => Exit::Pass,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
