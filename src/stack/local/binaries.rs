//! Finds the server's programs on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with `postgres` and `initdb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::stack) struct Binaries {
    /// The folder.
    pub(in crate::stack) folder: PathBuf,
    /// The major version, such as `17`.
    pub(in crate::stack) major: String,
}

/// Folders in which distributions, Homebrew and the installers put the server, one below per version.
const VERSIONED: [(&str, &str); 4] = [
    ("/usr/lib/postgresql", "bin"),
    ("/Library/PostgreSQL", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
];
/// Folders with one version.
const PLAIN: [&str; 4] = ["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin", "/opt/local/lib/postgresql17/bin"];

/// The folder of the wanted major version, or of the newest that there is. Looks at `given`, the PATH, `pg_config` and
/// the usual folders.
///
/// # Errors
/// A sentence that says where it looked and what it found.
pub(in crate::stack) fn find(given: Option<&Path>, major: Option<&str>) -> Result<Binaries, String> {
    if let Some(folder) = given {
        let binaries = inspect(folder).ok_or_else(|| format!("{} has no postgres and initdb", folder.display()))?;
        return match major.is_none_or(|major| major == binaries.major) {
            true => Ok(binaries),
            false => Err(format!(
                "{} has PostgreSQL {}, and {} is wanted",
                folder.display(),
                binaries.major,
                major.unwrap_or_default()
            )),
        };
    }
    let mut found: Vec<Binaries> = candidates().iter().filter_map(|folder| inspect(folder)).collect();
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major.parse::<u32>().unwrap_or(0)));
    let have = found.iter().map(|binaries| binaries.major.as_str()).collect::<Vec<_>>().join(", ");
    let chosen = found.iter().find(|binaries| major.is_none_or(|major| major == binaries.major)).cloned();
    chosen.ok_or_else(|| match (major, have.is_empty()) {
        (Some(major), false) => format!("PostgreSQL {major} is wanted, and this machine has {have}"),
        _ => "no `postgres` and `initdb` in PATH, by pg_config or in the usual folders".to_owned(),
    })
}

fn candidates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(String::from_utf8_lossy(&output.stdout).trim().into());
    }
    for (parent, below) in VERSIONED {
        let versions = std::fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(versions.map(|version| version.path().join(below)));
    }
    folders.extend(PLAIN.map(PathBuf::from));
    folders
}

pub(super) fn inspect(folder: &Path) -> Option<Binaries> {
    // A link into the real folder would leave initdb without its neighbours.
    let postgres = folder.join("postgres").canonicalize().ok()?;
    let folder = postgres.parent()?.to_path_buf();
    folder.join("initdb").is_file().then_some(())?;
    let output = Command::new(&postgres).arg("--version").output().ok()?;
    let major = major_of(&String::from_utf8_lossy(&output.stdout))?;
    Some(Binaries { folder, major })
}

/// The major version in what `postgres --version` says.
fn major_of(text: &str) -> Option<String> {
    let version = text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let major: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some(major)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version is read from releases, betas and distributions' own suffixes alike.
    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(), Some("15"));
        assert_eq!(major_of("postgres (PostgreSQL) 18beta1").as_deref(), Some("18"));
        assert_eq!(major_of("command not found"), None);
    }

    /// A folder that has no server is refused by name.
    #[test]
    fn a_folder_without_a_server_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = find(Some(folder.path()), None).unwrap_err();
        assert!(refused.contains("has no postgres and initdb"), "{refused}");
    }
}
