-- 0003: employees and what is still to be told to identity about them (expand)
-- Why: who works here, as what, in which branches (B73 to B79); a membership and an invitation
-- follow each new employee by a durable job, so that a crash loses neither.
-- Old code during roll-out: there is none.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

CREATE TABLE employees (
  organization_id uuid NOT NULL,
  employee_id uuid NOT NULL,
  account_id uuid NOT NULL,
  given_name text NOT NULL,
  family_name text NOT NULL,
  email text NOT NULL,
  profile smallint NOT NULL,
  state smallint NOT NULL,
  username text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  sort_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    regexp_replace(
      normalize(lower((family_name || U&'\0001' || given_name) COLLATE "und-x-icu"), NFD),
      U&'[\0300-\036f]', '', 'g')) STORED,
  CONSTRAINT employees_pkey PRIMARY KEY (organization_id, employee_id),
  CONSTRAINT employees_organization_fkey FOREIGN KEY (organization_id)
    REFERENCES organizations (organization_id),
  CONSTRAINT employees_account_key UNIQUE (organization_id, account_id),
  CONSTRAINT employees_name_key UNIQUE (organization_id, sort_key, employee_id),
  CONSTRAINT employees_profile_check CHECK (profile BETWEEN 1 AND 5),
  CONSTRAINT employees_state_check CHECK (state BETWEEN 1 AND 4)
);
COMMENT ON COLUMN employees.email IS 'the address they were invited at';
COMMENT ON COLUMN employees.profile IS 'number of common.v1.Profile';
COMMENT ON COLUMN employees.state IS 'number of organization.v1.EmployeeState';
COMMENT ON COLUMN employees.sort_key IS 'family and given name without case and accents';
ALTER TABLE employees ENABLE ROW LEVEL SECURITY;
ALTER TABLE employees FORCE ROW LEVEL SECURITY;
CREATE POLICY employees_tenant ON employees
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);

CREATE TABLE employee_branches (
  organization_id uuid NOT NULL,
  employee_id uuid NOT NULL,
  branch_id uuid NOT NULL,
  CONSTRAINT employee_branches_pkey PRIMARY KEY (organization_id, employee_id, branch_id),
  CONSTRAINT employee_branches_employee_fkey FOREIGN KEY (organization_id, employee_id)
    REFERENCES employees (organization_id, employee_id),
  CONSTRAINT employee_branches_branch_fkey FOREIGN KEY (organization_id, branch_id)
    REFERENCES branches (organization_id, branch_id)
);
COMMENT ON TABLE employee_branches IS 'none for a super administrator means every branch';
ALTER TABLE employee_branches ENABLE ROW LEVEL SECURITY;
ALTER TABLE employee_branches FORCE ROW LEVEL SECURITY;
CREATE POLICY employee_branches_tenant ON employee_branches
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);

CREATE TABLE employee_jobs (
  organization_id uuid NOT NULL,
  job_id uuid NOT NULL,
  employee_id uuid NOT NULL,
  account_id uuid NOT NULL,
  email text NOT NULL,
  language text NOT NULL,
  organization_name text NOT NULL,
  profile smallint NOT NULL,
  branch_ids uuid[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  run_at timestamptz NOT NULL DEFAULT now(),
  attempts bigint NOT NULL DEFAULT 0,
  parked_at timestamptz,
  failure text,
  CONSTRAINT employee_jobs_pkey PRIMARY KEY (organization_id, job_id),
  CONSTRAINT employee_jobs_employee_fkey FOREIGN KEY (organization_id, employee_id)
    REFERENCES employees (organization_id, employee_id)
);
COMMENT ON TABLE employee_jobs IS
  'a membership and an invitation to ask identity for; deleted once both are there';
COMMENT ON COLUMN employee_jobs.job_id IS 'the request id of the invitation: asking twice makes one';
COMMENT ON COLUMN employee_jobs.run_at IS
  'when to try next; while a worker has the job, when its lease ends';
COMMENT ON COLUMN employee_jobs.attempts IS
  'rises with each claim; a worker that lost its lease finds another number and loses';
COMMENT ON COLUMN employee_jobs.parked_at IS 'set when identity refused for good; an operator decides';
CREATE INDEX employee_jobs_due_idx ON employee_jobs (run_at) WHERE parked_at IS NULL;
ALTER TABLE employee_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE employee_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY employee_jobs_tenant ON employee_jobs TO organization
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
CREATE POLICY employee_jobs_worker ON employee_jobs TO organization_worker USING (true) WITH CHECK (true);
GRANT SELECT, DELETE ON employee_jobs TO organization_worker;
GRANT UPDATE (run_at, attempts, parked_at, failure) ON employee_jobs TO organization_worker;
