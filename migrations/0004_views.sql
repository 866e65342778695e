-- Views. Both run with the rights of whoever asks (security_invoker, PostgreSQL 15 and later). Before 15 a view always
-- runs with its owner's rights; it is safe there all the same, because its owner is chaos_owner, which owns the tables
-- but is subject to their forced policies, with the caller's context.

CREATE VIEW tenant_documents AS
    SELECT tenant_id, id, title, body, created_at FROM documents;

CREATE VIEW usage_report AS
    SELECT tenant_id, metric, count(*) AS events, sum(quantity)::bigint AS quantity
    FROM usage_events
    GROUP BY tenant_id, metric;

DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'ALTER VIEW tenant_documents SET (security_invoker = on)';
        EXECUTE 'ALTER VIEW usage_report SET (security_invoker = on)';
    END IF;
END
$$;
GRANT SELECT ON tenant_documents, usage_report TO chaos_app;
