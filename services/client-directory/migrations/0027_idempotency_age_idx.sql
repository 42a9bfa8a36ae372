-- clientele: no transaction
-- Why: the sweep takes the oldest answers in small transactions. The BRIN index cannot name them: where
-- new rows fill the pages of old ones, each of its ranges has rows of every age. The runner sets the
-- time limits.
-- squawk-ignore require-lock-timeout, require-statement-timeout
CREATE INDEX CONCURRENTLY IF NOT EXISTS idempotency_age_idx ON idempotency (created_at);
