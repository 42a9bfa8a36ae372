-- 0005: what an operator must see (expand)
-- Why: an event that cannot be applied, a job set aside, a feed that stays behind: each is on record
-- in the transaction that found it, until somebody or the cure clears it.
-- Old code during roll-out: unaffected.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

CREATE TABLE alerts (
  kind text NOT NULL,
  subject text NOT NULL,
  detail text NOT NULL,
  raised_at timestamptz NOT NULL DEFAULT now(),
  cleared_at timestamptz,
  CONSTRAINT alerts_pkey PRIMARY KEY (kind, subject, raised_at),
  CONSTRAINT alerts_kind_check CHECK (char_length(kind) BETWEEN 1 AND 100),
  CONSTRAINT alerts_subject_check CHECK (char_length(subject) BETWEEN 1 AND 200),
  CONSTRAINT alerts_detail_check CHECK (char_length(detail) <= 1000)
);
COMMENT ON TABLE alerts IS 'no tenant''s, and without personal data; open while cleared_at is NULL';
COMMENT ON COLUMN alerts.subject IS 'what it is about, such as a feed''s source or a job''s queue';
CREATE UNIQUE INDEX alerts_open_key ON alerts (kind, subject) WHERE cleared_at IS NULL;
REVOKE DELETE ON alerts FROM messaging;
GRANT SELECT, INSERT, UPDATE ON alerts TO messaging_worker;
