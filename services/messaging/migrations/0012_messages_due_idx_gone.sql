-- clientele: no transaction
-- Why: no code takes messages from their own table any more; they wait in jobs. The runner sets the
-- time limits.
-- squawk-ignore require-lock-timeout, require-statement-timeout
DROP INDEX CONCURRENTLY IF EXISTS messages_due_idx;
