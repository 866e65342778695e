-- What tenants buy and use: orders, usage events (metering and billing), and an append-only audit trail.

-- request_key makes a retried order harmless; client_ref is the client's own reference, by which the ledger of
-- acknowledged writes finds it again.
CREATE TABLE orders (
    tenant_id    uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    request_key  uuid NOT NULL,
    client_ref   bigint NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents >= 0),
    note         text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT orders_once_per_request UNIQUE (tenant_id, request_key)
);
CREATE INDEX orders_by_client_ref ON orders (tenant_id, client_ref);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON orders
    USING (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE ON orders TO chaos_app;

CREATE TABLE usage_events (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id        bigint NOT NULL,
    metric    text NOT NULL CHECK (metric IN ('api_calls', 'storage_mb', 'compute_ms')),
    quantity  bigint NOT NULL CHECK (quantity >= 0),
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX usage_events_by_metric ON usage_events (tenant_id, metric);
ALTER TABLE usage_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON usage_events
    USING (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON usage_events TO chaos_app;

-- Partitions are tables of their own: a policy on the parent does not protect a partition that is read directly, so
-- each gets its own, and none is granted to the application.
CREATE TABLE audit_events (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id        bigint NOT NULL,
    at        timestamptz NOT NULL,
    actor     text NOT NULL,
    message   text NOT NULL,
    PRIMARY KEY (tenant_id, id, at)
) PARTITION BY RANGE (at);
CREATE TABLE audit_events_2025 PARTITION OF audit_events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE audit_events_2026 PARTITION OF audit_events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE audit_events_other PARTITION OF audit_events DEFAULT;

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['audit_events', 'audit_events_2025', 'audit_events_2026', 'audit_events_other'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$
            CREATE POLICY tenant_isolation ON %I
                USING (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid))
                WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid))
        $policy$, relation);
    END LOOP;
END
$$;
GRANT SELECT, INSERT ON audit_events TO chaos_app;
