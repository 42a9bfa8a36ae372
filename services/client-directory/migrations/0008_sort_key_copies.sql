-- 0008: labels and stakeholders refer to a file by its key alone (expand)
-- Why: their copies of sort_key followed the file by ON UPDATE CASCADE, which Citus refuses on a
-- distributed table; the statements that change a file now copy it themselves.
-- Old code during roll-out: a file it renames stays at its old place in the lists by label and by
-- stakeholder until its next change.
SET LOCAL lock_timeout = '200ms';
SET LOCAL statement_timeout = '10s';

ALTER TABLE client_labels ADD CONSTRAINT client_labels_file_fkey
  FOREIGN KEY (organization_id, client_id) REFERENCES clients (organization_id, client_id)
  ON DELETE CASCADE NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE client_labels DROP CONSTRAINT client_labels_client_fkey;
ALTER TABLE stakeholders ADD CONSTRAINT stakeholders_file_fkey
  FOREIGN KEY (organization_id, client_id) REFERENCES clients (organization_id, client_id)
  ON DELETE CASCADE NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE stakeholders DROP CONSTRAINT stakeholders_client_fkey;
