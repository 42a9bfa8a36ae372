-- 0003: invitations that are still to be asked of identity (expand)
-- Why: a client created with an e-mail is invited whatever crashes in between: the job is written
-- with the client, and the job's id is the request id of the invitation, so asking twice makes one.
-- Old code during roll-out: there is none.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

CREATE TABLE invitation_jobs (
  organization_id uuid NOT NULL,
  job_id uuid NOT NULL,
  client_id uuid NOT NULL,
  account_id uuid NOT NULL,
  email text NOT NULL,
  language text NOT NULL,
  organization_name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  run_at timestamptz NOT NULL DEFAULT now(),
  attempts bigint NOT NULL DEFAULT 0,
  parked_at timestamptz,
  failure text,
  CONSTRAINT invitation_jobs_pkey PRIMARY KEY (organization_id, job_id),
  CONSTRAINT invitation_jobs_client_key UNIQUE (organization_id, client_id),
  CONSTRAINT invitation_jobs_client_fkey FOREIGN KEY (organization_id, client_id)
    REFERENCES clients (organization_id, client_id) ON DELETE CASCADE
);
COMMENT ON TABLE invitation_jobs IS 'deleted once identity has the invitation';
COMMENT ON COLUMN invitation_jobs.job_id IS 'the request id of the invitation';
COMMENT ON COLUMN invitation_jobs.run_at IS
  'when to try next; while a worker has the job, when its lease ends';
COMMENT ON COLUMN invitation_jobs.attempts IS
  'rises with each claim; a worker that lost its lease finds another number and loses';
COMMENT ON COLUMN invitation_jobs.parked_at IS
  'set when identity refused for good; an operator decides, or the professional resends';
CREATE INDEX invitation_jobs_due_idx ON invitation_jobs (run_at) WHERE parked_at IS NULL;
ALTER TABLE invitation_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY invitation_jobs_tenant ON invitation_jobs TO client_directory
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
CREATE POLICY invitation_jobs_worker ON invitation_jobs TO client_directory_worker
  USING (true) WITH CHECK (true);
GRANT SELECT, DELETE ON invitation_jobs TO client_directory_worker;
GRANT UPDATE (run_at, attempts, parked_at, failure) ON invitation_jobs TO client_directory_worker;
