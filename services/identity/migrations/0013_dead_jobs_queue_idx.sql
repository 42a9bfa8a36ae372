-- clientele: no transaction
-- Why: the figures of a queue and the clearing of an alert count its dead jobs without reading the
-- others. The runner sets the time limits.
-- squawk-ignore require-lock-timeout, require-statement-timeout
CREATE INDEX CONCURRENTLY IF NOT EXISTS dead_jobs_queue_idx ON dead_jobs (queue, kind);
