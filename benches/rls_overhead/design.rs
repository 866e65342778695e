//! What is compared: operations, ways to keep tenants apart, and how a transaction travels.

use std::fmt;

/// What a request does to `documents`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    PointRead,
    RangeRead,
    Aggregate,
    Update,
    Insert,
}

/// Rows of a range read.
pub(crate) const RANGE: u32 = 50;

impl Operation {
    /// Writes come last: they leave the table a little larger than they found it.
    pub(crate) const ALL: [Operation; 5] =
        [Operation::PointRead, Operation::RangeRead, Operation::Aggregate, Operation::Update, Operation::Insert];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Operation::PointRead => "point read",
            Operation::RangeRead => "range read",
            Operation::Aggregate => "aggregate",
            Operation::Update => "update",
            Operation::Insert => "insert",
        }
    }

    /// The statement. Every row that it returns begins with its owner. What a policy adds, a hand-written condition on
    /// `$1` adds by itself; an insert names its tenant in either case.
    pub(crate) fn statement(self, policy: Policy) -> &'static str {
        match (self, policy) {
            (Operation::PointRead, Policy::None | Policy::Control) => {
                "SELECT tenant_id, body FROM documents WHERE tenant_id = $1 AND id = $2"
            }
            (Operation::PointRead, _) => "SELECT tenant_id, body FROM documents WHERE id = $1",
            (Operation::RangeRead, Policy::None | Policy::Control) => {
                "SELECT tenant_id, body FROM documents WHERE tenant_id = $1 AND id >= $2 ORDER BY id LIMIT 50"
            }
            (Operation::RangeRead, _) => "SELECT tenant_id, body FROM documents WHERE id >= $1 ORDER BY id LIMIT 50",
            (Operation::Aggregate, Policy::None | Policy::Control) => {
                "SELECT tenant_id, count(*), sum(length(body)) FROM documents WHERE tenant_id = $1 AND id > $2 \
                 GROUP BY tenant_id"
            }
            (Operation::Aggregate, _) => {
                "SELECT tenant_id, count(*), sum(length(body)) FROM documents WHERE id > $1 GROUP BY tenant_id"
            }
            (Operation::Update, Policy::None | Policy::Control) => {
                "UPDATE documents SET title = 'Renamed' WHERE tenant_id = $1 AND id = $2 RETURNING tenant_id"
            }
            (Operation::Update, _) => "UPDATE documents SET title = 'Renamed' WHERE id = $1 RETURNING tenant_id",
            (Operation::Insert, _) => {
                "INSERT INTO documents (tenant_id, id, project_id, title, body) \
                 VALUES ($1, $2, 1, 'Inserted', 'Minutes of the meeting') RETURNING tenant_id"
            }
        }
    }

    /// Whether the tenant is the first parameter.
    pub(crate) fn names_tenant(self, policy: Policy) -> bool {
        !policy.is_policy() || self == Operation::Insert
    }

    /// Rows that it returns.
    pub(crate) fn rows(self) -> u32 {
        match self {
            Operation::RangeRead => RANGE,
            _ => 1,
        }
    }
}

/// How a statement is kept within its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// No policy in force; the application writes the condition.
    None,
    /// The same once more, with connections of its own: what is not noise must leave this at 1.
    Control,
    /// `tenant_id = current_setting(..)`.
    Bare,
    /// `tenant_id = (SELECT current_setting(..))`: the reference, as migrated.
    SubSelect,
    /// `EXISTS (SELECT FROM memberships ..)`.
    Membership,
    /// `tenant_id = current_tenant()`, a STABLE function that the planner cannot inline.
    Function,
}

/// The context of a request, as the reference schema reads it.
const CONTEXT: &str = "NULLIF(current_setting('app.tenant_id', true), '')::uuid";

impl Policy {
    pub(crate) const ALL: [Policy; 6] =
        [Policy::None, Policy::Control, Policy::SubSelect, Policy::Bare, Policy::Function, Policy::Membership];

    /// Whether the database keeps tenants apart.
    pub(crate) fn is_policy(self) -> bool {
        !matches!(self, Policy::None | Policy::Control)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Policy::None => "hand-written WHERE",
            Policy::Control => "hand-written WHERE (control)",
            Policy::Bare => "bare current_setting",
            Policy::SubSelect => "sub-select (reference)",
            Policy::Membership => "membership EXISTS",
            Policy::Function => "STABLE function",
        }
    }

    /// The role to which the policy applies. All roles use one table, so that all shapes read the same pages.
    pub(crate) fn role(self) -> &'static str {
        match self {
            Policy::None => "bench_none",
            Policy::Control => "bench_control",
            Policy::Bare => "bench_bare",
            Policy::SubSelect => "bench_sub_select",
            Policy::Membership => "bench_membership",
            Policy::Function => "bench_function",
        }
    }

    /// Makes the role and its policy, beside the migrated ones.
    pub(crate) fn statements(self) -> Vec<String> {
        let role = self.role();
        let attribute = if self.is_policy() { "" } else { "BYPASSRLS" };
        // Roles belong to the server: the database of another size has made it already.
        let create = format!(
            "DO $$ BEGIN CREATE ROLE {role} LOGIN {attribute} IN ROLE chaos_app; \
             EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        );
        let policy = |condition: &str| {
            format!("CREATE POLICY {role} ON documents TO {role} USING ({condition}) WITH CHECK ({condition})")
        };
        let rest = match self {
            Policy::None | Policy::Control => vec![],
            Policy::SubSelect => {
                vec![
                    format!("ALTER POLICY tenant_isolation ON documents TO {role}"),
                    format!("ALTER POLICY tenant_isolation ON memberships TO {role}"),
                ]
            }
            Policy::Bare => vec![policy(&format!("tenant_id = {CONTEXT}"))],
            Policy::Function => vec![
                format!(
                    "CREATE FUNCTION bench_tenant() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE \
                     AS $$ BEGIN RETURN {CONTEXT}; END $$"
                ),
                policy("tenant_id = bench_tenant()"),
            ],
            // The context names a user here: each tenant has one with the same id, so that the runtime need not know.
            Policy::Membership => vec![
                "INSERT INTO users (id, email, name) SELECT id, 'bench@' || slug, name FROM tenants".to_owned(),
                "INSERT INTO memberships (tenant_id, user_id) SELECT id, id FROM tenants".to_owned(),
                format!("CREATE POLICY {role} ON memberships TO {role} USING (user_id = (SELECT {CONTEXT}))"),
                policy(&format!(
                    "EXISTS (SELECT FROM memberships AS m WHERE m.tenant_id = documents.tenant_id \
                     AND m.user_id = (SELECT {CONTEXT}))"
                )),
            ],
        };
        [vec![create], rest].concat()
    }
}

/// How a request travels to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travel {
    /// The statement alone; its context is already on the session. A floor, not something to do with a pool.
    Autocommit,
    /// BEGIN, set_config, statement, COMMIT: four round trips.
    FourTrips,
    /// The tenant runtime: context on BEGIN's round trip, scrub on COMMIT's.
    Runtime,
}

impl Travel {
    pub(crate) const ALL: [Travel; 3] = [Travel::Runtime, Travel::FourTrips, Travel::Autocommit];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Travel::Autocommit => "autocommit",
            Travel::FourTrips => "four round trips",
            Travel::Runtime => "context on BEGIN",
        }
    }
}

/// A policy and a way to travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) policy: Policy,
    pub(crate) travel: Travel,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.policy.name(), self.travel.name())
    }
}

/// Which of the full product is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// All policies in the runtime's transaction; in the other two the reference and the hand-written condition.
    Default,
    /// Everything.
    Full,
}

impl Breadth {
    /// The policies that are compared within one way to travel, the hand-written condition first.
    pub(crate) fn policies(self, travel: Travel) -> &'static [Policy] {
        match (self, travel) {
            (Breadth::Full, _) | (_, Travel::Runtime) => &Policy::ALL,
            (Breadth::Default, _) => &[Policy::None, Policy::Control, Policy::SubSelect],
        }
    }
}
