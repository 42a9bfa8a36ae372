-- 0004_memberships.sql
-- Why: which hat an account wears in which organisation, and what it permits: the source of the
-- claims in context tokens.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE memberships (
  organization_id uuid NOT NULL,
  account_id uuid NOT NULL,
  hat text NOT NULL,
  profile text NOT NULL,
  branch_ids uuid[] NOT NULL,
  permissions text[] NOT NULL,
  record_id uuid NOT NULL,
  active boolean NOT NULL,
  version bigint NOT NULL,
  organization_name text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT memberships_pkey PRIMARY KEY (organization_id, account_id, hat),
  CONSTRAINT memberships_hat_check CHECK (hat IN ('STAFF', 'CLIENT')),
  CONSTRAINT memberships_profile_check CHECK (
    CASE hat
      WHEN 'STAFF' THEN
        profile IN ('SUPER_ADMIN', 'BRANCH_ADMIN', 'MANAGER', 'EMPLOYEE', 'READ_ONLY')
      ELSE profile = 'NONE'
    END),
  CONSTRAINT memberships_branch_ids_check CHECK (cardinality(branch_ids) <= 100),
  CONSTRAINT memberships_permissions_check CHECK (cardinality(permissions) <= 64),
  CONSTRAINT memberships_version_check CHECK (version > 0),
  CONSTRAINT memberships_organization_name_check
    CHECK (char_length(organization_name) BETWEEN 1 AND 200)
);
COMMENT ON COLUMN memberships.record_id IS 'the client or the employee behind the hat';
COMMENT ON COLUMN memberships.permissions IS
  'written by organization; identity copies them into claims and gives them no meaning';
CREATE INDEX memberships_account_idx ON memberships (account_id);
ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE memberships FORCE ROW LEVEL SECURITY;
CREATE POLICY memberships_tenant ON memberships
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
-- A person sees where they belong, in every organisation.
CREATE POLICY memberships_person ON memberships FOR SELECT
  USING (account_id = nullif(current_setting('clientele.account_id', true), '')::uuid);
CREATE POLICY memberships_owner ON memberships TO identity_owner USING (true);
REVOKE DELETE ON memberships FROM identity;

-- A late word never undoes a newer one, whatever order two calls arrive in.
CREATE FUNCTION memberships_version_rises() RETURNS trigger
LANGUAGE plpgsql SET search_path = identity, pg_temp
AS $$
BEGIN
  IF NEW.version <= OLD.version THEN
    RAISE EXCEPTION 'version % is not above %', NEW.version, OLD.version
      USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_version_rises';
  END IF;
  RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION memberships_version_rises() TO identity;
CREATE TRIGGER memberships_version_rises BEFORE UPDATE ON memberships
  FOR EACH ROW EXECUTE FUNCTION memberships_version_rises();
