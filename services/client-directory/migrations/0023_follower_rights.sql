-- 0023: the worker follows identity's feed (expand)
-- Why: the inbox is to be the worker's alone; with the position in one transaction goes what an event
-- changes. The policies of the organisation bind the worker too.
-- Old code during roll-out: unaffected; its follower keeps the rights it has until the next file.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

GRANT SELECT, UPDATE ON clients, client_labels, stakeholders TO client_directory_worker;
GRANT DELETE ON dead_jobs TO client_directory_worker;
GRANT EXECUTE ON FUNCTION demand_change(bigint) TO client_directory_worker;
GRANT INSERT (organization_id, kind, aggregate_id, payload) ON events TO client_directory_worker;
CREATE POLICY events_append_worker ON events FOR INSERT TO client_directory_worker
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
