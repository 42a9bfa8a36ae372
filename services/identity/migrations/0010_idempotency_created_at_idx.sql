-- clientele: no transaction
-- Why: the sweep finds old answers without reading the others; rows come in the order of time, so
-- a BRIN index costs a write next to nothing. The runner sets the time limits.
-- squawk-ignore require-lock-timeout, require-statement-timeout
CREATE INDEX CONCURRENTLY IF NOT EXISTS idempotency_created_at_idx
  ON idempotency USING brin (created_at);
