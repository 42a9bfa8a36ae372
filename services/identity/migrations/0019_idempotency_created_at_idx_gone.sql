-- clientele: no transaction
-- Why: 0018 took its place; what old code asks for by this column finds the new one. The runner sets
-- the time limits.
-- squawk-ignore require-lock-timeout, require-statement-timeout
DROP INDEX CONCURRENTLY IF EXISTS idempotency_created_at_idx;
