//! Scenario files and folders of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::check::parse_named;
use super::model::Scenario;
use crate::diagnostics::{Diagnostics, Problems, read_text};

/// Scenario files that are read at most.
const MAX_FILES: usize = 10_000;

/// Reads and checks scenario files and all `*.toml` below folders, in the order of their paths.
///
/// `filter` is a list of terms separated by commas; a scenario is kept if a term is one of its tags, its family or a
/// part of its name. Files that the filter leaves out are checked too.
///
/// # Errors
/// Every mistake of every file; a path that is not there, a folder without scenarios, a name that two files have, a
/// filter that selects nothing.
pub fn load(paths: &[PathBuf], filter: Option<&str>) -> Result<Vec<Scenario>, Diagnostics> {
    let mut wrong = Diagnostics::default();
    let mut files = Files::default();
    for path in paths {
        if let Err(diagnostics) = files.add(path) {
            wrong.merge(diagnostics);
        }
    }
    let mut scenarios = Vec::new();
    let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files.found.into_values().collect::<BTreeSet<_>>() {
        let parsed = read_text(&path).and_then(|text| parse_named(&path, &text));
        match parsed.and_then(|(scenario, name)| unique(&mut names, scenario, name)) {
            Ok(scenario) => scenarios.push(scenario),
            Err(diagnostics) => wrong.merge(diagnostics),
        }
    }
    if scenarios.is_empty() && wrong.is_empty() {
        wrong.merge(Diagnostics::placeless(None, "no scenario is named", Some("name a file or a folder".into())));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    match filter {
        Some(filter) => select(scenarios, filter),
        None => Ok(scenarios),
    }
}

/// Lets a scenario pass if its name is new.
fn unique(
    names: &mut BTreeMap<String, PathBuf>,
    scenario: Scenario,
    name: std::ops::Range<usize>,
) -> Result<Scenario, Diagnostics> {
    let mut problems = Problems::of(&scenario.source.path, &scenario.source.text);
    match names.get(&scenario.name) {
        Some(other) => {
            let message = format!("the name `{}` is taken by {}", scenario.name, other.display());
            problems.at(name, message).help("journals and reports are named after the scenario: choose another name");
        }
        None => {
            names.insert(scenario.name.clone(), scenario.source.path.clone());
        }
    }
    problems.finish(scenario)
}

fn select(scenarios: Vec<Scenario>, filter: &str) -> Result<Vec<Scenario>, Diagnostics> {
    let terms: Vec<&str> = filter.split(',').map(str::trim).filter(|term| !term.is_empty()).collect();
    let wanted = |scenario: &Scenario| {
        terms
            .iter()
            .any(|term| scenario.tags.contains(*term) || scenario.family == *term || scenario.name.contains(term))
    };
    let tags: BTreeSet<String> = scenarios.iter().flat_map(|scenario| scenario.tags.iter().cloned()).collect();
    let families: BTreeSet<String> = scenarios.iter().map(|scenario| scenario.family.clone()).collect();
    let selected: Vec<Scenario> = scenarios.into_iter().filter(wanted).collect();
    if selected.is_empty() {
        let list = |words: BTreeSet<String>| words.into_iter().collect::<Vec<_>>().join(", ");
        let help = format!("tags: {}; families: {}; or a part of a name", list(tags), list(families));
        return Err(Diagnostics::placeless(None, format!("the filter `{filter}` selects no scenario"), Some(help)));
    }
    Ok(selected)
}

/// The files to read: by their real path, so that none is read twice, and under the path that the user sees.
#[derive(Default)]
struct Files {
    found: BTreeMap<PathBuf, PathBuf>,
    entered: BTreeSet<PathBuf>,
    /// Scenarios come across, those included that had been found before.
    seen: usize,
}

impl Files {
    fn add(&mut self, path: &Path) -> Result<(), Diagnostics> {
        let before = self.seen;
        let real = path.canonicalize().map_err(|error| {
            let message = match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
                _ => format!("cannot be read: {error}"),
            };
            Diagnostics::placeless(Some(path), message, None)
        })?;
        if !real.is_dir() {
            self.found.entry(real).or_insert_with(|| path.to_path_buf());
            return Ok(());
        }
        if self.entered.contains(&real) {
            return Ok(());
        }
        self.enter(path, real)?;
        match self.seen == before {
            true => {
                let help = "scenarios are files that end in .toml".to_owned();
                Err(Diagnostics::placeless(Some(path), "the folder has no scenarios", Some(help)))
            }
            false => Ok(()),
        }
    }

    /// Collects the scenarios of a folder. A folder is entered once, so a loop of links ends.
    fn enter(&mut self, folder: &Path, real: PathBuf) -> Result<(), Diagnostics> {
        if !self.entered.insert(real) {
            return Ok(());
        }
        let unreadable =
            |error: std::io::Error| Diagnostics::placeless(Some(folder), format!("cannot be read: {error}"), None);
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            entries.push(entry.map_err(unreadable)?.path());
        }
        entries.sort();
        for path in entries {
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            // A link that leads nowhere is nobody's scenario.
            let Ok(real) = path.canonicalize() else { continue };
            if hidden {
                continue;
            }
            if real.is_dir() {
                self.enter(&path, real)?;
            } else if path.extension().is_some_and(|extension| extension == "toml") && real.is_file() {
                self.seen += 1;
                self.found.entry(real).or_insert(path);
            }
            if self.found.len() > MAX_FILES {
                let message = format!("there are more than {MAX_FILES} scenarios");
                return Err(Diagnostics::placeless(Some(folder), message, None));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn text(name: &str, tag: &str) -> String {
        format!(
            "name = \"{name}\"\nwhy = \"A test.\"\ntags = [\"{tag}\"]\nload = {{ rate = \"10/s\" }}\n\
             phases = {{ inject = \"1s\" }}\nexpect = {{ always = [\"leaked_rows == 0\"] }}\n"
        )
    }

    fn folder(files: &[(&str, &str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, name, tag) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text(name, tag)).unwrap();
        }
        folder
    }

    fn names(scenarios: &[Scenario]) -> Vec<&str> {
        scenarios.iter().map(|scenario| scenario.name.as_str()).collect()
    }

    /// Files come in the order of their paths, each once, with the folder as family; other files are left alone.
    #[test]
    fn folders_are_read_in_order() {
        let folder = folder(&[("pool/b.toml", "b", "x"), ("pool/a.toml", "a", "x"), ("flood/deep/c.toml", "c", "x")]);
        fs::write(folder.path().join("pool/readme.md"), "no scenario").unwrap();
        fs::write(folder.path().join(".hidden.toml"), "no scenario").unwrap();
        let root = folder.path().to_path_buf();
        let twice = [root.join("pool/a.toml"), root.clone(), root.join("pool"), root.join("flood")];
        let scenarios = load(&twice, None).unwrap();
        assert_eq!(names(&scenarios), ["c", "a", "b"]);
        let families: Vec<_> = scenarios.iter().map(|scenario| scenario.family.as_str()).collect();
        assert_eq!(families, ["deep", "pool", "pool"]);
    }

    /// A folder that links to itself is read once.
    #[cfg(unix)]
    #[test]
    fn loops_of_links_end() {
        let folder = folder(&[("pool/a.toml", "a", "x")]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("pool/again")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("pool/dangling.toml")).unwrap();
        assert_eq!(names(&load(&[folder.path().to_path_buf()], None).unwrap()), ["a"]);
    }

    /// Terms match tags and families as a whole and names in part; nothing selected is an error that lists the tags.
    #[test]
    fn filters_select() {
        let folder = folder(&[
            ("pool/a.toml", "held-pool", "smoke"),
            ("flood/b.toml", "storm", "nightly"),
            ("flood/c.toml", "lock", "x"),
        ]);
        let load = |filter| load(&[folder.path().to_path_buf()], Some(filter));
        assert_eq!(names(&load("smoke").unwrap()), ["held-pool"]);
        assert_eq!(names(&load("flood").unwrap()), ["storm", "lock"]);
        assert_eq!(names(&load(" nightly , eld-po").unwrap()), ["storm", "held-pool"]);
        for nothing in ["smok", "", ","] {
            let text = load(nothing).unwrap_err().to_string();
            assert!(text.contains("selects no scenario") && text.contains("tags: nightly, smoke, x"), "{text}");
        }
    }

    /// What cannot be loaded is said for all paths at once.
    #[test]
    fn every_path_is_explained() {
        let folder = folder(&[("a/a.toml", "same", "x"), ("b/b.toml", "same", "x"), ("c/c.toml", "c", "X")]);
        let (empty, missing) = (tempfile::tempdir().unwrap(), folder.path().join("missing"));
        let wrong = load(&[folder.path().to_path_buf(), empty.path().to_path_buf(), missing], None).unwrap_err();
        let text = wrong.to_string();
        assert_eq!(wrong.len(), 4, "{text}");
        for said in ["`same` is taken by", "write \"x\"", "the folder has no scenarios", "no such file or folder"] {
            assert!(text.contains(said), "{said}: {text}");
        }
        assert!(load(&[], None).unwrap_err().to_string().contains("no scenario is named"));
    }
}
