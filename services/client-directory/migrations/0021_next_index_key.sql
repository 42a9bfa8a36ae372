-- clientele: no transaction
-- Why: uniqueness during a rotation of the key of indexes; empty but for one. The runner sets the
-- time limits.
-- squawk-ignore require-lock-timeout, require-statement-timeout
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS identifiers_next_index_key
  ON identifiers (organization_id, kind, next_index) WHERE next_index IS NOT NULL;
