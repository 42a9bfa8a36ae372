-- 0005_invitations.sql
-- Why: who was invited where, how often the mail went out, and what came of it. The link's token is
-- derived from the row and a key, so that nothing here opens an invitation (rulings 17).
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE invitations (
  organization_id uuid NOT NULL,
  invitation_id uuid NOT NULL,
  account_id uuid NOT NULL,
  purpose text NOT NULL,
  state text NOT NULL,
  email text NOT NULL,
  email_normalized text COLLATE "C" NOT NULL,
  language text NOT NULL,
  organization_name text NOT NULL,
  record_id uuid NOT NULL,
  send_count bigint NOT NULL,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  answered_at timestamptz,
  CONSTRAINT invitations_pkey PRIMARY KEY (organization_id, invitation_id),
  CONSTRAINT invitations_purpose_check CHECK (purpose IN ('ACTIVATE', 'JOIN_STAFF')),
  CONSTRAINT invitations_state_check CHECK (state IN ('PENDING', 'ACCEPTED', 'REVOKED')),
  CONSTRAINT invitations_answered_at_check CHECK ((state = 'PENDING') = (answered_at IS NULL)),
  CONSTRAINT invitations_send_count_check CHECK (send_count > 0),
  CONSTRAINT invitations_language_check CHECK (char_length(language) BETWEEN 2 AND 35),
  CONSTRAINT invitations_organization_name_check
    CHECK (char_length(organization_name) BETWEEN 1 AND 200)
);
COMMENT ON COLUMN invitations.state IS 'EXPIRED is PENDING past expires_at; nothing writes it';
COMMENT ON COLUMN invitations.send_count IS 'the link of an earlier sending no longer opens';
CREATE UNIQUE INDEX invitations_record_key ON invitations (organization_id, record_id)
  WHERE state = 'PENDING';
CREATE INDEX invitations_record_idx ON invitations (organization_id, record_id, created_at);
CREATE INDEX invitations_account_idx ON invitations (account_id);
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY invitations_tenant ON invitations
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
CREATE POLICY invitations_owner ON invitations TO identity_owner USING (true);
REVOKE DELETE ON invitations FROM identity;

-- An answer is final: of two that arrive together, the second is refused.
CREATE FUNCTION invitations_answer_final() RETURNS trigger
LANGUAGE plpgsql SET search_path = identity, pg_temp
AS $$
BEGIN
  IF OLD.state <> 'PENDING' THEN
    RAISE EXCEPTION 'the invitation was answered'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'invitations_answer_final';
  END IF;
  RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION invitations_answer_final() TO identity;
CREATE TRIGGER invitations_answer_final BEFORE UPDATE ON invitations
  FOR EACH ROW EXECUTE FUNCTION invitations_answer_final();

-- Every sending: the quota counts here, and the key lets only one of two parallel resends through.
CREATE TABLE invitation_sends (
  organization_id uuid NOT NULL,
  invitation_id uuid NOT NULL,
  send_count bigint NOT NULL,
  email text NOT NULL,
  sent_at timestamptz NOT NULL,
  CONSTRAINT invitation_sends_pkey PRIMARY KEY (organization_id, invitation_id, send_count),
  CONSTRAINT invitation_sends_invitation_fkey FOREIGN KEY (organization_id, invitation_id)
    REFERENCES invitations (organization_id, invitation_id)
);
COMMENT ON COLUMN invitation_sends.sent_at IS 'when messaging was told; delivery is its to know';
ALTER TABLE invitation_sends ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation_sends FORCE ROW LEVEL SECURITY;
CREATE POLICY invitation_sends_tenant ON invitation_sends
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
REVOKE UPDATE, DELETE ON invitation_sends FROM identity;

-- What the page behind a link shows, and what accepting needs to know. Both ids come out of a
-- token whose signature was checked.
CREATE FUNCTION look_up_invitation(p_organization_id uuid, p_invitation_id uuid)
RETURNS TABLE (
  account_id uuid, purpose text, state text, email text, email_normalized text, language text,
  organization_name text, record_id uuid, send_count bigint, expires_at timestamptz,
  account_state text, given_name text, family_name text, display_name text, username text,
  login_email text, login_email_normalized text, password_hash text, pepper_key_id text,
  client_version bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = identity, pg_temp
AS $$
  SELECT v.account_id, v.purpose, v.state, v.email, v.email_normalized, v.language,
    v.organization_name, v.record_id, v.send_count, v.expires_at,
    a.state, a.given_name, a.family_name, a.display_name, u.raw,
    e.raw, e.normalized, c.password_hash, c.pepper_key_id, m.version
  FROM invitations v
  JOIN accounts a ON a.account_id = v.account_id
  JOIN login_identifiers u
    ON u.account_id = v.account_id AND u.kind = 'USERNAME' AND u.state <> 'RETIRED'
  LEFT JOIN login_identifiers e
    ON e.account_id = v.account_id AND e.kind = 'EMAIL' AND e.state <> 'RETIRED'
  LEFT JOIN credentials c ON c.account_id = v.account_id
  LEFT JOIN memberships m ON m.organization_id = v.organization_id
    AND m.account_id = v.account_id AND m.hat = 'CLIENT'
  WHERE v.organization_id = p_organization_id AND v.invitation_id = p_invitation_id
  LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION look_up_invitation(uuid, uuid) TO identity;

-- Whether any other organisation counts on an account: then its address is no longer one
-- organisation's to change.
CREATE FUNCTION account_is_shared(p_account_id uuid, p_organization_id uuid)
RETURNS TABLE (shared boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = identity, pg_temp
AS $$
  SELECT EXISTS (
      SELECT FROM invitations
      WHERE account_id = p_account_id AND organization_id <> p_organization_id
        AND state <> 'REVOKED')
    OR EXISTS (
      SELECT FROM memberships
      WHERE account_id = p_account_id AND organization_id <> p_organization_id)
$$;
GRANT EXECUTE ON FUNCTION account_is_shared(uuid, uuid) TO identity;
