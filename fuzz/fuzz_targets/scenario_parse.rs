//! No text makes the scenario parser panic, every mistake can be shown, and what is shown holds no control character.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(mistakes) = tenant_chaos::scenario::parse(Path::new("fuzz/fuzz.toml"), text) {
        assert!(!mistakes.is_empty());
        let shown = mistakes.render(false);
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert!(mistakes.to_json().is_array());
    }
});
