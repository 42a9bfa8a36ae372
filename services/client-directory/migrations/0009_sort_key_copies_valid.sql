-- 0009: the keys of 0008 are checked for the rows that were there (expand)
-- Why: apart from adding them, so that writers are not kept out while all rows are read.
-- Old code during roll-out: unaffected.
SET LOCAL lock_timeout = '200ms';
SET LOCAL statement_timeout = '300s';

ALTER TABLE client_labels VALIDATE CONSTRAINT client_labels_file_fkey;
ALTER TABLE stakeholders VALIDATE CONSTRAINT stakeholders_file_fkey;
