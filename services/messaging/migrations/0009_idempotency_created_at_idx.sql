-- clientele: no transaction
-- Why: as every other service has it, so that removing old answers never reads the others, once this
-- service has an rpc that stores some. The runner sets the time limits.
-- squawk-ignore require-lock-timeout, require-statement-timeout
CREATE INDEX CONCURRENTLY IF NOT EXISTS idempotency_created_at_idx
  ON idempotency USING brin (created_at);
