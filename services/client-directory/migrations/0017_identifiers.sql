-- 0017: register numbers, encrypted (expand)
-- Why: national numbers and SINs are kept so that neither the database nor a copy of it tells them
-- (B67, docs/field-protection.md): a ciphertext, an index to find it by, and what is shown of it.
-- Old code during roll-out: unaffected, new tables.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10s';

CREATE TABLE data_keys (
  organization_id uuid NOT NULL,
  purpose smallint NOT NULL,
  version bigint NOT NULL,
  master_key_id text NOT NULL,
  wrapped bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  destroyed_at timestamptz,
  CONSTRAINT data_keys_pkey PRIMARY KEY (organization_id, purpose, version),
  CONSTRAINT data_keys_purpose_check CHECK (purpose BETWEEN 1 AND 2),
  CONSTRAINT data_keys_version_check CHECK (version BETWEEN 1 AND 2147483647),
  CONSTRAINT data_keys_wrapped_check CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
  CONSTRAINT data_keys_master_key_id_check CHECK (char_length(master_key_id) BETWEEN 1 AND 255)
);
COMMENT ON TABLE data_keys IS
  'keys of organisations; each opens with a master key and the organisation''s secret, both of them files';
COMMENT ON COLUMN data_keys.purpose IS '1 encrypts, 2 makes blind indexes';
COMMENT ON COLUMN data_keys.wrapped IS 'AES-256-GCM; NULL once destroyed';
ALTER TABLE data_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE data_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY data_keys_tenant ON data_keys
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
REVOKE UPDATE, DELETE ON data_keys FROM client_directory;

CREATE TABLE identifiers (
  organization_id uuid NOT NULL,
  client_id uuid NOT NULL,
  kind smallint NOT NULL,
  key_version bigint NOT NULL,
  ciphertext bytea NOT NULL,
  blind_index bytea NOT NULL,
  masked text NOT NULL,
  version bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT identifiers_pkey PRIMARY KEY (organization_id, client_id, kind),
  CONSTRAINT identifiers_blind_index_key UNIQUE (organization_id, kind, blind_index),
  CONSTRAINT identifiers_client_fkey FOREIGN KEY (organization_id, client_id)
    REFERENCES clients (organization_id, client_id) ON DELETE CASCADE,
  CONSTRAINT identifiers_kind_check CHECK (kind BETWEEN 1 AND 3),
  CONSTRAINT identifiers_version_check CHECK (version > 0),
  CONSTRAINT identifiers_blind_index_check CHECK (octet_length(blind_index) = 32),
  CONSTRAINT identifiers_masked_check CHECK (masked LIKE '%***%')
);
COMMENT ON TABLE identifiers IS 'register numbers of clients, one of a kind';
COMMENT ON COLUMN identifiers.kind IS 'number of client_directory.v1.IdentifierKind';
COMMENT ON COLUMN identifiers.key_version IS 'of data_keys; the ciphertext says the same';
COMMENT ON COLUMN identifiers.blind_index IS 'HMAC-SHA-256 of the digits by a key of the organisation and the kind';
COMMENT ON COLUMN identifiers.masked IS 'what is shown: all but the last digits hidden';
COMMENT ON COLUMN identifiers.version IS 'the etag';
-- What an older key encrypted, for rotation.
CREATE INDEX identifiers_key_version_idx
  ON identifiers (organization_id, key_version, client_id, kind);
ALTER TABLE identifiers ENABLE ROW LEVEL SECURITY;
ALTER TABLE identifiers FORCE ROW LEVEL SECURITY;
CREATE POLICY identifiers_tenant ON identifiers
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);

CREATE TABLE identifier_reveals (
  organization_id uuid NOT NULL,
  account_id uuid NOT NULL,
  moments timestamptz[] NOT NULL,
  CONSTRAINT identifier_reveals_pkey PRIMARY KEY (organization_id, account_id),
  CONSTRAINT identifier_reveals_moments_check CHECK (cardinality(moments) BETWEEN 1 AND 100)
);
COMMENT ON COLUMN identifier_reveals.moments IS
  'when the person last read numbers in full, the oldest first; as many as are allowed an hour';
ALTER TABLE identifier_reveals ENABLE ROW LEVEL SECURITY;
ALTER TABLE identifier_reveals FORCE ROW LEVEL SECURITY;
CREATE POLICY identifier_reveals_tenant ON identifier_reveals
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);

-- Ends the transaction when somebody did something too often, so that nothing of it is kept.
CREATE FUNCTION demand_quota(counted bigint) RETURNS void LANGUAGE plpgsql
  SET search_path = client_directory, pg_temp
  AS $$
BEGIN
  IF counted IS DISTINCT FROM 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'CD002', MESSAGE = 'the quota is used up';
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION demand_quota(bigint) TO client_directory;
