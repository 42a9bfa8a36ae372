-- 0012: jobs, timed and retried (expand)
-- Why: work that is to be done later, or until it succeeds, waits in one table with leases, numbers
-- of claims and dead letters, the same in every service (docs/architecture.md, jobs).
-- Old code during roll-out: unaffected.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

-- Each claim takes a number; only the holder of the latest one may say what became of the job.
CREATE SEQUENCE job_fences AS bigint;

CREATE TABLE jobs (
  organization_id uuid NOT NULL,
  job_id uuid NOT NULL,
  queue text NOT NULL CONSTRAINT jobs_queue_check CHECK (char_length(queue) BETWEEN 1 AND 100),
  kind text NOT NULL CONSTRAINT jobs_kind_check CHECK (char_length(kind) BETWEEN 1 AND 100),
  dedupe_key text CONSTRAINT jobs_dedupe_key_check CHECK (char_length(dedupe_key) BETWEEN 1 AND 200),
  payload bytea NOT NULL CONSTRAINT jobs_payload_check CHECK (octet_length(payload) <= 65536),
  run_at timestamptz NOT NULL DEFAULT now(),
  attempt bigint NOT NULL DEFAULT 0,
  attempts_max bigint NOT NULL CONSTRAINT jobs_attempts_max_check CHECK (attempts_max > 0),
  abandoned bigint NOT NULL DEFAULT 0,
  lease_until timestamptz,
  fence bigint NOT NULL DEFAULT 0,
  failure text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT jobs_pkey PRIMARY KEY (organization_id, job_id)
) WITH (
  fillfactor = 70, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_threshold = 500, autovacuum_vacuum_cost_delay = 0
);
COMMENT ON TABLE jobs IS 'what is not done yet; deleted when done, moved to dead_jobs when given up';
COMMENT ON COLUMN jobs.organization_id IS 'all zeros for the system''s own';
COMMENT ON COLUMN jobs.dedupe_key IS 'of a kind and key one job is live in an organisation';
COMMENT ON COLUMN jobs.payload IS 'JSON';
COMMENT ON COLUMN jobs.run_at IS 'when to try next; while a worker has the job, when its lease ends';
COMMENT ON COLUMN jobs.attempt IS 'how often it was taken';
COMMENT ON COLUMN jobs.abandoned IS 'how often its lease ran out: its worker died';
COMMENT ON COLUMN jobs.fence IS 'number of the latest claim; an older one loses';
CREATE UNIQUE INDEX jobs_dedupe_key ON jobs (organization_id, kind, dedupe_key)
  WHERE dedupe_key IS NOT NULL;
CREATE INDEX jobs_due_idx ON jobs (queue, run_at);

CREATE TABLE dead_jobs (
  organization_id uuid NOT NULL,
  job_id uuid NOT NULL,
  queue text NOT NULL,
  kind text NOT NULL,
  dedupe_key text,
  payload bytea NOT NULL,
  attempt bigint NOT NULL,
  attempts_max bigint NOT NULL,
  abandoned bigint NOT NULL,
  failure text NOT NULL,
  created_at timestamptz NOT NULL,
  died_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT dead_jobs_pkey PRIMARY KEY (organization_id, job_id)
);
COMMENT ON TABLE dead_jobs IS 'jobs that were given up; an operator retries or drops them';
CREATE INDEX dead_jobs_dedupe_idx ON dead_jobs (organization_id, kind, dedupe_key)
  WHERE dedupe_key IS NOT NULL;

ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
ALTER TABLE dead_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE dead_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY jobs_tenant ON jobs TO identity
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
CREATE POLICY dead_jobs_tenant ON dead_jobs TO identity
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
CREATE POLICY jobs_worker ON jobs TO identity_worker USING (true) WITH CHECK (true);
CREATE POLICY dead_jobs_worker ON dead_jobs TO identity_worker USING (true) WITH CHECK (true);
REVOKE UPDATE ON jobs FROM identity;
REVOKE INSERT, UPDATE ON dead_jobs FROM identity;
REVOKE ALL ON SEQUENCE job_fences FROM identity;
GRANT SELECT, INSERT, DELETE ON jobs TO identity_worker;
GRANT UPDATE (run_at, attempt, attempts_max, abandoned, lease_until, fence, failure)
  ON jobs TO identity_worker;
GRANT SELECT, INSERT ON dead_jobs TO identity_worker;
GRANT USAGE ON SEQUENCE job_fences TO identity_worker;

-- The latest run of what is due by the clock; who moves it on enqueues that run.
CREATE TABLE schedules (
  name text NOT NULL,
  slot timestamptz NOT NULL,
  CONSTRAINT schedules_pkey PRIMARY KEY (name)
);
REVOKE ALL ON schedules FROM identity;
GRANT SELECT, INSERT, UPDATE ON schedules TO identity_worker;
