-- 0001: news, inbox and first answers (expand)
-- Why: every service announces what happened, follows its peers, and answers a retry as it did the
-- first time; the three tables that carry it are the same everywhere.
-- Old code during roll-out: there is none.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

-- News of this service, in the order of its transactions (see docs/architecture.md, feeds).
CREATE TABLE events (
  transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  event_id bigint GENERATED ALWAYS AS IDENTITY,
  organization_id uuid,
  kind text NOT NULL,
  aggregate_id uuid NOT NULL,
  payload bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT events_pkey PRIMARY KEY (transaction_id, event_id),
  CONSTRAINT events_kind_check CHECK (char_length(kind) BETWEEN 1 AND 100),
  CONSTRAINT events_payload_check CHECK (octet_length(payload) <= 65536)
);
COMMENT ON COLUMN events.organization_id IS 'NULL for facts about a person';
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE events FORCE ROW LEVEL SECURITY;
CREATE POLICY events_append ON events FOR INSERT TO organization
  WITH CHECK (organization_id IS NULL
    OR organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
CREATE POLICY events_feed ON events FOR SELECT TO organization_worker USING (true);
REVOKE SELECT, UPDATE, DELETE ON events FROM organization;
GRANT SELECT ON events TO organization_worker;

-- Where this service got to in the feeds it follows: its inbox.
CREATE TABLE feed_positions (
  source text NOT NULL,
  transaction_id xid8 NOT NULL,
  event_id bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT feed_positions_pkey PRIMARY KEY (source)
);

-- Events that could not be applied after bounded attempts; an operator decides.
CREATE TABLE feed_parked (
  source text NOT NULL,
  transaction_id xid8 NOT NULL,
  event_id bigint NOT NULL,
  kind text NOT NULL,
  event bytea NOT NULL,
  attempts bigint NOT NULL,
  failure text NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT feed_parked_pkey PRIMARY KEY (source, transaction_id, event_id)
);
COMMENT ON COLUMN feed_parked.event IS 'the serialised clientele.feed.v1.Event';

-- First answers of mutating calls, given again to a retry (rulings 12).
CREATE TABLE idempotency (
  scope uuid NOT NULL,
  caller text NOT NULL,
  method text NOT NULL,
  request_id uuid NOT NULL,
  request_hash bytea NOT NULL,
  response bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  touched_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT idempotency_pkey PRIMARY KEY (scope, caller, method, request_id),
  CONSTRAINT idempotency_response_check CHECK (octet_length(response) <= 65536)
);
COMMENT ON COLUMN idempotency.scope IS
  'organization id, else account id, else the nil UUID for calls made before either is known';
ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency FORCE ROW LEVEL SECURITY;
CREATE POLICY idempotency_scope ON idempotency
  USING (scope = nullif(current_setting('clientele.organization_id', true), '')::uuid
    OR scope = nullif(current_setting('clientele.account_id', true), '')::uuid
    OR scope = '00000000-0000-0000-0000-000000000000'::uuid)
  WITH CHECK (scope = nullif(current_setting('clientele.organization_id', true), '')::uuid
    OR scope = nullif(current_setting('clientele.account_id', true), '')::uuid
    OR scope = '00000000-0000-0000-0000-000000000000'::uuid);
