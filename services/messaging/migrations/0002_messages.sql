-- 0002_messages.sql (expand)
-- Why: what an organisation sends, and what became of it; the queue that the delivery worker takes
-- from is the same table, so that "queued" and "to be sent" can never differ.
-- Old code during roll-out: none yet.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

-- Each claim takes a number; only the holder of the latest one may say what became of the message.
CREATE SEQUENCE message_fences AS bigint;

CREATE TABLE messages (
  organization_id uuid NOT NULL,
  message_id uuid NOT NULL,
  channel text NOT NULL CONSTRAINT messages_channel_check CHECK (channel IN ('EMAIL', 'SMS')),
  purpose text NOT NULL
    CONSTRAINT messages_purpose_check CHECK (purpose IN ('CLIENT_INVITATION', 'STAFF_INVITATION')),
  recipient text NOT NULL
    CONSTRAINT messages_recipient_check CHECK (char_length(recipient) BETWEEN 1 AND 320),
  language text NOT NULL
    CONSTRAINT messages_language_check CHECK (char_length(language) BETWEEN 2 AND 35),
  subject text NOT NULL,
  record_id uuid NOT NULL,
  invitation_id uuid NOT NULL,
  send_count bigint NOT NULL CONSTRAINT messages_send_count_check CHECK (send_count > 0),
  organization_name text NOT NULL,
  display_name text NOT NULL,
  username text NOT NULL,
  email_signs_in boolean NOT NULL,
  expires_at timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'QUEUED'
    CONSTRAINT messages_state_check
    CHECK (state IN ('QUEUED', 'SENDING', 'SENT', 'FAILED', 'CANCELLED')),
  attempts bigint NOT NULL DEFAULT 0,
  refusals bigint NOT NULL DEFAULT 0,
  abandoned bigint NOT NULL DEFAULT 0,
  last_error text NOT NULL DEFAULT '',
  run_at timestamptz NOT NULL DEFAULT now(),
  lease_until timestamptz,
  fence bigint,
  created_at timestamptz NOT NULL DEFAULT now(),
  sent_at timestamptz,
  CONSTRAINT messages_pkey PRIMARY KEY (organization_id, message_id),
  CONSTRAINT messages_invitation_key UNIQUE (organization_id, invitation_id, send_count)
) WITH (fillfactor = 70);

COMMENT ON TABLE messages IS 'Messages of an organisation: the record, and the queue while unsent';
COMMENT ON COLUMN messages.message_id IS 'UUIDv7: its order is the order of arrival';
COMMENT ON COLUMN messages.record_id IS 'The client or employee it is about';
COMMENT ON COLUMN messages.attempts IS 'How often a worker took it';
COMMENT ON COLUMN messages.refusals IS 'How often a mail server refused it for the moment';
COMMENT ON COLUMN messages.abandoned IS 'How often a worker stopped while sending it';
COMMENT ON COLUMN messages.fence IS 'Number of the latest claim; an older one loses';

CREATE INDEX messages_record_idx ON messages (organization_id, record_id, message_id);
CREATE INDEX messages_due_idx ON messages (run_at) WHERE state IN ('QUEUED', 'SENDING');

ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
CREATE POLICY messages_tenant ON messages
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
-- The follower writes and the worker sends for every organisation.
CREATE POLICY messages_worker ON messages TO messaging_worker USING (true) WITH CHECK (true);

-- Handlers only read.
REVOKE INSERT, UPDATE, DELETE ON messages FROM messaging;
REVOKE ALL ON SEQUENCE message_fences FROM messaging;
GRANT SELECT, INSERT ON messages TO messaging_worker;
GRANT UPDATE (
  state, attempts, refusals, abandoned, last_error, run_at, lease_until, fence, sent_at
) ON messages TO messaging_worker;
GRANT USAGE ON SEQUENCE message_fences TO messaging_worker;
