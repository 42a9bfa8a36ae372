-- 0007_idempotency_sweep.sql
-- Why: first answers are given again for 72 hours and then only take room. Housekeeping sees and
-- deletes those, through the worker role and a policy of its own.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '60s';

CREATE POLICY idempotency_swept ON idempotency TO identity_worker
  USING (created_at < now() - interval '72 hours');
GRANT SELECT (created_at), DELETE ON idempotency TO identity_worker;
