-- 0016: of an act the service says what it was, and the database the rest (contract)
-- Why: a row with an id of the service's own choice, far above all others, would end the sealing, and
-- one with a time or transaction of its choice would be sealed as if it were true.
-- Old code during roll-out: unaffected, it never named those columns.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

REVOKE INSERT ON audit_log FROM identity;
REVOKE INSERT ON audit_log FROM identity_worker;
GRANT INSERT (
  organization_id, actor_account, actor_service, acting_as, action, object_kind, object_id,
  request_id, detail
) ON audit_log TO identity, identity_worker;
REVOKE ALL ON SEQUENCE audit_log_audit_id_seq FROM identity;
-- The sealer tells by it which ids were never given.
GRANT SELECT ON SEQUENCE audit_log_audit_id_seq TO identity_worker;
