-- 0014: of news the service says what happened, and the database the rest (contract)
-- Why: whoever forges an event's position has it never delivered, or others not.
-- Old code during roll-out: its follower waits, and the new one goes on where it stood.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

REVOKE INSERT ON events FROM organization;
GRANT INSERT (organization_id, kind, aggregate_id, payload) ON events TO organization;
REVOKE ALL ON SEQUENCE events_event_id_seq FROM organization;

-- Parked events are whole ones, of every organisation, and a position that is moved loses events: the
-- inbox is the worker's, which follows.
REVOKE ALL ON feed_positions FROM organization;
REVOKE ALL ON feed_parked FROM organization;
GRANT SELECT, INSERT, UPDATE ON feed_positions TO organization_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON feed_parked TO organization_worker;
