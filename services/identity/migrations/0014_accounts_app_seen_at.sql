-- 0014: when a person was first seen in the mobile app (expand)
-- Why: who has the app is not reminded to download it (B27, B28).
-- Old code during roll-out: unaffected; it neither reads nor writes the column.
SET LOCAL lock_timeout = '200ms';
SET LOCAL statement_timeout = '10s';

ALTER TABLE accounts ADD COLUMN app_seen_at timestamptz;
COMMENT ON COLUMN accounts.app_seen_at IS 'when the holder first signed in to the mobile app';
