-- 0024: of news the service says what happened, and the database the rest (contract)
-- Why: whoever forges an event's position has it never delivered, or others not.
-- Old code during roll-out: its follower waits, and the new one goes on where it stood.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

REVOKE INSERT ON events FROM client_directory;
GRANT INSERT (organization_id, kind, aggregate_id, payload) ON events TO client_directory;
REVOKE ALL ON SEQUENCE events_event_id_seq FROM client_directory;

-- Parked events are whole ones, of every organisation, and a position that is moved loses events: the
-- inbox is the worker's, which follows.
REVOKE ALL ON feed_positions FROM client_directory;
REVOKE ALL ON feed_parked FROM client_directory;
GRANT SELECT, INSERT, UPDATE ON feed_positions TO client_directory_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON feed_parked TO client_directory_worker;
