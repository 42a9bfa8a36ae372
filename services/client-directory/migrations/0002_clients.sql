-- 0002: client files, who has access to them, how to reach the client (expand)
-- Why: the files of an organisation, never shared with another (B42, B43); every list that is
-- offered has an index in its order.
-- Old code during roll-out: there is none.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

CREATE TABLE clients (
  organization_id uuid NOT NULL,
  client_id uuid NOT NULL,
  branch_id uuid NOT NULL,
  account_id uuid,
  case_manager_id uuid,
  version bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  access_state smallint NOT NULL,
  email_signs_in boolean NOT NULL,
  username text NOT NULL,
  invitation_email text NOT NULL,
  given_name text NOT NULL,
  family_name text NOT NULL,
  preferred_name text NOT NULL,
  language text NOT NULL,
  company_name text NOT NULL,
  street text NOT NULL,
  house_number text NOT NULL,
  box text NOT NULL,
  postal_code text NOT NULL,
  city text NOT NULL,
  province text NOT NULL,
  country text NOT NULL,
  case_manager_name text NOT NULL,
  labels text[] NOT NULL,
  sort_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    regexp_replace(
      normalize(lower((family_name || U&'\0001' || given_name) COLLATE "und-x-icu"), NFD),
      U&'[\0300-\036f]', '', 'g')) STORED,
  CONSTRAINT clients_pkey PRIMARY KEY (organization_id, client_id),
  CONSTRAINT clients_name_key UNIQUE (organization_id, sort_key, client_id),
  CONSTRAINT clients_version_check CHECK (version > 0),
  CONSTRAINT clients_access_state_check CHECK (access_state BETWEEN 1 AND 4),
  CONSTRAINT clients_login_check CHECK ((account_id IS NULL) = (access_state = 1)),
  CONSTRAINT clients_given_name_check CHECK (char_length(given_name) BETWEEN 1 AND 100),
  CONSTRAINT clients_family_name_check CHECK (char_length(family_name) BETWEEN 1 AND 100),
  CONSTRAINT clients_case_manager_check
    CHECK (case_manager_id IS NULL OR case_manager_name = ''),
  CONSTRAINT clients_labels_check CHECK (cardinality(labels) <= 20)
);
COMMENT ON COLUMN clients.access_state IS 'number of client_directory.v1.AccessState; NO_LOGIN = no account';
COMMENT ON COLUMN clients.version IS 'the etag';
COMMENT ON COLUMN clients.invitation_email IS
  'where invitations go: the primary e-mail, or the secondary one of a username-only client (B8)';
COMMENT ON COLUMN clients.email_signs_in IS
  'the primary e-mail is the login (B7); not said by organisations of blind disclosure until ACTIVE';
COMMENT ON COLUMN clients.labels IS 'for reading; client_labels has them for listing';
COMMENT ON COLUMN clients.sort_key IS 'family and given name without case and accents';
-- Ids begin with the time of creation, so the newest first is the order of ids backwards.
CREATE INDEX clients_state_name_idx ON clients (organization_id, access_state, sort_key, client_id);
CREATE INDEX clients_state_idx ON clients (organization_id, access_state, client_id);
CREATE INDEX clients_branch_name_idx ON clients (organization_id, branch_id, sort_key, client_id);
CREATE INDEX clients_branch_idx ON clients (organization_id, branch_id, client_id);
CREATE INDEX clients_case_manager_name_idx
  ON clients (organization_id, case_manager_id, sort_key, client_id)
  WHERE case_manager_id IS NOT NULL;
CREATE INDEX clients_case_manager_idx ON clients (organization_id, case_manager_id, client_id)
  WHERE case_manager_id IS NOT NULL;
ALTER TABLE clients ENABLE ROW LEVEL SECURITY;
ALTER TABLE clients FORCE ROW LEVEL SECURITY;
CREATE POLICY clients_tenant ON clients
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);

CREATE TABLE client_labels (
  organization_id uuid NOT NULL,
  label text NOT NULL,
  sort_key text COLLATE "C" NOT NULL,
  client_id uuid NOT NULL,
  CONSTRAINT client_labels_pkey PRIMARY KEY (organization_id, client_id, label),
  CONSTRAINT client_labels_label_check CHECK (char_length(label) BETWEEN 1 AND 50),
  CONSTRAINT client_labels_client_fkey FOREIGN KEY (organization_id, sort_key, client_id)
    REFERENCES clients (organization_id, sort_key, client_id) ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON COLUMN client_labels.sort_key IS
  'the client''s own, kept equal by the foreign key, so that a list needs no sort';
CREATE INDEX client_labels_name_idx ON client_labels (organization_id, label, sort_key, client_id);
CREATE INDEX client_labels_newest_idx ON client_labels (organization_id, label, client_id);
ALTER TABLE client_labels ENABLE ROW LEVEL SECURITY;
ALTER TABLE client_labels FORCE ROW LEVEL SECURITY;
CREATE POLICY client_labels_tenant ON client_labels
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);

CREATE TABLE stakeholders (
  organization_id uuid NOT NULL,
  client_id uuid NOT NULL,
  employee_id uuid NOT NULL,
  sort_key text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT stakeholders_pkey PRIMARY KEY (organization_id, client_id, employee_id),
  CONSTRAINT stakeholders_client_fkey FOREIGN KEY (organization_id, sort_key, client_id)
    REFERENCES clients (organization_id, sort_key, client_id) ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE stakeholders IS 'employees with access to a file (B14, B16)';
COMMENT ON COLUMN stakeholders.sort_key IS
  'the client''s own, kept equal by the foreign key, so that a list needs no sort';
CREATE INDEX stakeholders_name_idx
  ON stakeholders (organization_id, employee_id, sort_key, client_id);
CREATE INDEX stakeholders_newest_idx ON stakeholders (organization_id, employee_id, client_id);
ALTER TABLE stakeholders ENABLE ROW LEVEL SECURITY;
ALTER TABLE stakeholders FORCE ROW LEVEL SECURITY;
CREATE POLICY stakeholders_tenant ON stakeholders
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);

CREATE TABLE contact_points (
  organization_id uuid NOT NULL,
  client_id uuid NOT NULL,
  contact_point_id uuid NOT NULL,
  kind smallint NOT NULL,
  rank smallint NOT NULL,
  phone_type smallint NOT NULL,
  value text NOT NULL,
  normalized text NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT contact_points_pkey PRIMARY KEY (organization_id, client_id, contact_point_id),
  CONSTRAINT contact_points_value_key UNIQUE (organization_id, client_id, kind, normalized),
  CONSTRAINT contact_points_client_fkey FOREIGN KEY (organization_id, client_id)
    REFERENCES clients (organization_id, client_id) ON DELETE CASCADE,
  CONSTRAINT contact_points_kind_check CHECK (kind BETWEEN 1 AND 2),
  CONSTRAINT contact_points_rank_check CHECK (rank BETWEEN 1 AND 2),
  CONSTRAINT contact_points_phone_type_check
    CHECK (phone_type BETWEEN 0 AND 3 AND (kind = 2 OR phone_type = 0))
);
COMMENT ON COLUMN contact_points.kind IS 'number of client_directory.v1.ContactKind';
COMMENT ON COLUMN contact_points.rank IS 'number of client_directory.v1.ContactRank';
COMMENT ON COLUMN contact_points.value IS 'as typed, a phone in E.164';
COMMENT ON COLUMN contact_points.normalized IS 'for comparing';
CREATE UNIQUE INDEX contact_points_primary_key ON contact_points (organization_id, client_id, kind)
  WHERE rank = 1;
-- One client of an organisation has an address as the primary one (B36); as a secondary one,
-- families share it.
CREATE UNIQUE INDEX contact_points_primary_email_key ON contact_points (organization_id, normalized)
  WHERE rank = 1 AND kind = 1;
ALTER TABLE contact_points ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_points FORCE ROW LEVEL SECURITY;
CREATE POLICY contact_points_tenant ON contact_points
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);

-- Ends the transaction when a guarded change found nothing to change, so that a stale etag undoes
-- the whole pipeline in one round trip.
CREATE FUNCTION demand_change(changed bigint) RETURNS void LANGUAGE plpgsql
  SET search_path = client_directory, pg_temp
  AS $$
BEGIN
  IF changed IS DISTINCT FROM 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'CD001', MESSAGE = 'the record changed meanwhile';
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION demand_change(bigint) TO client_directory;
