-- 0002: organisations and their branches (expand)
-- Why: a practice, its places, and the rules it works by (domain 5.4, 5.8).
-- Old code during roll-out: there is none.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

CREATE TABLE organizations (
  organization_id uuid NOT NULL,
  name text NOT NULL,
  country text NOT NULL,
  languages text[] NOT NULL,
  time_zone text NOT NULL,
  invitation_trigger smallint NOT NULL,
  email_required boolean NOT NULL,
  email_disclosure smallint NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT organizations_pkey PRIMARY KEY (organization_id),
  CONSTRAINT organizations_name_check CHECK (char_length(name) BETWEEN 1 AND 200),
  CONSTRAINT organizations_country_check CHECK (country ~ '^[A-Z]{2}$'),
  CONSTRAINT organizations_languages_check CHECK (cardinality(languages) BETWEEN 1 AND 10),
  CONSTRAINT organizations_invitation_trigger_check CHECK (invitation_trigger BETWEEN 1 AND 3),
  CONSTRAINT organizations_email_disclosure_check CHECK (email_disclosure BETWEEN 1 AND 2)
);
COMMENT ON COLUMN organizations.languages IS 'BCP 47 tags; the first is the default';
COMMENT ON COLUMN organizations.invitation_trigger IS 'number of organization.v1.InvitationTrigger';
COMMENT ON COLUMN organizations.email_disclosure IS 'number of organization.v1.EmailDisclosure';
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY organizations_tenant ON organizations
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);

CREATE TABLE branches (
  organization_id uuid NOT NULL,
  branch_id uuid NOT NULL,
  name text NOT NULL,
  created_at timestamptz NOT NULL,
  sort_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    regexp_replace(
      normalize(lower(name COLLATE "und-x-icu"), NFD), U&'[\0300-\036f]', '', 'g')) STORED,
  CONSTRAINT branches_pkey PRIMARY KEY (organization_id, branch_id),
  CONSTRAINT branches_organization_fkey FOREIGN KEY (organization_id)
    REFERENCES organizations (organization_id),
  CONSTRAINT branches_name_key UNIQUE (organization_id, sort_key),
  CONSTRAINT branches_name_check CHECK (char_length(name) BETWEEN 1 AND 200)
);
COMMENT ON COLUMN branches.sort_key IS
  'the name without case and accents: the order of lists, and what makes two names the same';
ALTER TABLE branches ENABLE ROW LEVEL SECURITY;
ALTER TABLE branches FORCE ROW LEVEL SECURITY;
CREATE POLICY branches_tenant ON branches
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
