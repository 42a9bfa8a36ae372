--
-- PostgreSQL database dump
--

\restrict schema


SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: identity; Type: SCHEMA; Schema: -; Owner: identity_owner
--

CREATE SCHEMA identity;


ALTER SCHEMA identity OWNER TO identity_owner;

--
-- Name: account_is_shared(uuid, uuid); Type: FUNCTION; Schema: identity; Owner: identity_owner
--

CREATE FUNCTION identity.account_is_shared(p_account_id uuid, p_organization_id uuid) RETURNS TABLE(shared boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'identity', 'pg_temp'
    AS $$
  SELECT EXISTS (
      SELECT FROM invitations
      WHERE account_id = p_account_id AND organization_id <> p_organization_id
        AND state <> 'REVOKED')
    OR EXISTS (
      SELECT FROM memberships
      WHERE account_id = p_account_id AND organization_id <> p_organization_id)
$$;


ALTER FUNCTION identity.account_is_shared(p_account_id uuid, p_organization_id uuid) OWNER TO identity_owner;

--
-- Name: credential_of(text, text); Type: FUNCTION; Schema: identity; Owner: identity_owner
--

CREATE FUNCTION identity.credential_of(p_kind text, p_normalized text) RETURNS TABLE(account_id uuid, account_state text, display_name text, password_hash text, pepper_key_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'identity', 'pg_temp'
    AS $$
  SELECT a.account_id, a.state, a.display_name, c.password_hash, c.pepper_key_id
  FROM login_identifiers i
  JOIN accounts a ON a.account_id = i.account_id
  JOIN credentials c ON c.account_id = i.account_id
  WHERE i.kind = p_kind AND i.normalized = p_normalized AND i.state = 'VERIFIED'
  LIMIT 1
$$;


ALTER FUNCTION identity.credential_of(p_kind text, p_normalized text) OWNER TO identity_owner;

--
-- Name: free_username(text); Type: FUNCTION; Schema: identity; Owner: identity_owner
--

CREATE FUNCTION identity.free_username(p_stem text) RETURNS TABLE(username text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'identity', 'pg_temp'
    AS $_$
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
$_$;


ALTER FUNCTION identity.free_username(p_stem text) OWNER TO identity_owner;

--
-- Name: identifier_holder(text, text); Type: FUNCTION; Schema: identity; Owner: identity_owner
--

CREATE FUNCTION identity.identifier_holder(p_kind text, p_normalized text) RETURNS TABLE(account_id uuid, account_state text, state text, professional boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'identity', 'pg_temp'
    AS $$
  SELECT a.account_id, a.state, i.state, i.professional
  FROM login_identifiers i JOIN accounts a ON a.account_id = i.account_id
  WHERE i.kind = p_kind AND i.normalized = p_normalized
    AND (i.state <> 'RETIRED' OR i.kind = 'USERNAME' OR i.professional)
  LIMIT 1
$$;


ALTER FUNCTION identity.identifier_holder(p_kind text, p_normalized text) OWNER TO identity_owner;

--
-- Name: invitations_answer_final(); Type: FUNCTION; Schema: identity; Owner: identity_owner
--

CREATE FUNCTION identity.invitations_answer_final() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'identity', 'pg_temp'
    AS $$
BEGIN
  IF OLD.state <> 'PENDING' THEN
    RAISE EXCEPTION 'the invitation was answered'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'invitations_answer_final';
  END IF;
  RETURN NEW;
END
$$;


ALTER FUNCTION identity.invitations_answer_final() OWNER TO identity_owner;

--
-- Name: look_up_invitation(uuid, uuid); Type: FUNCTION; Schema: identity; Owner: identity_owner
--

CREATE FUNCTION identity.look_up_invitation(p_organization_id uuid, p_invitation_id uuid) RETURNS TABLE(account_id uuid, purpose text, state text, email text, email_normalized text, language text, organization_name text, record_id uuid, send_count bigint, expires_at timestamp with time zone, account_state text, given_name text, family_name text, display_name text, username text, login_email text, login_email_normalized text, password_hash text, pepper_key_id text, client_version bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'identity', 'pg_temp'
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


ALTER FUNCTION identity.look_up_invitation(p_organization_id uuid, p_invitation_id uuid) OWNER TO identity_owner;

--
-- Name: memberships_version_rises(); Type: FUNCTION; Schema: identity; Owner: identity_owner
--

CREATE FUNCTION identity.memberships_version_rises() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'identity', 'pg_temp'
    AS $$
BEGIN
  IF NEW.version <= OLD.version THEN
    RAISE EXCEPTION 'version % is not above %', NEW.version, OLD.version
      USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_version_rises';
  END IF;
  RETURN NEW;
END
$$;


ALTER FUNCTION identity.memberships_version_rises() OWNER TO identity_owner;

--
-- Name: refuse_audit_change(); Type: FUNCTION; Schema: identity; Owner: identity_owner
--

CREATE FUNCTION identity.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'identity', 'pg_temp'
    AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only appended to' USING ERRCODE = 'insufficient_privilege';
END $$;


ALTER FUNCTION identity.refuse_audit_change() OWNER TO identity_owner;

--
-- Name: session_by_hash(bytea); Type: FUNCTION; Schema: identity; Owner: identity_owner
--

CREATE FUNCTION identity.session_by_hash(p_token_hash bytea) RETURNS TABLE(session_id uuid, account_id uuid, account_state text, idle_seconds bigint, last_used_at timestamp with time zone, expires_at timestamp with time zone, ended_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'identity', 'pg_temp'
    AS $$
  SELECT s.session_id, s.account_id, a.state, s.idle_seconds, s.last_used_at, s.expires_at,
    s.ended_at
  FROM sessions s JOIN accounts a ON a.account_id = s.account_id
  WHERE s.token_hash = p_token_hash
  LIMIT 1
$$;


ALTER FUNCTION identity.session_by_hash(p_token_hash bytea) OWNER TO identity_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: accounts; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.accounts (
    account_id uuid NOT NULL,
    state text NOT NULL,
    given_name text NOT NULL,
    family_name text NOT NULL,
    display_name text NOT NULL,
    language text NOT NULL,
    professional boolean DEFAULT false NOT NULL,
    created_by_organization uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    activated_at timestamp with time zone,
    updated_at timestamp with time zone NOT NULL,
    app_seen_at timestamp with time zone,
    CONSTRAINT accounts_activated_at_check CHECK (((state = 'PENDING'::text) = (activated_at IS NULL))),
    CONSTRAINT accounts_display_name_check CHECK (((char_length(display_name) >= 1) AND (char_length(display_name) <= 201))),
    CONSTRAINT accounts_family_name_check CHECK (((char_length(family_name) >= 1) AND (char_length(family_name) <= 100))),
    CONSTRAINT accounts_given_name_check CHECK (((char_length(given_name) >= 1) AND (char_length(given_name) <= 100))),
    CONSTRAINT accounts_language_check CHECK (((char_length(language) >= 2) AND (char_length(language) <= 35))),
    CONSTRAINT accounts_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'ACTIVE'::text, 'SUSPENDED'::text, 'CLOSED'::text])))
);

ALTER TABLE ONLY identity.accounts FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.accounts OWNER TO identity_owner;

--
-- Name: COLUMN accounts.professional; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.accounts.professional IS 'works, worked, or is to work for an organisation';


--
-- Name: COLUMN accounts.app_seen_at; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.accounts.app_seen_at IS 'when the holder first signed in to the mobile app';


--
-- Name: alerts; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.alerts (
    kind text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    raised_at timestamp with time zone DEFAULT now() NOT NULL,
    cleared_at timestamp with time zone,
    CONSTRAINT alerts_detail_check CHECK ((char_length(detail) <= 1000)),
    CONSTRAINT alerts_kind_check CHECK (((char_length(kind) >= 1) AND (char_length(kind) <= 100))),
    CONSTRAINT alerts_subject_check CHECK (((char_length(subject) >= 1) AND (char_length(subject) <= 200)))
);


ALTER TABLE identity.alerts OWNER TO identity_owner;

--
-- Name: TABLE alerts; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON TABLE identity.alerts IS 'no tenant''s, and without personal data; open while cleared_at is NULL';


--
-- Name: COLUMN alerts.subject; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.alerts.subject IS 'what it is about, such as a feed''s source or a job''s queue';


--
-- Name: audit_log; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.audit_log (
    transaction_id xid8 DEFAULT pg_current_xact_id() NOT NULL,
    audit_id bigint NOT NULL,
    organization_id uuid,
    actor_account uuid,
    actor_service text NOT NULL,
    acting_as text NOT NULL,
    action text NOT NULL,
    object_kind text NOT NULL,
    object_id uuid,
    request_id uuid,
    detail jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT audit_log_action_check CHECK (((char_length(action) >= 1) AND (char_length(action) <= 100))),
    CONSTRAINT audit_log_detail_check CHECK ((octet_length((detail)::text) <= 4096))
);

ALTER TABLE ONLY identity.audit_log FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.audit_log OWNER TO identity_owner;

--
-- Name: COLUMN audit_log.organization_id; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.audit_log.organization_id IS 'NULL for facts about a person';


--
-- Name: COLUMN audit_log.actor_account; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.audit_log.actor_account IS 'NULL when a service acted for nobody';


--
-- Name: COLUMN audit_log.acting_as; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.audit_log.acting_as IS 'hat and profile of the account, such as STAFF MANAGER';


--
-- Name: COLUMN audit_log.detail; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.audit_log.detail IS 'names of changed fields and the like; no personal data';


--
-- Name: audit_log_audit_id_seq; Type: SEQUENCE; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.audit_log ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME identity.audit_log_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: audit_seals; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.audit_seals (
    seal_number bigint NOT NULL,
    previous_hash bytea NOT NULL,
    merkle_root bytea NOT NULL,
    first_id bigint NOT NULL,
    last_id bigint NOT NULL,
    gaps bigint[] NOT NULL,
    row_count bigint NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    key_id text NOT NULL,
    signature bytea NOT NULL
);


ALTER TABLE identity.audit_seals OWNER TO identity_owner;

--
-- Name: COLUMN audit_seals.gaps; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.audit_seals.gaps IS 'first and last of each run of ids that no row has: their transactions were rolled back';


--
-- Name: credentials; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.credentials (
    account_id uuid NOT NULL,
    password_hash text NOT NULL,
    pepper_key_id text NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT credentials_password_hash_check CHECK ((password_hash ~~ '$argon2id$%'::text))
);

ALTER TABLE ONLY identity.credentials FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.credentials OWNER TO identity_owner;

--
-- Name: COLUMN credentials.password_hash; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.credentials.password_hash IS 'PHC string over HMAC(pepper, password)';


--
-- Name: COLUMN credentials.pepper_key_id; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.credentials.pepper_key_id IS 'which pepper, see CLIENTELE_PEPPER_KEYS';


--
-- Name: dead_jobs; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.dead_jobs (
    organization_id uuid NOT NULL,
    job_id uuid NOT NULL,
    queue text NOT NULL,
    kind text NOT NULL,
    dedupe_key text,
    payload bytea NOT NULL,
    attempt bigint NOT NULL,
    attempts_max bigint NOT NULL,
    abandoned bigint NOT NULL,
    failure text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    died_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY identity.dead_jobs FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.dead_jobs OWNER TO identity_owner;

--
-- Name: TABLE dead_jobs; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON TABLE identity.dead_jobs IS 'jobs that were given up; an operator retries or drops them';


--
-- Name: email_probes; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.email_probes (
    organization_id uuid NOT NULL,
    probe_id uuid NOT NULL,
    account_id uuid NOT NULL,
    identifier_hash bytea NOT NULL,
    disposition text NOT NULL,
    probed_at timestamp with time zone NOT NULL,
    CONSTRAINT email_probes_disposition_check CHECK ((disposition = ANY (ARRAY['INVALID'::text, 'AVAILABLE'::text, 'ON_PLATFORM'::text, 'PROFESSIONAL'::text, 'REFUSED'::text])))
);

ALTER TABLE ONLY identity.email_probes FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.email_probes OWNER TO identity_owner;

--
-- Name: COLUMN email_probes.account_id; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.email_probes.account_id IS 'who asked';


--
-- Name: COLUMN email_probes.identifier_hash; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.email_probes.identifier_hash IS 'keyed hash of what was asked about';


--
-- Name: events; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.events (
    transaction_id xid8 DEFAULT pg_current_xact_id() NOT NULL,
    event_id bigint NOT NULL,
    organization_id uuid,
    kind text NOT NULL,
    aggregate_id uuid NOT NULL,
    payload bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT events_kind_check CHECK (((char_length(kind) >= 1) AND (char_length(kind) <= 100))),
    CONSTRAINT events_payload_check CHECK ((octet_length(payload) <= 65536))
);

ALTER TABLE ONLY identity.events FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.events OWNER TO identity_owner;

--
-- Name: COLUMN events.organization_id; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.events.organization_id IS 'NULL for facts about a person';


--
-- Name: events_event_id_seq; Type: SEQUENCE; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.events ALTER COLUMN event_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME identity.events_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: feed_low_water; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.feed_low_water (
    singleton boolean DEFAULT true NOT NULL,
    transaction_id xid8 DEFAULT '0'::xid8 NOT NULL,
    event_id bigint DEFAULT 0 NOT NULL,
    swept_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT feed_low_water_singleton_check CHECK (singleton)
);


ALTER TABLE identity.feed_low_water OWNER TO identity_owner;

--
-- Name: feed_parked; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.feed_parked (
    source text NOT NULL,
    transaction_id xid8 NOT NULL,
    event_id bigint NOT NULL,
    kind text NOT NULL,
    event bytea NOT NULL,
    attempts bigint NOT NULL,
    failure text NOT NULL,
    parked_at timestamp with time zone DEFAULT now() NOT NULL,
    aggregate_id uuid,
    retry_at timestamp with time zone
);


ALTER TABLE identity.feed_parked OWNER TO identity_owner;

--
-- Name: COLUMN feed_parked.event; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.feed_parked.event IS 'the serialised clientele.feed.v1.Event';


--
-- Name: COLUMN feed_parked.attempts; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.feed_parked.attempts IS '0: never tried, it stands behind an earlier event of its aggregate and follows it by itself';


--
-- Name: COLUMN feed_parked.retry_at; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.feed_parked.retry_at IS 'set by an operator: the follower tries it again';


--
-- Name: feed_positions; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.feed_positions (
    source text NOT NULL,
    transaction_id xid8 NOT NULL,
    event_id bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE identity.feed_positions OWNER TO identity_owner;

--
-- Name: idempotency; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.idempotency (
    scope uuid NOT NULL,
    caller text NOT NULL,
    method text NOT NULL,
    request_id uuid NOT NULL,
    request_hash bytea NOT NULL,
    response bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    touched_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_response_check CHECK ((octet_length(response) <= 65536))
);

ALTER TABLE ONLY identity.idempotency FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.idempotency OWNER TO identity_owner;

--
-- Name: COLUMN idempotency.scope; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.idempotency.scope IS 'organization id, else account id, else the nil UUID for calls made before either is known';


--
-- Name: invitation_sends; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.invitation_sends (
    organization_id uuid NOT NULL,
    invitation_id uuid NOT NULL,
    send_count bigint NOT NULL,
    email text NOT NULL,
    sent_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY identity.invitation_sends FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.invitation_sends OWNER TO identity_owner;

--
-- Name: COLUMN invitation_sends.sent_at; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.invitation_sends.sent_at IS 'when messaging was told; delivery is its to know';


--
-- Name: invitations; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.invitations (
    organization_id uuid NOT NULL,
    invitation_id uuid NOT NULL,
    account_id uuid NOT NULL,
    purpose text NOT NULL,
    state text NOT NULL,
    email text NOT NULL,
    email_normalized text NOT NULL COLLATE pg_catalog."C",
    language text NOT NULL,
    organization_name text NOT NULL,
    record_id uuid NOT NULL,
    send_count bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    answered_at timestamp with time zone,
    CONSTRAINT invitations_answered_at_check CHECK (((state = 'PENDING'::text) = (answered_at IS NULL))),
    CONSTRAINT invitations_language_check CHECK (((char_length(language) >= 2) AND (char_length(language) <= 35))),
    CONSTRAINT invitations_organization_name_check CHECK (((char_length(organization_name) >= 1) AND (char_length(organization_name) <= 200))),
    CONSTRAINT invitations_purpose_check CHECK ((purpose = ANY (ARRAY['ACTIVATE'::text, 'JOIN_STAFF'::text]))),
    CONSTRAINT invitations_send_count_check CHECK ((send_count > 0)),
    CONSTRAINT invitations_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'ACCEPTED'::text, 'REVOKED'::text])))
);

ALTER TABLE ONLY identity.invitations FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.invitations OWNER TO identity_owner;

--
-- Name: COLUMN invitations.state; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.invitations.state IS 'EXPIRED is PENDING past expires_at; nothing writes it';


--
-- Name: COLUMN invitations.send_count; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.invitations.send_count IS 'the link of an earlier sending no longer opens';


--
-- Name: job_fences; Type: SEQUENCE; Schema: identity; Owner: identity_owner
--

CREATE SEQUENCE identity.job_fences
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE identity.job_fences OWNER TO identity_owner;

--
-- Name: jobs; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.jobs (
    organization_id uuid NOT NULL,
    job_id uuid NOT NULL,
    queue text NOT NULL,
    kind text NOT NULL,
    dedupe_key text,
    payload bytea NOT NULL,
    run_at timestamp with time zone DEFAULT now() NOT NULL,
    attempt bigint DEFAULT 0 NOT NULL,
    attempts_max bigint NOT NULL,
    abandoned bigint DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    fence bigint DEFAULT 0 NOT NULL,
    failure text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT jobs_attempts_max_check CHECK ((attempts_max > 0)),
    CONSTRAINT jobs_dedupe_key_check CHECK (((char_length(dedupe_key) >= 1) AND (char_length(dedupe_key) <= 200))),
    CONSTRAINT jobs_kind_check CHECK (((char_length(kind) >= 1) AND (char_length(kind) <= 100))),
    CONSTRAINT jobs_payload_check CHECK ((octet_length(payload) <= 65536)),
    CONSTRAINT jobs_queue_check CHECK (((char_length(queue) >= 1) AND (char_length(queue) <= 100)))
)
WITH (fillfactor='70', autovacuum_vacuum_threshold='200', autovacuum_vacuum_scale_factor='0.02', autovacuum_analyze_threshold='500', autovacuum_vacuum_cost_delay='0');

ALTER TABLE ONLY identity.jobs FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.jobs OWNER TO identity_owner;

--
-- Name: TABLE jobs; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON TABLE identity.jobs IS 'what is not done yet; deleted when done, moved to dead_jobs when given up';


--
-- Name: COLUMN jobs.organization_id; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.jobs.organization_id IS 'all zeros for the system''s own';


--
-- Name: COLUMN jobs.dedupe_key; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.jobs.dedupe_key IS 'of a kind and key one job is live in an organisation';


--
-- Name: COLUMN jobs.payload; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.jobs.payload IS 'JSON';


--
-- Name: COLUMN jobs.run_at; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.jobs.run_at IS 'when to try next; while a worker has the job, when its lease ends';


--
-- Name: COLUMN jobs.attempt; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.jobs.attempt IS 'how often it was taken';


--
-- Name: COLUMN jobs.abandoned; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.jobs.abandoned IS 'how often its lease ran out: its worker died';


--
-- Name: COLUMN jobs.fence; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.jobs.fence IS 'number of the latest claim; an older one loses';


--
-- Name: login_identifiers; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.login_identifiers (
    account_id uuid NOT NULL,
    kind text NOT NULL,
    raw text NOT NULL,
    normalized text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL,
    professional boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone NOT NULL,
    verified_at timestamp with time zone,
    retired_at timestamp with time zone,
    CONSTRAINT login_identifiers_kind_check CHECK ((kind = ANY (ARRAY['EMAIL'::text, 'USERNAME'::text]))),
    CONSTRAINT login_identifiers_normalized_check CHECK (
CASE kind
    WHEN 'EMAIL'::text THEN ((normalized ~~ '%_@_%'::text) AND (octet_length(normalized) <= 320))
    ELSE (normalized ~ '^[a-z0-9._-]{3,64}$'::text)
END),
    CONSTRAINT login_identifiers_retired_at_check CHECK (((state = 'RETIRED'::text) = (retired_at IS NOT NULL))),
    CONSTRAINT login_identifiers_state_check CHECK ((state = ANY (ARRAY['RESERVED'::text, 'VERIFIED'::text, 'RETIRED'::text]))),
    CONSTRAINT login_identifiers_verified_at_check CHECK (((state <> 'VERIFIED'::text) OR (verified_at IS NOT NULL)))
);

ALTER TABLE ONLY identity.login_identifiers FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.login_identifiers OWNER TO identity_owner;

--
-- Name: COLUMN login_identifiers.state; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.login_identifiers.state IS 'RESERVED: typed by an organisation; VERIFIED: proved by its holder; RETIRED: signs in no more';


--
-- Name: COLUMN login_identifiers.professional; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.login_identifiers.professional IS 'of an account that works or worked for an organisation: held even when retired (B11)';


--
-- Name: memberships; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.memberships (
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
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT memberships_branch_ids_check CHECK ((cardinality(branch_ids) <= 100)),
    CONSTRAINT memberships_hat_check CHECK ((hat = ANY (ARRAY['STAFF'::text, 'CLIENT'::text]))),
    CONSTRAINT memberships_organization_name_check CHECK (((char_length(organization_name) >= 1) AND (char_length(organization_name) <= 200))),
    CONSTRAINT memberships_permissions_check CHECK ((cardinality(permissions) <= 64)),
    CONSTRAINT memberships_profile_check CHECK (
CASE hat
    WHEN 'STAFF'::text THEN (profile = ANY (ARRAY['SUPER_ADMIN'::text, 'BRANCH_ADMIN'::text, 'MANAGER'::text, 'EMPLOYEE'::text, 'READ_ONLY'::text]))
    ELSE (profile = 'NONE'::text)
END),
    CONSTRAINT memberships_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY identity.memberships FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.memberships OWNER TO identity_owner;

--
-- Name: COLUMN memberships.permissions; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.memberships.permissions IS 'written by organization; identity copies them into claims and gives them no meaning';


--
-- Name: COLUMN memberships.record_id; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.memberships.record_id IS 'the client or the employee behind the hat';


--
-- Name: schedules; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.schedules (
    name text NOT NULL,
    slot timestamp with time zone NOT NULL
);


ALTER TABLE identity.schedules OWNER TO identity_owner;

--
-- Name: schema_migrations; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE identity.schema_migrations OWNER TO identity_owner;

--
-- Name: sessions; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.sessions (
    session_id uuid NOT NULL,
    account_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    idle_seconds bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT sessions_idle_seconds_check CHECK ((idle_seconds > 0)),
    CONSTRAINT sessions_token_hash_check CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY identity.sessions FORCE ROW LEVEL SECURITY;


ALTER TABLE identity.sessions OWNER TO identity_owner;

--
-- Name: COLUMN sessions.token_hash; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.sessions.token_hash IS 'SHA-256 of the session token';


--
-- Name: COLUMN sessions.last_used_at; Type: COMMENT; Schema: identity; Owner: identity_owner
--

COMMENT ON COLUMN identity.sessions.last_used_at IS 'to the minute';


--
-- Name: sign_in_failures; Type: TABLE; Schema: identity; Owner: identity_owner
--

CREATE TABLE identity.sign_in_failures (
    subject bytea NOT NULL,
    window_started_at timestamp with time zone NOT NULL,
    failures bigint NOT NULL,
    CONSTRAINT sign_in_failures_failures_check CHECK ((failures >= 0)),
    CONSTRAINT sign_in_failures_subject_check CHECK ((octet_length(subject) = 32))
);


ALTER TABLE identity.sign_in_failures OWNER TO identity_owner;

--
-- Name: accounts accounts_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (account_id);


--
-- Name: alerts alerts_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (kind, subject, raised_at);


--
-- Name: audit_log audit_log_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (audit_id);


--
-- Name: audit_seals audit_seals_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.audit_seals
    ADD CONSTRAINT audit_seals_pkey PRIMARY KEY (seal_number);


--
-- Name: credentials credentials_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (account_id);


--
-- Name: dead_jobs dead_jobs_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.dead_jobs
    ADD CONSTRAINT dead_jobs_pkey PRIMARY KEY (organization_id, job_id);


--
-- Name: email_probes email_probes_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.email_probes
    ADD CONSTRAINT email_probes_pkey PRIMARY KEY (organization_id, probe_id);


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (transaction_id, event_id);


--
-- Name: feed_low_water feed_low_water_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.feed_low_water
    ADD CONSTRAINT feed_low_water_pkey PRIMARY KEY (singleton);


--
-- Name: feed_parked feed_parked_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.feed_parked
    ADD CONSTRAINT feed_parked_pkey PRIMARY KEY (source, transaction_id, event_id);


--
-- Name: feed_positions feed_positions_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.feed_positions
    ADD CONSTRAINT feed_positions_pkey PRIMARY KEY (source);


--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (scope, caller, method, request_id);


--
-- Name: invitation_sends invitation_sends_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.invitation_sends
    ADD CONSTRAINT invitation_sends_pkey PRIMARY KEY (organization_id, invitation_id, send_count);


--
-- Name: invitations invitations_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.invitations
    ADD CONSTRAINT invitations_pkey PRIMARY KEY (organization_id, invitation_id);


--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (organization_id, job_id);


--
-- Name: login_identifiers login_identifiers_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.login_identifiers
    ADD CONSTRAINT login_identifiers_pkey PRIMARY KEY (account_id, kind, normalized);


--
-- Name: memberships memberships_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.memberships
    ADD CONSTRAINT memberships_pkey PRIMARY KEY (organization_id, account_id, hat);


--
-- Name: schedules schedules_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (name);


--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (session_id);


--
-- Name: sessions sessions_token_hash_key; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.sessions
    ADD CONSTRAINT sessions_token_hash_key UNIQUE (token_hash);


--
-- Name: sign_in_failures sign_in_failures_pkey; Type: CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.sign_in_failures
    ADD CONSTRAINT sign_in_failures_pkey PRIMARY KEY (subject);


--
-- Name: alerts_open_key; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE UNIQUE INDEX alerts_open_key ON identity.alerts USING btree (kind, subject) WHERE (cleared_at IS NULL);


--
-- Name: dead_jobs_dedupe_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX dead_jobs_dedupe_idx ON identity.dead_jobs USING btree (organization_id, kind, dedupe_key) WHERE (dedupe_key IS NOT NULL);


--
-- Name: dead_jobs_queue_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX dead_jobs_queue_idx ON identity.dead_jobs USING btree (queue, kind);


--
-- Name: email_probes_hits_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX email_probes_hits_idx ON identity.email_probes USING btree (organization_id, probed_at) WHERE (disposition = ANY (ARRAY['ON_PLATFORM'::text, 'PROFESSIONAL'::text]));


--
-- Name: feed_parked_aggregate_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX feed_parked_aggregate_idx ON identity.feed_parked USING btree (source, aggregate_id, transaction_id, event_id);


--
-- Name: idempotency_age_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX idempotency_age_idx ON identity.idempotency USING btree (created_at);


--
-- Name: invitations_account_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX invitations_account_idx ON identity.invitations USING btree (account_id);


--
-- Name: invitations_record_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX invitations_record_idx ON identity.invitations USING btree (organization_id, record_id, created_at);


--
-- Name: invitations_record_key; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE UNIQUE INDEX invitations_record_key ON identity.invitations USING btree (organization_id, record_id) WHERE (state = 'PENDING'::text);


--
-- Name: jobs_dedupe_key; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE UNIQUE INDEX jobs_dedupe_key ON identity.jobs USING btree (organization_id, kind, dedupe_key) WHERE (dedupe_key IS NOT NULL);


--
-- Name: jobs_due_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX jobs_due_idx ON identity.jobs USING btree (queue, run_at);


--
-- Name: jobs_leased_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX jobs_leased_idx ON identity.jobs USING btree (queue, run_at) WHERE (lease_until IS NOT NULL);


--
-- Name: login_identifiers_account_key; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE UNIQUE INDEX login_identifiers_account_key ON identity.login_identifiers USING btree (account_id, kind) WHERE (state <> 'RETIRED'::text);


--
-- Name: login_identifiers_normalized_key; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE UNIQUE INDEX login_identifiers_normalized_key ON identity.login_identifiers USING btree (kind, normalized) WHERE ((state <> 'RETIRED'::text) OR (kind = 'USERNAME'::text) OR professional);


--
-- Name: memberships_account_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX memberships_account_idx ON identity.memberships USING btree (account_id);


--
-- Name: sessions_account_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX sessions_account_idx ON identity.sessions USING btree (account_id, created_at) WHERE (ended_at IS NULL);


--
-- Name: sessions_expires_at_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX sessions_expires_at_idx ON identity.sessions USING btree (expires_at);


--
-- Name: sign_in_failures_window_idx; Type: INDEX; Schema: identity; Owner: identity_owner
--

CREATE INDEX sign_in_failures_window_idx ON identity.sign_in_failures USING btree (window_started_at);


--
-- Name: audit_log audit_log_append_only; Type: TRIGGER; Schema: identity; Owner: identity_owner
--

CREATE TRIGGER audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON identity.audit_log FOR EACH STATEMENT EXECUTE FUNCTION identity.refuse_audit_change();


--
-- Name: audit_seals audit_seals_append_only; Type: TRIGGER; Schema: identity; Owner: identity_owner
--

CREATE TRIGGER audit_seals_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON identity.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION identity.refuse_audit_change();


--
-- Name: invitations invitations_answer_final; Type: TRIGGER; Schema: identity; Owner: identity_owner
--

CREATE TRIGGER invitations_answer_final BEFORE UPDATE ON identity.invitations FOR EACH ROW EXECUTE FUNCTION identity.invitations_answer_final();


--
-- Name: memberships memberships_version_rises; Type: TRIGGER; Schema: identity; Owner: identity_owner
--

CREATE TRIGGER memberships_version_rises BEFORE UPDATE ON identity.memberships FOR EACH ROW EXECUTE FUNCTION identity.memberships_version_rises();


--
-- Name: credentials credentials_account_fkey; Type: FK CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.credentials
    ADD CONSTRAINT credentials_account_fkey FOREIGN KEY (account_id) REFERENCES identity.accounts(account_id);


--
-- Name: invitation_sends invitation_sends_invitation_fkey; Type: FK CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.invitation_sends
    ADD CONSTRAINT invitation_sends_invitation_fkey FOREIGN KEY (organization_id, invitation_id) REFERENCES identity.invitations(organization_id, invitation_id);


--
-- Name: login_identifiers login_identifiers_account_fkey; Type: FK CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.login_identifiers
    ADD CONSTRAINT login_identifiers_account_fkey FOREIGN KEY (account_id) REFERENCES identity.accounts(account_id);


--
-- Name: sessions sessions_account_fkey; Type: FK CONSTRAINT; Schema: identity; Owner: identity_owner
--

ALTER TABLE ONLY identity.sessions
    ADD CONSTRAINT sessions_account_fkey FOREIGN KEY (account_id) REFERENCES identity.accounts(account_id);


--
-- Name: accounts; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.accounts ENABLE ROW LEVEL SECURITY;

--
-- Name: accounts accounts_owner; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY accounts_owner ON identity.accounts TO identity_owner USING (true);


--
-- Name: accounts accounts_person; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY accounts_person ON identity.accounts USING ((account_id = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid)) WITH CHECK ((account_id = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid));


--
-- Name: audit_log; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.audit_log ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_log audit_log_append; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY audit_log_append ON identity.audit_log FOR INSERT TO identity WITH CHECK (((organization_id IS NULL) OR (organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)));


--
-- Name: audit_log audit_log_append_worker; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY audit_log_append_worker ON identity.audit_log FOR INSERT TO identity_worker WITH CHECK (true);


--
-- Name: audit_log audit_log_seal; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY audit_log_seal ON identity.audit_log FOR SELECT TO identity_worker USING (true);


--
-- Name: credentials; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.credentials ENABLE ROW LEVEL SECURITY;

--
-- Name: credentials credentials_owner; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY credentials_owner ON identity.credentials TO identity_owner USING (true);


--
-- Name: credentials credentials_person; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY credentials_person ON identity.credentials USING ((account_id = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid)) WITH CHECK ((account_id = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid));


--
-- Name: dead_jobs; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.dead_jobs ENABLE ROW LEVEL SECURITY;

--
-- Name: dead_jobs dead_jobs_tenant; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY dead_jobs_tenant ON identity.dead_jobs TO identity USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: dead_jobs dead_jobs_worker; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY dead_jobs_worker ON identity.dead_jobs TO identity_worker USING (true) WITH CHECK (true);


--
-- Name: email_probes; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.email_probes ENABLE ROW LEVEL SECURITY;

--
-- Name: email_probes email_probes_tenant; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY email_probes_tenant ON identity.email_probes USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: events; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.events ENABLE ROW LEVEL SECURITY;

--
-- Name: events events_append; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY events_append ON identity.events FOR INSERT TO identity WITH CHECK (((organization_id IS NULL) OR (organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)));


--
-- Name: events events_feed; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY events_feed ON identity.events FOR SELECT TO identity_worker USING (true);


--
-- Name: events events_swept; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY events_swept ON identity.events FOR DELETE TO identity_worker USING ((created_at < (now() - '7 days'::interval)));


--
-- Name: idempotency; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.idempotency ENABLE ROW LEVEL SECURITY;

--
-- Name: idempotency idempotency_scope; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY idempotency_scope ON identity.idempotency USING (((scope = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid) OR (scope = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid) OR (scope = '00000000-0000-0000-0000-000000000000'::uuid))) WITH CHECK (((scope = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid) OR (scope = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid) OR (scope = '00000000-0000-0000-0000-000000000000'::uuid)));


--
-- Name: idempotency idempotency_swept; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY idempotency_swept ON identity.idempotency TO identity_worker USING ((created_at < (now() - '72:00:00'::interval)));


--
-- Name: invitation_sends; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.invitation_sends ENABLE ROW LEVEL SECURITY;

--
-- Name: invitation_sends invitation_sends_tenant; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY invitation_sends_tenant ON identity.invitation_sends USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: invitations; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.invitations ENABLE ROW LEVEL SECURITY;

--
-- Name: invitations invitations_owner; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY invitations_owner ON identity.invitations TO identity_owner USING (true);


--
-- Name: invitations invitations_tenant; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY invitations_tenant ON identity.invitations USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: jobs; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.jobs ENABLE ROW LEVEL SECURITY;

--
-- Name: jobs jobs_tenant; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY jobs_tenant ON identity.jobs TO identity USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: jobs jobs_worker; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY jobs_worker ON identity.jobs TO identity_worker USING (true) WITH CHECK (true);


--
-- Name: login_identifiers; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.login_identifiers ENABLE ROW LEVEL SECURITY;

--
-- Name: login_identifiers login_identifiers_owner; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY login_identifiers_owner ON identity.login_identifiers TO identity_owner USING (true);


--
-- Name: login_identifiers login_identifiers_person; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY login_identifiers_person ON identity.login_identifiers USING ((account_id = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid)) WITH CHECK ((account_id = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid));


--
-- Name: memberships; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.memberships ENABLE ROW LEVEL SECURITY;

--
-- Name: memberships memberships_owner; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY memberships_owner ON identity.memberships TO identity_owner USING (true);


--
-- Name: memberships memberships_person; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY memberships_person ON identity.memberships FOR SELECT USING ((account_id = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid));


--
-- Name: memberships memberships_tenant; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY memberships_tenant ON identity.memberships USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: sessions; Type: ROW SECURITY; Schema: identity; Owner: identity_owner
--

ALTER TABLE identity.sessions ENABLE ROW LEVEL SECURITY;

--
-- Name: sessions sessions_owner; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY sessions_owner ON identity.sessions TO identity_owner USING (true);


--
-- Name: sessions sessions_person; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY sessions_person ON identity.sessions USING ((account_id = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid)) WITH CHECK ((account_id = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid));


--
-- Name: sessions sessions_swept; Type: POLICY; Schema: identity; Owner: identity_owner
--

CREATE POLICY sessions_swept ON identity.sessions TO identity_worker USING ((expires_at < (now() - '30 days'::interval)));


--
-- Name: SCHEMA identity; Type: ACL; Schema: -; Owner: identity_owner
--

GRANT USAGE ON SCHEMA identity TO identity;
GRANT USAGE ON SCHEMA identity TO identity_worker;


--
-- Name: FUNCTION account_is_shared(p_account_id uuid, p_organization_id uuid); Type: ACL; Schema: identity; Owner: identity_owner
--

REVOKE ALL ON FUNCTION identity.account_is_shared(p_account_id uuid, p_organization_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION identity.account_is_shared(p_account_id uuid, p_organization_id uuid) TO identity;


--
-- Name: FUNCTION credential_of(p_kind text, p_normalized text); Type: ACL; Schema: identity; Owner: identity_owner
--

REVOKE ALL ON FUNCTION identity.credential_of(p_kind text, p_normalized text) FROM PUBLIC;
GRANT ALL ON FUNCTION identity.credential_of(p_kind text, p_normalized text) TO identity;


--
-- Name: FUNCTION free_username(p_stem text); Type: ACL; Schema: identity; Owner: identity_owner
--

REVOKE ALL ON FUNCTION identity.free_username(p_stem text) FROM PUBLIC;
GRANT ALL ON FUNCTION identity.free_username(p_stem text) TO identity;


--
-- Name: FUNCTION identifier_holder(p_kind text, p_normalized text); Type: ACL; Schema: identity; Owner: identity_owner
--

REVOKE ALL ON FUNCTION identity.identifier_holder(p_kind text, p_normalized text) FROM PUBLIC;
GRANT ALL ON FUNCTION identity.identifier_holder(p_kind text, p_normalized text) TO identity;


--
-- Name: FUNCTION invitations_answer_final(); Type: ACL; Schema: identity; Owner: identity_owner
--

REVOKE ALL ON FUNCTION identity.invitations_answer_final() FROM PUBLIC;
GRANT ALL ON FUNCTION identity.invitations_answer_final() TO identity;


--
-- Name: FUNCTION look_up_invitation(p_organization_id uuid, p_invitation_id uuid); Type: ACL; Schema: identity; Owner: identity_owner
--

REVOKE ALL ON FUNCTION identity.look_up_invitation(p_organization_id uuid, p_invitation_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION identity.look_up_invitation(p_organization_id uuid, p_invitation_id uuid) TO identity;


--
-- Name: FUNCTION memberships_version_rises(); Type: ACL; Schema: identity; Owner: identity_owner
--

REVOKE ALL ON FUNCTION identity.memberships_version_rises() FROM PUBLIC;
GRANT ALL ON FUNCTION identity.memberships_version_rises() TO identity;


--
-- Name: FUNCTION refuse_audit_change(); Type: ACL; Schema: identity; Owner: identity_owner
--

REVOKE ALL ON FUNCTION identity.refuse_audit_change() FROM PUBLIC;


--
-- Name: FUNCTION session_by_hash(p_token_hash bytea); Type: ACL; Schema: identity; Owner: identity_owner
--

REVOKE ALL ON FUNCTION identity.session_by_hash(p_token_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION identity.session_by_hash(p_token_hash bytea) TO identity;


--
-- Name: TABLE accounts; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE identity.accounts TO identity;


--
-- Name: TABLE alerts; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE identity.alerts TO identity;
GRANT SELECT,INSERT,UPDATE ON TABLE identity.alerts TO identity_worker;


--
-- Name: TABLE audit_log; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT ON TABLE identity.audit_log TO identity_worker;


--
-- Name: COLUMN audit_log.organization_id; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(organization_id) ON TABLE identity.audit_log TO identity;
GRANT INSERT(organization_id) ON TABLE identity.audit_log TO identity_worker;


--
-- Name: COLUMN audit_log.actor_account; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(actor_account) ON TABLE identity.audit_log TO identity;
GRANT INSERT(actor_account) ON TABLE identity.audit_log TO identity_worker;


--
-- Name: COLUMN audit_log.actor_service; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(actor_service) ON TABLE identity.audit_log TO identity;
GRANT INSERT(actor_service) ON TABLE identity.audit_log TO identity_worker;


--
-- Name: COLUMN audit_log.acting_as; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(acting_as) ON TABLE identity.audit_log TO identity;
GRANT INSERT(acting_as) ON TABLE identity.audit_log TO identity_worker;


--
-- Name: COLUMN audit_log.action; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(action) ON TABLE identity.audit_log TO identity;
GRANT INSERT(action) ON TABLE identity.audit_log TO identity_worker;


--
-- Name: COLUMN audit_log.object_kind; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(object_kind) ON TABLE identity.audit_log TO identity;
GRANT INSERT(object_kind) ON TABLE identity.audit_log TO identity_worker;


--
-- Name: COLUMN audit_log.object_id; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(object_id) ON TABLE identity.audit_log TO identity;
GRANT INSERT(object_id) ON TABLE identity.audit_log TO identity_worker;


--
-- Name: COLUMN audit_log.request_id; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(request_id) ON TABLE identity.audit_log TO identity;
GRANT INSERT(request_id) ON TABLE identity.audit_log TO identity_worker;


--
-- Name: COLUMN audit_log.detail; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(detail) ON TABLE identity.audit_log TO identity;
GRANT INSERT(detail) ON TABLE identity.audit_log TO identity_worker;


--
-- Name: SEQUENCE audit_log_audit_id_seq; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT ON SEQUENCE identity.audit_log_audit_id_seq TO identity_worker;


--
-- Name: TABLE audit_seals; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT ON TABLE identity.audit_seals TO identity_worker;


--
-- Name: TABLE credentials; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE identity.credentials TO identity;


--
-- Name: TABLE dead_jobs; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,DELETE ON TABLE identity.dead_jobs TO identity;
GRANT SELECT,INSERT ON TABLE identity.dead_jobs TO identity_worker;


--
-- Name: TABLE email_probes; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT ON TABLE identity.email_probes TO identity;


--
-- Name: TABLE events; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,DELETE ON TABLE identity.events TO identity_worker;


--
-- Name: COLUMN events.organization_id; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(organization_id) ON TABLE identity.events TO identity;


--
-- Name: COLUMN events.kind; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(kind) ON TABLE identity.events TO identity;


--
-- Name: COLUMN events.aggregate_id; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(aggregate_id) ON TABLE identity.events TO identity;


--
-- Name: COLUMN events.payload; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT INSERT(payload) ON TABLE identity.events TO identity;


--
-- Name: TABLE feed_low_water; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,UPDATE ON TABLE identity.feed_low_water TO identity_worker;


--
-- Name: TABLE idempotency; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.idempotency TO identity;
GRANT DELETE ON TABLE identity.idempotency TO identity_worker;


--
-- Name: COLUMN idempotency.created_at; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT(created_at) ON TABLE identity.idempotency TO identity_worker;


--
-- Name: TABLE invitation_sends; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT ON TABLE identity.invitation_sends TO identity;


--
-- Name: TABLE invitations; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE identity.invitations TO identity;


--
-- Name: SEQUENCE job_fences; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT USAGE ON SEQUENCE identity.job_fences TO identity_worker;


--
-- Name: TABLE jobs; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE identity.jobs TO identity;
GRANT SELECT,INSERT,DELETE ON TABLE identity.jobs TO identity_worker;


--
-- Name: COLUMN jobs.run_at; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT UPDATE(run_at) ON TABLE identity.jobs TO identity_worker;


--
-- Name: COLUMN jobs.attempt; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT UPDATE(attempt) ON TABLE identity.jobs TO identity_worker;


--
-- Name: COLUMN jobs.attempts_max; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT UPDATE(attempts_max) ON TABLE identity.jobs TO identity_worker;


--
-- Name: COLUMN jobs.abandoned; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT UPDATE(abandoned) ON TABLE identity.jobs TO identity_worker;


--
-- Name: COLUMN jobs.lease_until; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT UPDATE(lease_until) ON TABLE identity.jobs TO identity_worker;


--
-- Name: COLUMN jobs.fence; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT UPDATE(fence) ON TABLE identity.jobs TO identity_worker;


--
-- Name: COLUMN jobs.failure; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT UPDATE(failure) ON TABLE identity.jobs TO identity_worker;


--
-- Name: TABLE login_identifiers; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.login_identifiers TO identity;


--
-- Name: TABLE memberships; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE identity.memberships TO identity;


--
-- Name: TABLE schedules; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE identity.schedules TO identity_worker;


--
-- Name: TABLE schema_migrations; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT ON TABLE identity.schema_migrations TO identity;
GRANT SELECT ON TABLE identity.schema_migrations TO identity_worker;


--
-- Name: TABLE sessions; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE identity.sessions TO identity;
GRANT DELETE ON TABLE identity.sessions TO identity_worker;


--
-- Name: COLUMN sessions.session_id; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT(session_id) ON TABLE identity.sessions TO identity_worker;


--
-- Name: COLUMN sessions.expires_at; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT(expires_at) ON TABLE identity.sessions TO identity_worker;


--
-- Name: TABLE sign_in_failures; Type: ACL; Schema: identity; Owner: identity_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.sign_in_failures TO identity;
GRANT SELECT,DELETE ON TABLE identity.sign_in_failures TO identity_worker;


--
-- Name: DEFAULT PRIVILEGES FOR SEQUENCES; Type: DEFAULT ACL; Schema: identity; Owner: identity_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE identity_owner IN SCHEMA identity GRANT USAGE ON SEQUENCES  TO identity;


--
-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: identity; Owner: identity_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE identity_owner IN SCHEMA identity GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO identity;


--
-- PostgreSQL database dump complete
--

\unrestrict schema

