-- 0011: feeds that forget, and parked events that can be tried again (expand)
-- Why: events are kept for some weeks, and a follower that comes later must learn that it missed
-- some; an event that is parked holds back the later ones of its aggregate until an operator has it
-- tried again or dropped.
-- Old code during roll-out: unaffected; what it parks has no aggregate and holds nothing back.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

-- The last event that was removed. A follower before it has missed something.
CREATE TABLE feed_low_water (
  singleton boolean NOT NULL DEFAULT true,
  transaction_id xid8 NOT NULL DEFAULT '0',
  event_id bigint NOT NULL DEFAULT 0,
  swept_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT feed_low_water_pkey PRIMARY KEY (singleton),
  CONSTRAINT feed_low_water_singleton_check CHECK (singleton)
);
INSERT INTO feed_low_water DEFAULT VALUES;
REVOKE ALL ON feed_low_water FROM identity;
GRANT SELECT, UPDATE ON feed_low_water TO identity_worker;

-- Whatever a setting says, nothing younger than a week goes.
CREATE POLICY events_swept ON events FOR DELETE TO identity_worker
  USING (created_at < now() - interval '7 days');
GRANT DELETE ON events TO identity_worker;

ALTER TABLE feed_parked ADD COLUMN aggregate_id uuid, ADD COLUMN retry_at timestamptz;
COMMENT ON COLUMN feed_parked.attempts IS
  '0: never tried, it stands behind an earlier event of its aggregate and follows it by itself';
COMMENT ON COLUMN feed_parked.retry_at IS 'set by an operator: the follower tries it again';
-- The table holds what an operator has yet to decide: building the index takes no time.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX feed_parked_aggregate_idx
  ON feed_parked (source, aggregate_id, transaction_id, event_id);
