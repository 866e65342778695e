//! The journal's file: one JSON object a line, written while the run goes on, read when it is judged.
//!
//! It never repairs what it reads: a line that is no event is an error that names file and line. Three things are not
//! errors. A last line without its line break that cannot be read was cut off by a kill, and is left out; such a run has
//! no footer, and its report says so. A field that this version does not know is ignored. An `event` that this version
//! does not know is skipped: a writer that adds one must stay readable, and one that changes what known events mean
//! must raise [`JOURNAL_SCHEMA_VERSION`], which is refused.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::event::{Event, JOURNAL_SCHEMA_VERSION};

/// A line may be this long. The longest, a phase's counts of 100,000 tenants, is below 5 MB.
pub const MAX_LINE_BYTES: u64 = 16 << 20;
/// A journal may be this large; a run of an hour writes about 200 MB.
pub const MAX_JOURNAL_BYTES: u64 = 2 << 30;

/// Why a journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file or its folder.
    #[error("cannot {doing} the journal {}", path.display())]
    Io {
        /// Such as `create`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An event that JSON cannot hold.
    #[error("cannot write an event to the journal {}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A line that is no event.
    #[error("{}:{line}: this line is no journal event; restore the file or run the scenario again", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// A line that is longer than any journal's.
    #[error("{}:{line}: this line is longer than {MAX_LINE_BYTES} bytes, so this file is no journal", path.display())]
    LongLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// A file that is larger than any journal.
    #[error(
        "{} holds {bytes} bytes and a journal is read up to {MAX_JOURNAL_BYTES}; run the scenario with shorter phases",
        path.display()
    )]
    LargeFile {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Written by a newer program.
    #[error(
        "{} has journal version {found} and this program reads up to {JOURNAL_SCHEMA_VERSION}; use tenant-chaos {tool_version} or newer",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The program that wrote it.
        tool_version: String,
    },
}

/// Writes a journal. What was appended since the last [`Self::flush`] is lost if the process is killed.
#[derive(Debug)]
pub struct JournalWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl JournalWriter {
    /// Starts a journal, in place of any that the file held before. Creates its folder.
    ///
    /// # Errors
    /// If the folder or the file cannot be created.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref().to_owned();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let file = parent.map_or(Ok(()), std::fs::create_dir_all).and_then(|()| File::create(&path));
        match file {
            Ok(file) => Ok(Self { path, file: BufWriter::new(file) }),
            Err(source) => Err(JournalError::Io { doing: "create", path, source }),
        }
    }

    /// Adds one line.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        let mut line =
            serde_json::to_vec(event).map_err(|source| JournalError::Encode { path: self.path.clone(), source })?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|source| self.failed(source))
    }

    /// Hands everything that was appended to the operating system.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn flush(&mut self) -> Result<(), JournalError> {
        self.file.flush().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> JournalError {
        JournalError::Io { doing: "write", path: self.path.clone(), source }
    }
}

/// Reads a journal. See the module's documentation for what is left out without an error.
///
/// # Errors
/// If the file cannot be read, is too large, was written by a newer version, or holds a line that is no event.
pub fn read_journal(path: &Path) -> Result<Vec<Event>, JournalError> {
    let failed = |source| JournalError::Io { doing: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes >= MAX_JOURNAL_BYTES {
        return Err(JournalError::LargeFile { path: path.to_owned(), bytes });
    }
    // A pipe has no length, and a file may grow: what is read is bounded, too.
    let mut reader = BufReader::new(file.take(MAX_JOURNAL_BYTES));
    let (mut events, mut line) = (Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        if (&mut reader).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        if line.len() as u64 > MAX_LINE_BYTES {
            return Err(JournalError::LongLine { path: path.to_owned(), line: number });
        }
        let cut_off = !line.ends_with(b"\n");
        match parse(&line) {
            Ok(Parsed::Event(event)) => events.push(*event),
            Ok(Parsed::Unknown) => {}
            Ok(Parsed::Newer { found, tool_version }) => {
                return Err(JournalError::Newer { path: path.to_owned(), found, tool_version });
            }
            Err(_) if cut_off => break,
            Err(source) => return Err(JournalError::Line { path: path.to_owned(), line: number, source }),
        }
    }
    if reader.get_ref().limit() == 0 {
        return Err(JournalError::LargeFile { path: path.to_owned(), bytes: MAX_JOURNAL_BYTES });
    }
    Ok(events)
}

enum Parsed {
    Event(Box<Event>),
    /// Of a kind that this version does not know.
    Unknown,
    /// The header of a newer journal.
    Newer {
        found: u64,
        tool_version: String,
    },
}

/// What says whether a line can be read at all.
#[derive(Deserialize)]
struct Kind {
    event: String,
    #[serde(default)]
    schema_version: u64,
    #[serde(default)]
    tool_version: String,
}

/// The kinds of event that this version knows.
const KNOWN: [&str; 13] = [
    "header",
    "phase_started",
    "phase_ended",
    "fault_injected",
    "fault_healed",
    "slice",
    "leak",
    "error_example",
    "alert",
    "catalogue_alert",
    "tenant_counts",
    "ledger",
    "footer",
];

fn parse(line: &[u8]) -> Result<Parsed, serde_json::Error> {
    match serde_json::from_slice::<Event>(line) {
        // A newer header may well parse; its version still rules it out.
        Ok(Event::Header(header)) if header.schema_version > JOURNAL_SCHEMA_VERSION => {
            Ok(Parsed::Newer { found: header.schema_version.into(), tool_version: header.tool_version })
        }
        Ok(event) => Ok(Parsed::Event(Box::new(event))),
        Err(error) => match serde_json::from_slice::<Kind>(line) {
            Ok(kind) if kind.event == "header" && kind.schema_version > JOURNAL_SCHEMA_VERSION.into() => {
                Ok(Parsed::Newer { found: kind.schema_version, tool_version: kind.tool_version })
            }
            Ok(kind) if !KNOWN.contains(&kind.event.as_str()) => Ok(Parsed::Unknown),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::observe::{ClassSlice, EndReason, Footer, Header, Ledger, Slice};
    use crate::scenario::{ErrorKind, Phase};

    fn read(text: &str) -> Result<Vec<Event>, JournalError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        std::fs::write(&path, text).unwrap();
        read_journal(&path)
    }

    fn line(event: &Event) -> String {
        serde_json::to_string(event).unwrap()
    }

    fn mark(at_us: u64) -> Event {
        Event::PhaseStarted { at_us, phase: Phase::Inject }
    }

    fn header(schema_version: u32) -> Event {
        Event::Header(Box::new(Header {
            schema_version,
            tool_version: "9.9.9".into(),
            scenario: "s".into(),
            family: "f".into(),
            path: "s.toml".into(),
            toml: "name = \"s\"\n".into(),
            seed: 1,
            schedule_hash: "0".into(),
            provider: "local".into(),
            provider_why: "asked for".into(),
            server_version: "17".into(),
            pooler: None,
            started_at: "2026-01-05T03:00:00Z".into(),
            classes: vec![],
            tenants: 2,
            cpus: 2,
        }))
    }

    /// A journal that was cut off within its last line is read up to there; a bad line anywhere else, or a bad last line
    /// that is whole, is named by file and line.
    #[test]
    fn only_a_cut_off_last_line_is_forgiven() {
        let whole = format!("{}\n{}\n", line(&mark(1)), line(&mark(2)));
        for cut in line(&mark(1)).len() + 1..whole.len() - 1 {
            assert_eq!(read(&whole[..cut]).unwrap(), [mark(1)], "cut at {cut}");
        }
        // A whole event without its line break was written.
        assert_eq!(read(&whole[..whole.len() - 1]).unwrap().len(), 2);
        let error = read(&format!("{}\n{{\"event\":\"sli\n{}\n", line(&mark(1)), line(&mark(2)))).unwrap_err();
        assert!(error.to_string().contains("run.jsonl:2: "), "{error}");
        assert!(read("{\"event\":\"phase_started\"}\n").is_err());
        assert_eq!(read("").unwrap(), []);
    }

    /// A newer journal is refused with the version that can read it, whether or not its header still parses.
    #[test]
    fn a_newer_journal_is_refused() {
        assert_eq!(read(&line(&header(JOURNAL_SCHEMA_VERSION))).unwrap().len(), 1);
        let parses = line(&header(JOURNAL_SCHEMA_VERSION + 1));
        let unknown = r#"{"event":"header","schema_version":7,"tool_version":"9.9.9"}"#;
        for newer in [parses.as_str(), unknown] {
            let error = read(&format!("{newer}\n")).unwrap_err();
            assert!(error.to_string().contains("use tenant-chaos 9.9.9 or newer"), "{error}");
        }
    }

    /// What a newer minor version adds, fields and kinds of event, is passed over; a known kind must still parse.
    #[test]
    fn additions_are_passed_over() {
        let text = r#"{"event":"phase_started","at_us":1,"phase":"inject","mood":"good"}
{"event":"weather","at_us":2,"sky":["blue"]}
"#;
        assert_eq!(read(text).unwrap(), [mark(1)]);
        assert!(read("{\"event\":\"footer\",\"at_us\":1}\n").is_err());
    }

    /// The list of known kinds is that of the events: a kind that it lacked would be passed over when it cannot be read.
    #[test]
    fn the_known_kinds_are_those_of_the_events() {
        let error = serde_json::from_str::<Event>(r#"{"event":"?"}"#).unwrap_err().to_string();
        let known: Vec<_> = KNOWN.iter().map(|kind| format!("`{kind}`")).collect();
        assert!(error.contains(&format!("expected one of {}", known.join(", "))), "{error}");
    }

    /// A line without end is refused before it fills the memory.
    #[test]
    fn an_endless_line_is_refused() {
        let error = read(&" ".repeat(MAX_LINE_BYTES as usize + 1)).unwrap_err();
        assert!(matches!(error, JournalError::LongLine { line: 1, .. }), "{error}");
    }

    /// A file that is not there is named.
    #[test]
    fn a_missing_file_is_named() {
        let error = read_journal(Path::new("/nowhere/run.jsonl")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the journal /nowhere/run.jsonl");
    }

    fn slice() -> impl Strategy<Value = Event> {
        let histogram = || prop::collection::vec((1u64..1 << 40, 1u64..1 << 40), 0..5);
        let errors = prop::collection::btree_map(prop::sample::select(ErrorKind::ALL.to_vec()), any::<u64>(), 0..3);
        let class =
            (any::<[u64; 7]>(), errors, histogram(), histogram()).prop_map(|(n, errors, latency_us, queue_us)| {
                let [intended, ok, rows_checked, writes_checked, leaked_rows, transactions, without_context] = n;
                ClassSlice {
                    intended,
                    ok,
                    errors,
                    rows_checked,
                    writes_checked,
                    leaked_rows,
                    transactions,
                    without_context,
                    latency_us,
                    queue_us,
                    ..ClassSlice::default()
                }
            });
        (any::<u64>(), prop::collection::btree_map(0usize..6, class, 0..3)).prop_map(|(at_us, classes)| {
            Event::Slice(Box::new(Slice { at_us, phase: Some(Phase::Inject), classes, ..Slice::default() }))
        })
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(header(JOURNAL_SCHEMA_VERSION)),
            any::<u64>().prop_map(mark),
            slice(),
            (any::<u64>(), ".*").prop_map(|(at_us, text)| Event::FaultHealed {
                at_us,
                fault: 3,
                touched: at_us,
                unit: text.clone(),
                verified: false,
                problem: Some(text),
            }),
            any::<(u64, [u64; 4])>().prop_map(|(not_kept, [acknowledged, lost, duplicate, foreign])| {
                Event::Ledger(Ledger { acknowledged, lost, duplicate, foreign, examples: vec![], not_kept })
            }),
            (any::<u64>(), ".*").prop_map(|(at_us, why)| Event::Footer(Footer {
                at_us,
                end: EndReason::StopCondition(why),
                undo: vec![],
                leaks_seen: 0,
                leaked_tenants: 0,
                receiving_tenants: 0,
            })),
        ]
    }

    proptest! {
        /// What was written is what is read, hostile texts and large numbers included.
        #[test]
        fn events_survive_the_file(events in prop::collection::vec(event(), 0..12)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("deeper/run.jsonl");
            let mut writer = JournalWriter::create(&path).unwrap();
            for event in &events {
                writer.append(event).unwrap();
            }
            writer.flush().unwrap();
            prop_assert_eq!(read_journal(&path).unwrap(), events);
        }

        /// No bytes make the reader panic.
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("run.jsonl");
            std::fs::write(&path, bytes).unwrap();
            let _ = read_journal(&path);
        }
    }
}
