-- clientele: no transaction
-- Why: jobs whose workers died are looked for apart from those that merely wait, which may be many.
-- The runner sets the time limits.
-- squawk-ignore require-lock-timeout, require-statement-timeout
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_leased_idx ON jobs (queue, run_at)
WHERE lease_until IS NOT NULL;
