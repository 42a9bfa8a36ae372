-- 0013: the queue that messages were is gone (contract of 0007)
-- Why: messages wait in jobs since 0007, and nothing reads these columns any more.
-- Old code during roll-out: the services name none of them since 0010, and read no whole rows. Of the
-- programs only `clientele seed` wrote run_at: seed with the build that migrated.
SET LOCAL lock_timeout = '200ms';
SET LOCAL statement_timeout = '10s';

-- squawk-ignore ban-drop-column
ALTER TABLE messages DROP COLUMN run_at, DROP COLUMN lease_until, DROP COLUMN fence;
-- squawk-ignore ban-drop-sequence
DROP SEQUENCE message_fences;
