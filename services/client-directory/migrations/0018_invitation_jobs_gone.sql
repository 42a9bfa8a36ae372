-- 0018: invitation_jobs is gone (contract of 0011)
-- Why: such jobs wait in jobs since 0011; one by the clock took over what stood here still, as this
-- file does a last time.
-- Old code during roll-out: it enqueues that job by the clock alone. The schedule is put at the end of
-- time, where no run of old code comes after it.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

INSERT INTO schedules (name, slot) VALUES ('adopt-invitation-jobs', 'infinity')
ON CONFLICT ON CONSTRAINT schedules_pkey DO UPDATE SET slot = excluded.slot;

-- The owner sees the rows for as long as the transaction keeps everybody else from the tables.
ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE dead_jobs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE invitation_jobs NO FORCE ROW LEVEL SECURITY;
DELETE FROM jobs
WHERE organization_id = '00000000-0000-0000-0000-000000000000' AND kind = 'adopt-invitation-jobs';
DELETE FROM dead_jobs
WHERE organization_id = '00000000-0000-0000-0000-000000000000' AND kind = 'adopt-invitation-jobs';
INSERT INTO jobs (organization_id, job_id, queue, kind, dedupe_key, payload, attempts_max)
SELECT organization_id, job_id, 'invitations', 'invitation', client_id::text,
  convert_to(
    json_build_object(
      'organizationID', organization_id, 'jobID', job_id, 'clientID', client_id,
      'accountID', account_id, 'email', email, 'language', language,
      'organizationName', organization_name
    )::text, 'UTF8'), 8
FROM invitation_jobs ON CONFLICT DO NOTHING;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
ALTER TABLE dead_jobs FORCE ROW LEVEL SECURITY;
-- squawk-ignore ban-drop-table
DROP TABLE invitation_jobs;
