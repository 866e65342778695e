//! Reads a file that a user wrote, within a limit.

use std::io::Read;
use std::path::Path;

use super::list::Diagnostics;
use super::problems::Problems;

/// Largest file that is read. The largest of the catalogue has 2 kB.
pub const MAX_FILE_BYTES: u64 = 256 * 1024;

/// The text of a file.
///
/// # Errors
/// If it cannot be read, is larger than [`MAX_FILE_BYTES`] or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Diagnostics> {
    let unreadable =
        |error: std::io::Error| Diagnostics::placeless(Some(path), format!("cannot be read: {error}"), None);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let message = format!("is larger than {} KiB, so it is not read", MAX_FILE_BYTES / 1024);
        return Err(Diagnostics::placeless(Some(path), message, None));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        // The lossy text is the same up to the first bad byte, which became one replacement character.
        let mut problems = Problems::of(path, &text);
        problems.at(valid..valid + '\u{fffd}'.len_utf8(), "is not UTF-8 from here on").help("save the file as UTF-8");
        problems.into_diagnostics()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte that is no UTF-8 is shown in its line; a file over the limit and a missing one are named.
    #[test]
    fn bad_files_are_explained() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_text(&path)
        };
        assert_eq!(read(b"a = 1").unwrap(), "a = 1");
        let place = read(b"a = 1\nb = '\xff'").unwrap_err().iter().next().unwrap().place.clone().unwrap();
        assert_eq!((place.line, place.column), (2, 6));
        assert!(read(&vec![b' '; MAX_FILE_BYTES as usize]).is_ok());
        let large = read(&vec![b' '; MAX_FILE_BYTES as usize + 1]).unwrap_err().to_string();
        assert!(large.contains("larger than 256 KiB"), "{large}");
        let missing = read_text(&folder.path().join("b.toml")).unwrap_err().to_string();
        assert!(missing.contains("b.toml") && missing.contains("cannot be read"), "{missing}");
    }
}
