-- 0004: what is swept away (expand)
-- Why: first answers are given again for 72 hours and then only take room. The worker sees and
-- deletes those, through a policy of its own.
-- Old code during roll-out: unaffected.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

CREATE POLICY idempotency_swept ON idempotency TO organization_worker
  USING (created_at < now() - interval '72 hours');
GRANT SELECT (created_at), DELETE ON idempotency TO organization_worker;
