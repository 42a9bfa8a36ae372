-- 0004: who did what (expand)
-- Why: each change leaves a row in its own transaction, which nobody can alter: not the service,
-- which may only append, and not unnoticed by whoever may do more, since a sealer signs the rows
-- (docs/audit.md). Rows name people by ids alone, so that erasing a person leaves them whole.
-- Old code during roll-out: unaffected; what it does meanwhile leaves no row.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

-- The order of the first two columns counts: a row has its transaction's id before its own, so
-- that no id below a sealed one can appear later.
CREATE TABLE audit_log (
  transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  audit_id bigint GENERATED ALWAYS AS IDENTITY,
  organization_id uuid,
  actor_account uuid,
  actor_service text NOT NULL,
  acting_as text NOT NULL,
  action text NOT NULL,
  object_kind text NOT NULL,
  object_id uuid,
  request_id uuid,
  detail jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT audit_log_pkey PRIMARY KEY (audit_id),
  CONSTRAINT audit_log_action_check CHECK (char_length(action) BETWEEN 1 AND 100),
  CONSTRAINT audit_log_detail_check CHECK (octet_length(detail::text) <= 4096)
);
COMMENT ON COLUMN audit_log.organization_id IS 'NULL for facts about a person';
COMMENT ON COLUMN audit_log.actor_account IS 'NULL when a service acted for nobody';
COMMENT ON COLUMN audit_log.acting_as IS 'hat and profile of the account, such as STAFF MANAGER';
COMMENT ON COLUMN audit_log.detail IS 'names of changed fields and the like; no personal data';
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_log_append ON audit_log FOR INSERT TO messaging
  WITH CHECK (organization_id IS NULL
    OR organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
-- Followers and jobs change what belongs to any organisation, and the sealer reads every row.
CREATE POLICY audit_log_append_worker ON audit_log FOR INSERT TO messaging_worker WITH CHECK (true);
CREATE POLICY audit_log_seal ON audit_log FOR SELECT TO messaging_worker USING (true);
REVOKE ALL ON audit_log FROM messaging;
GRANT INSERT ON audit_log TO messaging;
GRANT SELECT, INSERT ON audit_log TO messaging_worker;

-- Signed summaries of the rows up to an id, each with the hash of the one before.
CREATE TABLE audit_seals (
  seal_number bigint NOT NULL,
  previous_hash bytea NOT NULL,
  merkle_root bytea NOT NULL,
  first_id bigint NOT NULL,
  last_id bigint NOT NULL,
  gaps bigint[] NOT NULL,
  row_count bigint NOT NULL,
  sealed_at timestamptz NOT NULL,
  key_id text NOT NULL,
  signature bytea NOT NULL,
  CONSTRAINT audit_seals_pkey PRIMARY KEY (seal_number)
);
COMMENT ON COLUMN audit_seals.gaps IS
  'first and last of each run of ids that no row has: their transactions were rolled back';
REVOKE ALL ON audit_seals FROM messaging;
GRANT SELECT, INSERT ON audit_seals TO messaging_worker;

CREATE FUNCTION refuse_audit_change() RETURNS trigger
  LANGUAGE plpgsql SET search_path = messaging, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only appended to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
