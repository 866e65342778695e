//! `hunt.toml`: what cannot be discovered.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// What cannot be discovered. Every field may be left out.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Role that the application connects as.
    pub app_role: Option<String>,
    /// Names of columns that say whose a row is, beside those that are discovered.
    #[serde(default)]
    pub tenant_columns: Vec<String>,
    /// How a request says who it is.
    pub context: Option<ContextConfig>,
    /// What the two tenants differ in.
    #[serde(default)]
    pub tenants: TenantsConfig,
    /// The business that confirmed leaks are priced at.
    #[serde(default)]
    pub business: BusinessConfig,
}

/// The business that confirmed leaks are priced at.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BusinessConfig {
    /// Tenants.
    pub tenants: u64,
    /// Records per tenant.
    pub records_per_tenant: u64,
}

impl Default for BusinessConfig {
    /// As a scenario's `[business]`.
    fn default() -> Self {
        Self { tenants: 10_000, records_per_tenant: 5_000 }
    }
}

/// How a request says who it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextConfig {
    /// Statements at the begin of each transaction of a request. `{name}` stands for the tenant's variable.
    pub enter: Vec<String>,
}

/// The two tenants.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantsConfig {
    /// The one that asks.
    #[serde(default)]
    pub a: TenantConfig,
    /// The one whose rows must not come back.
    #[serde(default)]
    pub b: TenantConfig,
}

/// One tenant.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantConfig {
    /// Values for `{name}` in the statements of the context.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// SQL that a superuser runs once after seeding.
    #[serde(default)]
    pub setup: Vec<String>,
}

impl Config {
    /// Reads it.
    ///
    /// # Errors
    /// The parser's message, with line and column.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.end_comments();
        let BusinessConfig { tenants, records_per_tenant } = config.business;
        if tenants == 0 || records_per_tenant == 0 {
            return Err("business.tenants and business.records_per_tenant must be 1 or more".to_owned());
        }
        if let Some(context) = &config.context {
            for (name, tenant) in [("a", &config.tenants.a), ("b", &config.tenants.b)] {
                let left = context.enter.iter().map(|statement| fill(statement, &tenant.variables));
                if let Some(statement) = left.into_iter().find(|statement| placeholder(statement).is_some()) {
                    let missing = placeholder(&statement).unwrap_or_default();
                    return Err(format!(
                        "context.enter uses {{{missing}}}, and tenants.{name}.variables does not set it"
                    ));
                }
            }
        }
        Ok(config)
    }
}

impl Config {
    /// A statement that ends in a comment would take the semicolon behind it along.
    fn end_comments(&mut self) {
        let enter = self.context.iter_mut().flat_map(|context| &mut context.enter);
        let setup = [&mut self.tenants.a, &mut self.tenants.b].into_iter().flat_map(|tenant| &mut tenant.setup);
        for statement in enter.chain(setup).filter(|statement| statement.contains("--")) {
            statement.push('\n');
        }
    }
}

/// Puts a tenant's variables into a statement.
pub(in crate::hunt) fn fill(statement: &str, variables: &BTreeMap<String, String>) -> String {
    variables.iter().fold(statement.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn placeholder(statement: &str) -> Option<String> {
    let (_, rest) = statement.split_once('{')?;
    let (name, _) = rest.split_once('}')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An unknown key is refused and named, with its line.
    #[test]
    fn unknown_keys_are_refused() {
        let error = Config::parse("app_role = 'app'\napp_rolle = 'app'\n").unwrap_err();
        assert!(error.contains("app_rolle") && error.contains("line 2"), "{error}");
    }

    /// What comes behind a statement is not part of its comment.
    #[test]
    fn a_comment_ends_with_its_statement() {
        let text = "[context]\nenter = ['SELECT 1 -- one', 'SELECT 2']\n[tenants.a]\nsetup = ['SELECT 3 -- three']\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.context.unwrap().enter, ["SELECT 1 -- one\n", "SELECT 2"]);
        assert_eq!(config.tenants.a.setup, ["SELECT 3 -- three\n"]);
    }

    /// Variables are put in, and one that a tenant does not set is named.
    #[test]
    fn variables_are_filled_and_missed() {
        let text = "[context]\nenter = [\"SET LOCAL ROLE {role}\"]\n[tenants.a.variables]\nrole = 'a'\n";
        let error = Config::parse(text).unwrap_err();
        assert!(error.contains("{role}") && error.contains("tenants.b"), "{error}");
        let config = Config::parse(&format!("{text}[tenants.b.variables]\nrole = 'b'\n")).unwrap();
        let enter = &config.context.unwrap().enter[0];
        assert_eq!(fill(enter, &config.tenants.a.variables), "SET LOCAL ROLE a");
    }
}
