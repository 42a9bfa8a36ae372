-- clientele: no transaction
-- Why: each batch of 0014 finds what is left without reading what is done.
-- Old code during roll-out: unaffected. The runner sets the time limits.
-- squawk-ignore require-lock-timeout, require-statement-timeout
CREATE INDEX CONCURRENTLY IF NOT EXISTS clients_unfilled_idx ON clients (client_id)
  WHERE contact_ids IS NULL;
