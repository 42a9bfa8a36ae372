-- 0016: the owner sees no rows again (contract of 0012)
-- Why: 0014 is through. Autovacuum, which its work wakes, gives way after a second.
-- Old code during roll-out: unaffected.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

DROP POLICY clients_filled ON clients;
DROP POLICY contact_points_filled ON contact_points;
DROP POLICY stakeholders_filled ON stakeholders;
