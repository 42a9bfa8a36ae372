-- 0006_email_probes.sql
-- Why: professionals learn whether an address is taken; how often is limited, and every question is
-- on record (domain 5.7.1, rulings 21). Append-only for the service.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE email_probes (
  organization_id uuid NOT NULL,
  probe_id uuid NOT NULL,
  account_id uuid NOT NULL,
  identifier_hash bytea NOT NULL,
  disposition text NOT NULL,
  probed_at timestamptz NOT NULL,
  CONSTRAINT email_probes_pkey PRIMARY KEY (organization_id, probe_id),
  CONSTRAINT email_probes_disposition_check
    CHECK (disposition IN ('INVALID', 'AVAILABLE', 'ON_PLATFORM', 'PROFESSIONAL', 'REFUSED'))
);
COMMENT ON COLUMN email_probes.account_id IS 'who asked';
COMMENT ON COLUMN email_probes.identifier_hash IS 'keyed hash of what was asked about';
CREATE INDEX email_probes_hits_idx ON email_probes (organization_id, probed_at)
  WHERE disposition IN ('ON_PLATFORM', 'PROFESSIONAL');
ALTER TABLE email_probes ENABLE ROW LEVEL SECURITY;
ALTER TABLE email_probes FORCE ROW LEVEL SECURITY;
CREATE POLICY email_probes_tenant ON email_probes
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
REVOKE UPDATE, DELETE ON email_probes FROM identity;
