-- 0010: why an organisation may keep national register numbers (expand)
-- Why: the law of 8 August 1983 asks for an authorisation or a statute; until an administrator has
-- recorded it, client-directory refuses such numbers (docs/field-protection.md).
-- Old code during roll-out: unaffected, a new table.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

CREATE TABLE national_number_bases (
  organization_id uuid NOT NULL,
  basis text NOT NULL,
  recorded_by uuid NOT NULL,
  recorded_at timestamptz NOT NULL,
  CONSTRAINT national_number_bases_pkey PRIMARY KEY (organization_id),
  CONSTRAINT national_number_bases_organization_fkey FOREIGN KEY (organization_id)
    REFERENCES organizations (organization_id),
  CONSTRAINT national_number_bases_basis_check CHECK (char_length(basis) BETWEEN 1 AND 1000)
);
COMMENT ON TABLE national_number_bases IS 'no row: the organisation keeps no such numbers';
COMMENT ON COLUMN national_number_bases.recorded_by IS 'an account of identity';
ALTER TABLE national_number_bases ENABLE ROW LEVEL SECURITY;
ALTER TABLE national_number_bases FORCE ROW LEVEL SECURITY;
CREATE POLICY national_number_bases_tenant ON national_number_bases
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
