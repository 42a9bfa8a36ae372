-- 0020: a second index of register numbers, while the key of indexes changes (expand)
-- Why: uniqueness holds through a rotation when whatever two writers write has an index by one key in
-- common, so that while a key takes another's place each number has an index by both
-- (docs/field-protection.md).
-- Old code during roll-out: never sees a second index, since none is written before an operator
-- rotates; during a rotation it refuses numbers, because it does not know keys of purpose 3.
SET LOCAL lock_timeout = '200ms';
SET LOCAL statement_timeout = '10s';

ALTER TABLE identifiers ADD COLUMN next_index bytea;
COMMENT ON COLUMN identifiers.next_index IS
  'the same by the key that is about to take the place of the one of blind_index';
ALTER TABLE identifiers ADD CONSTRAINT identifiers_next_index_check
  CHECK (octet_length(next_index) = 32) NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE data_keys DROP CONSTRAINT data_keys_purpose_check;
ALTER TABLE data_keys ADD CONSTRAINT data_keys_purpose_check
  CHECK (purpose BETWEEN 1 AND 3) NOT VALID;
COMMENT ON COLUMN data_keys.purpose IS
  '1 encrypts, 2 makes blind indexes, 3 makes second ones and is about to become 2';
-- What has become the key of indexes is no next one any more; no other key is ever removed. Each
-- command has its policy, since Citus makes permissive ones of restrictive ones.
DROP POLICY data_keys_tenant ON data_keys;
CREATE POLICY data_keys_tenant ON data_keys FOR SELECT
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
CREATE POLICY data_keys_new ON data_keys FOR INSERT
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
CREATE POLICY data_keys_next_index ON data_keys FOR DELETE
  USING (purpose = 3
    AND organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
GRANT DELETE ON data_keys TO client_directory;
