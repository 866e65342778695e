//! What the rows that crossed amount to.

use std::collections::BTreeSet;

use super::super::exit::Exit;
use super::clock::{Ended, Played};
use crate::faults::proxy::{ForeignRow, Judgement};
use crate::oracle::Code;
use crate::scenario::Scenario;

/// The finding that a row is.
pub(super) fn code_of(row: &ForeignRow) -> Code {
    match row.asker {
        Some(_) => Code::ForeignRow,
        None => Code::ContextFailOpen,
    }
}

/// What is said at the end.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) exit: Exit,
    pub(super) text: String,
}

impl Outcome {
    /// Leaks fail, unless the scenario plants them. What was not seen is not passed: a fault without effect, no row that
    /// named its owner, phases that were cut short.
    pub(super) fn of(scenario: Option<&Scenario>, seen: Judgement, played: &Played) -> Self {
        let planted = |code: Code| scenario.is_some_and(|scenario| scenario.expect.must_find.contains(code.text()));
        let found: BTreeSet<Code> = [(Code::ForeignRow, seen.foreign), (Code::ContextFailOpen, seen.without_context)]
            .into_iter()
            .filter_map(|(code, count)| (count > 0).then_some(code))
            .collect();
        let mut wrong: Vec<String> = Vec::new();
        let mut open: Vec<String> = Vec::new();
        for code in &found {
            let word = if planted(*code) { " (planted, and found)" } else { "" };
            let count = if *code == Code::ForeignRow { seen.foreign } else { seen.without_context };
            let line = format!("{code} {}: {count} rows of {} tenants{word}", code.title(), seen.owners);
            if planted(*code) { open.push(line) } else { wrong.push(line) }
        }
        let planted_and_found = open.len();
        if let Some(scenario) = scenario {
            for wanted in &scenario.expect.must_find {
                let visible = [Code::ForeignRow, Code::ContextFailOpen].into_iter().find(|code| code.text() == wanted);
                match visible {
                    Some(code) if found.contains(&code) => {}
                    Some(code) if played.ended == Ended::Completed => {
                        wrong.push(format!("{code} was to be found, and was not"));
                    }
                    Some(code) => open.push(format!("{code} was to be found, and was not yet")),
                    None => open.push(format!("{wanted} cannot be seen on the wire")),
                }
            }
            for (index, touched) in &played.faults {
                if let (0, Some(fault)) = (touched, scenario.faults.get(*index)) {
                    open.push(format!("fault {} {} touched nothing that crossed", index + 1, fault.action.name()));
                }
            }
            if played.ended == Ended::Interrupted {
                open.push("interrupted before all phases had passed".to_owned());
            }
        }
        if seen.checked == 0 {
            open.push("no row named its tenant: look at --tenant-column".to_owned());
        }
        let decided = open.len() == planted_and_found;
        let (exit, word) = match (wrong.is_empty(), decided) {
            (false, _) => (Exit::Fail, "FAIL"),
            (true, true) => (Exit::Pass, "pass"),
            (true, false) => (Exit::Inconclusive, "inconclusive"),
        };
        let mut lines = vec![format!(
            "{word}: {} rows compared with who asked, {} without an owner, {} too long to look at",
            seen.checked, seen.nameless, seen.too_long
        )];
        lines.extend(wrong.into_iter().chain(open).map(|line| format!("  {line}")));
        if scenario.is_some() {
            lines
                .push("  judged by rows alone; expectations on rates and latencies need `tenant-chaos run`".to_owned());
        }
        Self { exit, text: lines.join("\n") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(expect: &str) -> Scenario {
        let text = format!(
            "name = \"x\"\nwhy = \"y\"\nload = {{ rate = \"1/s\" }}\nphases = {{ inject = \"1s\" }}\n\
             expect = {{ {expect} }}\n[[fault]]\nprotocol.drop-context = {{}}\n"
        );
        crate::scenario::parse("isolation/x.toml".as_ref(), &text).unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    fn exit(scenario: Option<&Scenario>, seen: Judgement, ended: Ended, touched: u64) -> Exit {
        Outcome::of(scenario, seen, &Played { ended, faults: vec![(0, touched)] }).exit
    }

    /// Leaks fail, however it ended; what was not seen is inconclusive; everything seen and sound is a pass.
    #[test]
    fn only_what_was_seen_is_passed() {
        let plain = scenario("always = [\"leaked_rows == 0\"]");
        let sound = Judgement { checked: 9, ..Judgement::default() };
        assert_eq!(exit(Some(&plain), sound, Ended::Completed, 3), Exit::Pass);
        assert_eq!(exit(None, sound, Ended::Interrupted, 3), Exit::Pass);
        assert_eq!(exit(Some(&plain), sound, Ended::Completed, 0), Exit::Inconclusive);
        assert_eq!(exit(Some(&plain), sound, Ended::Interrupted, 3), Exit::Inconclusive);
        assert_eq!(exit(Some(&plain), Judgement::default(), Ended::Completed, 3), Exit::Inconclusive);
        for leak in [Judgement { foreign: 1, ..sound }, Judgement { without_context: 1, ..sound }] {
            assert_eq!(exit(Some(&plain), leak, Ended::Interrupted, 0), Exit::Fail);
            assert_eq!(exit(None, leak, Ended::Interrupted, 0), Exit::Fail);
        }
    }

    /// A planted leak must be found, and only that one is forgiven.
    #[test]
    fn a_planted_leak_must_be_found() {
        let planted = scenario("must_find = [\"TC-L01\"]");
        let sound = Judgement { checked: 9, ..Judgement::default() };
        let leak = Judgement { foreign: 2, ..sound };
        assert_eq!(exit(Some(&planted), leak, Ended::Completed, 1), Exit::Pass);
        assert_eq!(exit(Some(&planted), sound, Ended::Completed, 1), Exit::Fail);
        assert_eq!(exit(Some(&planted), sound, Ended::Interrupted, 1), Exit::Inconclusive);
        let other = Judgement { without_context: 1, ..leak };
        assert_eq!(exit(Some(&planted), other, Ended::Completed, 1), Exit::Fail);
    }
}
