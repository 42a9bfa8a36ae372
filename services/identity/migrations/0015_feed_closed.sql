-- 0015: of news the service says what happened, and the database the rest (contract)
-- Why: whoever forges an event's position has it never delivered, or others not.
-- Old code during roll-out: unaffected.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

REVOKE INSERT ON events FROM identity;
GRANT INSERT (organization_id, kind, aggregate_id, payload) ON events TO identity;
REVOKE ALL ON SEQUENCE events_event_id_seq FROM identity;

-- Parked events are whole ones, of every organisation, and a position that is moved loses events: the
-- inbox is the worker's, if it ever follows anybody.
REVOKE ALL ON feed_positions FROM identity;
REVOKE ALL ON feed_parked FROM identity;
