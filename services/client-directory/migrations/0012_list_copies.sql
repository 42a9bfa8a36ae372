-- 0012: a file's row has what its page of a list shows (expand)
-- Why: each file of a page was looked up in contact_points and in stakeholders, on pages of their own:
-- the more clients, the dearer a list. The owner sees all rows until 0014 has filled the columns.
-- Old code during roll-out: lists of new code show files that it makes without contact points, and
-- those that it changes with the former ones, until their next change.
SET LOCAL lock_timeout = '200ms';
SET LOCAL statement_timeout = '10s';

ALTER TABLE clients
  ADD COLUMN contact_ids uuid[],
  ADD COLUMN contact_kinds smallint[],
  ADD COLUMN contact_ranks smallint[],
  ADD COLUMN contact_phone_types smallint[],
  ADD COLUMN contact_values text[],
  ADD COLUMN stakeholder_ids uuid[];
COMMENT ON COLUMN clients.contact_ids IS
  'for lists, as are contact_kinds and so on: the client''s contact_points in the order of rank, kind, id';
COMMENT ON COLUMN clients.stakeholder_ids IS 'for lists; stakeholders has them';

CREATE POLICY clients_filled ON clients TO client_directory_owner USING (true) WITH CHECK (true);
CREATE POLICY contact_points_filled ON contact_points FOR SELECT TO client_directory_owner
  USING (true);
CREATE POLICY stakeholders_filled ON stakeholders FOR SELECT TO client_directory_owner USING (true);
