//! `report.json`, and the schema that says what is in it.

use schemars::generate::SchemaSettings;

use super::model::RunReport;

/// The whole report as JSON, indented, with a final line break. Money is integer micro-dollars, times are microseconds.
pub fn json(report: &RunReport) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("the report's maps have string keys, so it is JSON");
    text.push('\n');
    text
}

/// The JSON Schema (draft 07) of [`json`], as committed at `docs/schemas/report.schema.json`.
pub fn json_schema() -> String {
    let schema = SchemaSettings::draft07().for_serialize().into_generator().into_root_schema_for::<RunReport>();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::assert_committed;
    use crate::report::sample;

    /// The committed schema is the one that the types give; `UPDATE_SCHEMAS=1` writes it anew.
    #[test]
    fn the_committed_schema_is_not_stale() {
        assert_committed("docs/schemas/report.schema.json", &json_schema(), "UPDATE_SCHEMAS");
    }

    /// Every sample is valid under the schema, and a report with a field of the wrong type is not.
    #[test]
    fn reports_follow_the_schema() {
        let schema = serde_json::from_str(&json_schema()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for report in [sample::mixed(), sample::passing(), sample::hostile()] {
            let value = serde_json::from_str(&json(&report)).unwrap();
            let errors: Vec<_> = validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert_eq!(errors, Vec::<String>::new());
        }
        let mut wrong: serde_json::Value = serde_json::from_str(&json(&sample::passing())).unwrap();
        wrong["scenarios"][1]["judgement"]["findings"][0]["code"] = "TC-X99".into();
        assert!(!validator.is_valid(&wrong), "an unknown finding code must be refused");
        wrong = serde_json::from_str(&json(&sample::passing())).unwrap();
        wrong["totals"]["worst"]["vendor"] = "$5".into();
        assert!(!validator.is_valid(&wrong), "money is an integer");
    }

    /// What is written can be read again, hostile text included, and is the same.
    #[test]
    fn a_report_survives_the_round_trip() {
        for report in [sample::mixed(), sample::hostile()] {
            assert_eq!(serde_json::from_str::<RunReport>(&json(&report)).unwrap(), report);
        }
    }

    /// The shape of the file, for those who read it with other tools.
    #[test]
    fn json_snapshot() {
        let mut report = sample::passing();
        report.scenarios[0].judgement.timeline.truncate(2);
        report.scenarios[1].judgement.timeline.truncate(1);
        insta::assert_snapshot!(json(&report));
    }
}
