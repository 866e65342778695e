//! The JSON Schema of scenario files, for editors.

use schemars::generate::SchemaSettings;

use super::wire;

/// The JSON Schema (draft 07) of a scenario file, as committed at `docs/schemas/scenario.schema.json`. It knows keys,
/// types, units and defaults; what values mean together is checked by [`super::parse`] only.
pub fn json_schema() -> String {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<wire::Scenario>();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::generated::assert_committed;
    use crate::scenario::load;

    const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schemas/scenario.schema.json");

    fn catalogue() -> Vec<(PathBuf, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let scenarios = load(&[folder], None).unwrap_or_else(|wrong| panic!("{wrong}"));
        scenarios.into_iter().map(|scenario| (scenario.source.path, scenario.source.text)).collect()
    }

    fn json(text: &str) -> serde_json::Value {
        serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
    }

    /// The committed schema is the one that the types give; `UPDATE_SCHEMAS=1` writes it anew.
    #[test]
    fn the_committed_schema_is_not_stale() {
        assert_committed("docs/schemas/scenario.schema.json", &json_schema(), "UPDATE_SCHEMAS");
    }

    /// Every file of the catalogue is valid under the schema, and names it by a path that leads there.
    #[test]
    fn the_catalogue_follows_the_schema() {
        let schema = serde_json::from_str(&json_schema()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for (path, text) in catalogue() {
            let value = json(&text);
            let errors: Vec<_> = validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert_eq!(errors, Vec::<String>::new(), "{}", path.display());
            let named = text.lines().next().and_then(|line| line.strip_prefix("#:schema ")).unwrap_or_default();
            let leads_to = path.parent().unwrap().join(named).canonicalize().ok();
            assert_eq!(leads_to, Path::new(COMMITTED).canonicalize().ok(), "{}", path.display());
        }
    }

    /// What the schema can tell an editor, it does: unknown keys, missing keys, wrong units, words and numbers.
    #[test]
    fn the_schema_refuses_mistakes() {
        let schema = serde_json::from_str(&json_schema()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let (_, sound) = catalogue().into_iter().find(|(path, _)| path.ends_with("flood/lock-hog.toml")).unwrap();
        assert!(validator.is_valid(&json(&sound)));
        for (from, to) in [
            ("seed = 52", "sede = 52"),
            ("name = \"lock-hog\"", ""),
            ("\"lock-hog\"", "\"Lock Hog\""),
            ("\"100/s\"", "\"100\""),
            ("\"400ms\"", "\"400\""),
            ("\"alone\"", "\"alon\""),
            ("size = 24", "size = 0"),
            ("\"TC-N01\"", "\"TC-X01\""),
            ("starter-1", "starter-0"),
        ] {
            let mistaken = sound.replacen(from, to, 1);
            assert_ne!(mistaken, sound);
            assert!(!validator.is_valid(&json(&mistaken)), "{from} -> {to}");
        }
    }
}
