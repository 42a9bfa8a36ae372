-- 0003_sessions.sql
-- Why: who is signed in, and how often signing in failed.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '60s';

-- The token itself is never kept: 256 random bits need no slow hash.
CREATE TABLE sessions (
  session_id uuid NOT NULL,
  account_id uuid NOT NULL,
  token_hash bytea NOT NULL,
  idle_seconds bigint NOT NULL,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  CONSTRAINT sessions_pkey PRIMARY KEY (session_id),
  CONSTRAINT sessions_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
  CONSTRAINT sessions_token_hash_key UNIQUE (token_hash),
  CONSTRAINT sessions_token_hash_check CHECK (octet_length(token_hash) = 32),
  CONSTRAINT sessions_idle_seconds_check CHECK (idle_seconds > 0)
);
COMMENT ON COLUMN sessions.token_hash IS 'SHA-256 of the session token';
COMMENT ON COLUMN sessions.last_used_at IS 'to the minute';
CREATE INDEX sessions_account_idx ON sessions (account_id, created_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY sessions_person ON sessions
  USING (account_id = nullif(current_setting('clientele.account_id', true), '')::uuid)
  WITH CHECK (account_id = nullif(current_setting('clientele.account_id', true), '')::uuid);
CREATE POLICY sessions_owner ON sessions TO identity_owner USING (true);
-- Housekeeping sees and deletes what ended a month ago, and nothing else.
CREATE POLICY sessions_swept ON sessions TO identity_worker
  USING (expires_at < now() - interval '30 days');
REVOKE DELETE ON sessions FROM identity;
GRANT SELECT (session_id, expires_at), DELETE ON sessions TO identity_worker;

CREATE FUNCTION session_by_hash(p_token_hash bytea)
RETURNS TABLE (
  session_id uuid, account_id uuid, account_state text, idle_seconds bigint,
  last_used_at timestamptz, expires_at timestamptz, ended_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = identity, pg_temp
AS $$
  SELECT s.session_id, s.account_id, a.state, s.idle_seconds, s.last_used_at, s.expires_at,
    s.ended_at
  FROM sessions s JOIN accounts a ON a.account_id = s.account_id
  WHERE s.token_hash = p_token_hash
  LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION session_by_hash(bytea) TO identity;

-- Attempts that failed or have not ended yet, counted before the password is looked at. Kept by a
-- hash of the account, the name tried or the network address: there is no person to guard a row by.
CREATE TABLE sign_in_failures (
  subject bytea NOT NULL,
  window_started_at timestamptz NOT NULL,
  failures bigint NOT NULL,
  CONSTRAINT sign_in_failures_pkey PRIMARY KEY (subject),
  CONSTRAINT sign_in_failures_subject_check CHECK (octet_length(subject) = 32),
  CONSTRAINT sign_in_failures_failures_check CHECK (failures >= 0)
);
CREATE INDEX sign_in_failures_window_idx ON sign_in_failures (window_started_at);
GRANT SELECT, DELETE ON sign_in_failures TO identity_worker;
