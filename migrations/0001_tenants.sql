-- Tenants, the people who work for them, and who belongs to whom.
--
-- Conventions of this schema, tested by tests/schema.rs:
--   * Everything belongs to chaos_owner. The application's role is chaos_app and gets exactly what it needs.
--   * Every table with tenant data has Row-Level Security enabled and forced.
--   * A policy reads the context in a sub-select, so that it is evaluated once per statement and not once per row.
--     NULLIF turns the empty string, which a custom setting has after SET LOCAL and RESET, into "no tenant".
--   * Keys are (tenant_id, id), so that no reference can point into another tenant.
-- The group roles chaos_owner, chaos_migrator and chaos_app exist: the stack creates them.

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO chaos_app;

CREATE TABLE tenants (
    id         uuid PRIMARY KEY,
    slug       text NOT NULL UNIQUE,
    tier       text NOT NULL CHECK (tier IN ('starter', 'growth', 'enterprise')),
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON tenants
    USING (id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT ON tenants TO chaos_app;

CREATE TABLE users (
    id         uuid PRIMARY KEY,
    email      text NOT NULL UNIQUE,
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memberships (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id   uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role      text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member')),
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id);
ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE memberships FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON memberships
    USING (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT ON memberships TO chaos_app;

-- A user has no tenant column: a tenant sees those who are its members. The sub-select is itself under the policy of
-- memberships, so it cannot see further than the tenant does.
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY visible_to_own_tenants ON users
    USING (EXISTS (SELECT FROM memberships AS m
                   WHERE m.user_id = users.id
                     AND m.tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)));
GRANT SELECT ON users TO chaos_app;
