//! Files that are generated from the code and committed: tests ask whether they still say what the code says.

/// Panics if the file at `path`, from the crate's root, is not `text`. Where the environment has `update`, it is written
/// anew first; so `UPDATE_SCHEMAS=1 UPDATE_DOCS=1 cargo test --lib` brings all of them up to date.
#[track_caller]
pub(crate) fn assert_committed(path: &str, text: &str, update: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os(update).is_some() {
        std::fs::write(&file, text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(committed == text, "{path} is stale: run `{update}=1 cargo test --lib`");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that says something else is found out.
    #[test]
    #[should_panic(expected = "LICENSE is stale")]
    fn a_stale_file_fails() {
        assert_committed("LICENSE", "something else", "TENANT_CHAOS_NEVER_SET");
    }
}
