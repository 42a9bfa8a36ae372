-- 0029: a client has 50 contact points at most (expand)
-- Why: the whole file is in each event and each first answer, which take 64 KiB: one that had grown
-- past that could not be changed any more.
-- Old code during roll-out: unaffected below the bound; above it what it adds is refused without a
-- word for people.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

ALTER TABLE clients ADD CONSTRAINT clients_contact_ids_check
  CHECK (cardinality(contact_ids) <= 50) NOT VALID;
