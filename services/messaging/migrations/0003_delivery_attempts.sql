-- 0003_delivery_attempts.sql (expand)
-- Why: each try to hand a message over is on record before it starts, so that a crash in between
-- can be told from a try that never began.
-- Old code during roll-out: none yet.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

CREATE TABLE delivery_attempts (
  organization_id uuid NOT NULL,
  message_id uuid NOT NULL,
  attempt bigint NOT NULL,
  fence bigint NOT NULL,
  outcome text NOT NULL DEFAULT 'STARTED'
    CONSTRAINT delivery_attempts_outcome_check
    CHECK (outcome IN ('STARTED', 'SENT', 'RETRY', 'FAILED', 'CANCELLED')),
  error text NOT NULL DEFAULT '',
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  CONSTRAINT delivery_attempts_pkey PRIMARY KEY (organization_id, message_id, attempt),
  CONSTRAINT delivery_attempts_message_fkey
    FOREIGN KEY (organization_id, message_id) REFERENCES messages (organization_id, message_id)
);

COMMENT ON TABLE delivery_attempts IS 'Every try to hand a message over, and how it ended';
COMMENT ON COLUMN delivery_attempts.outcome IS 'STARTED on an old row: the worker stopped meanwhile';

ALTER TABLE delivery_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery_attempts FORCE ROW LEVEL SECURITY;
CREATE POLICY delivery_attempts_tenant ON delivery_attempts
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
CREATE POLICY delivery_attempts_worker ON delivery_attempts
  TO messaging_worker USING (true) WITH CHECK (true);

REVOKE INSERT, UPDATE, DELETE ON delivery_attempts FROM messaging;
GRANT SELECT, INSERT ON delivery_attempts TO messaging_worker;
GRANT UPDATE (outcome, error, ended_at) ON delivery_attempts TO messaging_worker;
