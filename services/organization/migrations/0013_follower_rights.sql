-- 0013: the worker follows identity's feed (expand)
-- Why: the inbox is to be the worker's alone; with the position in one transaction goes what an event
-- changes. The policy of the organisation binds the worker too.
-- Old code during roll-out: unaffected; its follower keeps the rights it has until the next file.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

GRANT SELECT, UPDATE ON employees TO organization_worker;
