-- 0014: of news the service says what happened, and the database the rest (contract)
-- Why: whoever forges an event's position has it never delivered, or others not.
-- Old code during roll-out: unaffected.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

REVOKE INSERT ON events FROM messaging;
GRANT INSERT (organization_id, kind, aggregate_id, payload) ON events TO messaging;
REVOKE ALL ON SEQUENCE events_event_id_seq FROM messaging;
