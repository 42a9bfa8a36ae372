-- 0002_accounts.sql
-- Why: who a person is, what they sign in with, and their secret. Rows belong to the person, not to
-- an organisation: policies compare with clientele.account_id.
--
-- FORCE binds the owner as well. The functions at the end run as the owner, before a person is
-- known, and answer one row each (rulings 20); the policies named *_owner exist for them alone.
-- Nobody can sign in as identity_owner.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE accounts (
  account_id uuid NOT NULL,
  state text NOT NULL,
  given_name text NOT NULL,
  family_name text NOT NULL,
  display_name text NOT NULL,
  language text NOT NULL,
  professional boolean NOT NULL DEFAULT false,
  created_by_organization uuid NOT NULL,
  created_at timestamptz NOT NULL,
  activated_at timestamptz,
  updated_at timestamptz NOT NULL,
  CONSTRAINT accounts_pkey PRIMARY KEY (account_id),
  CONSTRAINT accounts_state_check
    CHECK (state IN ('PENDING', 'ACTIVE', 'SUSPENDED', 'CLOSED')),
  CONSTRAINT accounts_activated_at_check CHECK ((state = 'PENDING') = (activated_at IS NULL)),
  CONSTRAINT accounts_given_name_check CHECK (char_length(given_name) BETWEEN 1 AND 100),
  CONSTRAINT accounts_family_name_check CHECK (char_length(family_name) BETWEEN 1 AND 100),
  CONSTRAINT accounts_display_name_check CHECK (char_length(display_name) BETWEEN 1 AND 201),
  CONSTRAINT accounts_language_check CHECK (char_length(language) BETWEEN 2 AND 35)
);
COMMENT ON COLUMN accounts.professional IS 'works, worked, or is to work for an organisation';
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY accounts_person ON accounts
  USING (account_id = nullif(current_setting('clientele.account_id', true), '')::uuid)
  WITH CHECK (account_id = nullif(current_setting('clientele.account_id', true), '')::uuid);
CREATE POLICY accounts_owner ON accounts TO identity_owner USING (true);
REVOKE DELETE ON accounts FROM identity;

-- E-mails and usernames are disjoint: a username has no '@' and an address has one.
CREATE TABLE login_identifiers (
  account_id uuid NOT NULL,
  kind text NOT NULL,
  raw text NOT NULL,
  normalized text COLLATE "C" NOT NULL,
  state text NOT NULL,
  professional boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  verified_at timestamptz,
  retired_at timestamptz,
  CONSTRAINT login_identifiers_pkey PRIMARY KEY (account_id, kind, normalized),
  CONSTRAINT login_identifiers_account_fkey
    FOREIGN KEY (account_id) REFERENCES accounts (account_id),
  CONSTRAINT login_identifiers_kind_check CHECK (kind IN ('EMAIL', 'USERNAME')),
  CONSTRAINT login_identifiers_state_check CHECK (state IN ('RESERVED', 'VERIFIED', 'RETIRED')),
  CONSTRAINT login_identifiers_verified_at_check
    CHECK (state <> 'VERIFIED' OR verified_at IS NOT NULL),
  CONSTRAINT login_identifiers_retired_at_check
    CHECK ((state = 'RETIRED') = (retired_at IS NOT NULL)),
  CONSTRAINT login_identifiers_normalized_check CHECK (
    CASE kind
      WHEN 'EMAIL' THEN normalized LIKE '%_@_%' AND octet_length(normalized) <= 320
      ELSE normalized ~ '^[a-z0-9._-]{3,64}$'
    END)
);
COMMENT ON COLUMN login_identifiers.state IS
  'RESERVED: typed by an organisation; VERIFIED: proved by its holder; RETIRED: signs in no more';
COMMENT ON COLUMN login_identifiers.professional IS
  'of an account that works or worked for an organisation: held even when retired (B11)';
-- Usernames are never given out again; an address of a professional is held when retired.
CREATE UNIQUE INDEX login_identifiers_normalized_key ON login_identifiers (kind, normalized)
  WHERE state <> 'RETIRED' OR kind = 'USERNAME' OR professional;
CREATE UNIQUE INDEX login_identifiers_account_key ON login_identifiers (account_id, kind)
  WHERE state <> 'RETIRED';
ALTER TABLE login_identifiers ENABLE ROW LEVEL SECURITY;
ALTER TABLE login_identifiers FORCE ROW LEVEL SECURITY;
CREATE POLICY login_identifiers_person ON login_identifiers
  USING (account_id = nullif(current_setting('clientele.account_id', true), '')::uuid)
  WITH CHECK (account_id = nullif(current_setting('clientele.account_id', true), '')::uuid);
CREATE POLICY login_identifiers_owner ON login_identifiers TO identity_owner USING (true);

CREATE TABLE credentials (
  account_id uuid NOT NULL,
  password_hash text NOT NULL,
  pepper_key_id text NOT NULL,
  changed_at timestamptz NOT NULL,
  CONSTRAINT credentials_pkey PRIMARY KEY (account_id),
  CONSTRAINT credentials_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
  CONSTRAINT credentials_password_hash_check CHECK (password_hash LIKE '$argon2id$%')
);
COMMENT ON COLUMN credentials.password_hash IS 'PHC string over HMAC(pepper, password)';
COMMENT ON COLUMN credentials.pepper_key_id IS 'which pepper, see CLIENTELE_PEPPER_KEYS';
ALTER TABLE credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE credentials FORCE ROW LEVEL SECURITY;
CREATE POLICY credentials_person ON credentials
  USING (account_id = nullif(current_setting('clientele.account_id', true), '')::uuid)
  WITH CHECK (account_id = nullif(current_setting('clientele.account_id', true), '')::uuid);
CREATE POLICY credentials_owner ON credentials TO identity_owner USING (true);
REVOKE DELETE ON credentials FROM identity;

-- Who holds an e-mail or a username, if anybody.
CREATE FUNCTION identifier_holder(p_kind text, p_normalized text)
RETURNS TABLE (account_id uuid, account_state text, state text, professional boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = identity, pg_temp
AS $$
  SELECT a.account_id, a.state, i.state, i.professional
  FROM login_identifiers i JOIN accounts a ON a.account_id = i.account_id
  WHERE i.kind = p_kind AND i.normalized = p_normalized
    AND (i.state <> 'RETIRED' OR i.kind = 'USERNAME' OR i.professional)
  LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION identifier_holder(text, text) TO identity;

-- The first of stem, stem_2, stem_3, … that nobody has or had. Two calls at once may get the same
-- answer; the unique index then refuses one of them.
CREATE FUNCTION free_username(p_stem text)
RETURNS TABLE (username text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = identity, pg_temp
AS $$
  SELECT CASE
    WHEN NOT EXISTS (
      SELECT FROM login_identifiers WHERE kind = 'USERNAME' AND normalized = lower(p_stem)
    ) THEN p_stem
    ELSE p_stem || '_' || (
      SELECT greatest(2, coalesce(max(substr(normalized, length(p_stem) + 2)::bigint), 1) + 1)
      FROM login_identifiers
      -- ':' comes right after '9': everything that begins with the stem, '_' and a digit.
      WHERE kind = 'USERNAME'
        AND normalized >= lower(p_stem) || '_0' AND normalized < lower(p_stem) || '_:'
        AND substr(normalized, length(p_stem) + 2) ~ '^[0-9]{1,6}$')
  END
$$;
GRANT EXECUTE ON FUNCTION free_username(text) TO identity;

-- What a sign-in is compared with. No row for a name that signs nobody in.
CREATE FUNCTION credential_of(p_kind text, p_normalized text)
RETURNS TABLE (
  account_id uuid, account_state text, display_name text, password_hash text, pepper_key_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = identity, pg_temp
AS $$
  SELECT a.account_id, a.state, a.display_name, c.password_hash, c.pepper_key_id
  FROM login_identifiers i
  JOIN accounts a ON a.account_id = i.account_id
  JOIN credentials c ON c.account_id = i.account_id
  WHERE i.kind = p_kind AND i.normalized = p_normalized AND i.state = 'VERIFIED'
  LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION credential_of(text, text) TO identity;
