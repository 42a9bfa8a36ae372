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
-- Name: client_directory; Type: SCHEMA; Schema: -; Owner: client_directory_owner
--

CREATE SCHEMA client_directory;


ALTER SCHEMA client_directory OWNER TO client_directory_owner;

--
-- Name: demand_change(bigint); Type: FUNCTION; Schema: client_directory; Owner: client_directory_owner
--

CREATE FUNCTION client_directory.demand_change(changed bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'client_directory', 'pg_temp'
    AS $$
BEGIN
  IF changed IS DISTINCT FROM 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'CD001', MESSAGE = 'the record changed meanwhile';
  END IF;
END
$$;


ALTER FUNCTION client_directory.demand_change(changed bigint) OWNER TO client_directory_owner;

--
-- Name: demand_quota(bigint); Type: FUNCTION; Schema: client_directory; Owner: client_directory_owner
--

CREATE FUNCTION client_directory.demand_quota(counted bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'client_directory', 'pg_temp'
    AS $$
BEGIN
  IF counted IS DISTINCT FROM 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'CD002', MESSAGE = 'the quota is used up';
  END IF;
END
$$;


ALTER FUNCTION client_directory.demand_quota(counted bigint) OWNER TO client_directory_owner;

--
-- Name: refuse_audit_change(); Type: FUNCTION; Schema: client_directory; Owner: client_directory_owner
--

CREATE FUNCTION client_directory.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'client_directory', 'pg_temp'
    AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only appended to' USING ERRCODE = 'insufficient_privilege';
END $$;


ALTER FUNCTION client_directory.refuse_audit_change() OWNER TO client_directory_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alerts; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.alerts (
    kind text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    raised_at timestamp with time zone DEFAULT now() NOT NULL,
    cleared_at timestamp with time zone,
    CONSTRAINT alerts_detail_check CHECK ((char_length(detail) <= 1000)),
    CONSTRAINT alerts_kind_check CHECK (((char_length(kind) >= 1) AND (char_length(kind) <= 100))),
    CONSTRAINT alerts_subject_check CHECK (((char_length(subject) >= 1) AND (char_length(subject) <= 200)))
);


ALTER TABLE client_directory.alerts OWNER TO client_directory_owner;

--
-- Name: TABLE alerts; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON TABLE client_directory.alerts IS 'no tenant''s, and without personal data; open while cleared_at is NULL';


--
-- Name: COLUMN alerts.subject; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.alerts.subject IS 'what it is about, such as a feed''s source or a job''s queue';


--
-- Name: audit_log; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.audit_log (
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

ALTER TABLE ONLY client_directory.audit_log FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.audit_log OWNER TO client_directory_owner;

--
-- Name: COLUMN audit_log.organization_id; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.audit_log.organization_id IS 'NULL for facts about a person';


--
-- Name: COLUMN audit_log.actor_account; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.audit_log.actor_account IS 'NULL when a service acted for nobody';


--
-- Name: COLUMN audit_log.acting_as; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.audit_log.acting_as IS 'hat and profile of the account, such as STAFF MANAGER';


--
-- Name: COLUMN audit_log.detail; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.audit_log.detail IS 'names of changed fields and the like; no personal data';


--
-- Name: audit_log_audit_id_seq; Type: SEQUENCE; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.audit_log ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME client_directory.audit_log_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: audit_seals; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.audit_seals (
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


ALTER TABLE client_directory.audit_seals OWNER TO client_directory_owner;

--
-- Name: COLUMN audit_seals.gaps; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.audit_seals.gaps IS 'first and last of each run of ids that no row has: their transactions were rolled back';


--
-- Name: client_labels; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.client_labels (
    organization_id uuid NOT NULL,
    label text NOT NULL,
    sort_key text NOT NULL COLLATE pg_catalog."C",
    client_id uuid NOT NULL,
    CONSTRAINT client_labels_label_check CHECK (((char_length(label) >= 1) AND (char_length(label) <= 50)))
);

ALTER TABLE ONLY client_directory.client_labels FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.client_labels OWNER TO client_directory_owner;

--
-- Name: COLUMN client_labels.sort_key; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.client_labels.sort_key IS 'the client''s own, kept equal by the foreign key, so that a list needs no sort';


--
-- Name: clients; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.clients (
    organization_id uuid NOT NULL,
    client_id uuid NOT NULL,
    branch_id uuid NOT NULL,
    account_id uuid,
    case_manager_id uuid,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
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
    sort_key text GENERATED ALWAYS AS (regexp_replace(NORMALIZE(lower((((family_name || ''::text) || given_name) COLLATE "und-x-icu")), NFD), '[̀-ͯ]'::text, ''::text, 'g'::text)) STORED NOT NULL COLLATE pg_catalog."C",
    contact_ids uuid[],
    contact_kinds smallint[],
    contact_ranks smallint[],
    contact_phone_types smallint[],
    contact_values text[],
    stakeholder_ids uuid[],
    CONSTRAINT clients_access_state_check CHECK (((access_state >= 1) AND (access_state <= 4))),
    CONSTRAINT clients_case_manager_check CHECK (((case_manager_id IS NULL) OR (case_manager_name = ''::text))),
    CONSTRAINT clients_contact_ids_check CHECK ((cardinality(contact_ids) <= 50)),
    CONSTRAINT clients_family_name_check CHECK (((char_length(family_name) >= 1) AND (char_length(family_name) <= 100))),
    CONSTRAINT clients_given_name_check CHECK (((char_length(given_name) >= 1) AND (char_length(given_name) <= 100))),
    CONSTRAINT clients_labels_check CHECK ((cardinality(labels) <= 20)),
    CONSTRAINT clients_login_check CHECK (((account_id IS NULL) = (access_state = 1))),
    CONSTRAINT clients_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY client_directory.clients FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.clients OWNER TO client_directory_owner;

--
-- Name: COLUMN clients.version; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.clients.version IS 'the etag';


--
-- Name: COLUMN clients.access_state; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.clients.access_state IS 'number of client_directory.v1.AccessState; NO_LOGIN = no account';


--
-- Name: COLUMN clients.email_signs_in; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.clients.email_signs_in IS 'the primary e-mail is the login (B7); not said by organisations of blind disclosure until ACTIVE';


--
-- Name: COLUMN clients.invitation_email; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.clients.invitation_email IS 'where invitations go: the primary e-mail, or the secondary one of a username-only client (B8)';


--
-- Name: COLUMN clients.labels; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.clients.labels IS 'for reading; client_labels has them for listing';


--
-- Name: COLUMN clients.sort_key; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.clients.sort_key IS 'family and given name without case and accents';


--
-- Name: COLUMN clients.contact_ids; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.clients.contact_ids IS 'for lists, as are contact_kinds and so on: the client''s contact_points in the order of rank, kind, id';


--
-- Name: COLUMN clients.stakeholder_ids; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.clients.stakeholder_ids IS 'for lists; stakeholders has them';


--
-- Name: contact_points; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.contact_points (
    organization_id uuid NOT NULL,
    client_id uuid NOT NULL,
    contact_point_id uuid NOT NULL,
    kind smallint NOT NULL,
    rank smallint NOT NULL,
    phone_type smallint NOT NULL,
    value text NOT NULL,
    normalized text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT contact_points_kind_check CHECK (((kind >= 1) AND (kind <= 2))),
    CONSTRAINT contact_points_phone_type_check CHECK ((((phone_type >= 0) AND (phone_type <= 3)) AND ((kind = 2) OR (phone_type = 0)))),
    CONSTRAINT contact_points_rank_check CHECK (((rank >= 1) AND (rank <= 2)))
);

ALTER TABLE ONLY client_directory.contact_points FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.contact_points OWNER TO client_directory_owner;

--
-- Name: COLUMN contact_points.kind; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.contact_points.kind IS 'number of client_directory.v1.ContactKind';


--
-- Name: COLUMN contact_points.rank; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.contact_points.rank IS 'number of client_directory.v1.ContactRank';


--
-- Name: COLUMN contact_points.value; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.contact_points.value IS 'as typed, a phone in E.164';


--
-- Name: COLUMN contact_points.normalized; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.contact_points.normalized IS 'for comparing';


--
-- Name: data_keys; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.data_keys (
    organization_id uuid NOT NULL,
    purpose smallint NOT NULL,
    version bigint NOT NULL,
    master_key_id text NOT NULL,
    wrapped bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    destroyed_at timestamp with time zone,
    CONSTRAINT data_keys_master_key_id_check CHECK (((char_length(master_key_id) >= 1) AND (char_length(master_key_id) <= 255))),
    CONSTRAINT data_keys_purpose_check CHECK (((purpose >= 1) AND (purpose <= 3))),
    CONSTRAINT data_keys_version_check CHECK (((version >= 1) AND (version <= 2147483647))),
    CONSTRAINT data_keys_wrapped_check CHECK (((wrapped IS NULL) = (destroyed_at IS NOT NULL)))
);

ALTER TABLE ONLY client_directory.data_keys FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.data_keys OWNER TO client_directory_owner;

--
-- Name: TABLE data_keys; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON TABLE client_directory.data_keys IS 'keys of organisations; each opens with a master key and the organisation''s secret, both of them files';


--
-- Name: COLUMN data_keys.purpose; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.data_keys.purpose IS '1 encrypts, 2 makes blind indexes, 3 makes second ones and is about to become 2';


--
-- Name: COLUMN data_keys.wrapped; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.data_keys.wrapped IS 'AES-256-GCM; NULL once destroyed';


--
-- Name: dead_jobs; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.dead_jobs (
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

ALTER TABLE ONLY client_directory.dead_jobs FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.dead_jobs OWNER TO client_directory_owner;

--
-- Name: TABLE dead_jobs; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON TABLE client_directory.dead_jobs IS 'jobs that were given up; an operator retries or drops them';


--
-- Name: events; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.events (
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

ALTER TABLE ONLY client_directory.events FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.events OWNER TO client_directory_owner;

--
-- Name: COLUMN events.organization_id; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.events.organization_id IS 'NULL for facts about a person';


--
-- Name: events_event_id_seq; Type: SEQUENCE; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.events ALTER COLUMN event_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME client_directory.events_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: feed_low_water; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.feed_low_water (
    singleton boolean DEFAULT true NOT NULL,
    transaction_id xid8 DEFAULT '0'::xid8 NOT NULL,
    event_id bigint DEFAULT 0 NOT NULL,
    swept_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT feed_low_water_singleton_check CHECK (singleton)
);


ALTER TABLE client_directory.feed_low_water OWNER TO client_directory_owner;

--
-- Name: feed_parked; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.feed_parked (
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


ALTER TABLE client_directory.feed_parked OWNER TO client_directory_owner;

--
-- Name: COLUMN feed_parked.event; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.feed_parked.event IS 'the serialised clientele.feed.v1.Event';


--
-- Name: COLUMN feed_parked.attempts; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.feed_parked.attempts IS '0: never tried, it stands behind an earlier event of its aggregate and follows it by itself';


--
-- Name: COLUMN feed_parked.retry_at; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.feed_parked.retry_at IS 'set by an operator: the follower tries it again';


--
-- Name: feed_positions; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.feed_positions (
    source text NOT NULL,
    transaction_id xid8 NOT NULL,
    event_id bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE client_directory.feed_positions OWNER TO client_directory_owner;

--
-- Name: idempotency; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.idempotency (
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

ALTER TABLE ONLY client_directory.idempotency FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.idempotency OWNER TO client_directory_owner;

--
-- Name: COLUMN idempotency.scope; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.idempotency.scope IS 'organization id, else account id, else the nil UUID for calls made before either is known';


--
-- Name: identifier_reveals; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.identifier_reveals (
    organization_id uuid NOT NULL,
    account_id uuid NOT NULL,
    moments timestamp with time zone[] NOT NULL,
    CONSTRAINT identifier_reveals_moments_check CHECK (((cardinality(moments) >= 1) AND (cardinality(moments) <= 100)))
);

ALTER TABLE ONLY client_directory.identifier_reveals FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.identifier_reveals OWNER TO client_directory_owner;

--
-- Name: COLUMN identifier_reveals.moments; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.identifier_reveals.moments IS 'when the person last read numbers in full, the oldest first; as many as are allowed an hour';


--
-- Name: identifiers; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.identifiers (
    organization_id uuid NOT NULL,
    client_id uuid NOT NULL,
    kind smallint NOT NULL,
    key_version bigint NOT NULL,
    ciphertext bytea NOT NULL,
    blind_index bytea NOT NULL,
    masked text NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    next_index bytea,
    CONSTRAINT identifiers_blind_index_check CHECK ((octet_length(blind_index) = 32)),
    CONSTRAINT identifiers_kind_check CHECK (((kind >= 1) AND (kind <= 3))),
    CONSTRAINT identifiers_masked_check CHECK ((masked ~~ '%***%'::text)),
    CONSTRAINT identifiers_next_index_check CHECK ((octet_length(next_index) = 32)),
    CONSTRAINT identifiers_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY client_directory.identifiers FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.identifiers OWNER TO client_directory_owner;

--
-- Name: TABLE identifiers; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON TABLE client_directory.identifiers IS 'register numbers of clients, one of a kind';


--
-- Name: COLUMN identifiers.kind; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.identifiers.kind IS 'number of client_directory.v1.IdentifierKind';


--
-- Name: COLUMN identifiers.key_version; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.identifiers.key_version IS 'of data_keys; the ciphertext says the same';


--
-- Name: COLUMN identifiers.blind_index; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.identifiers.blind_index IS 'HMAC-SHA-256 of the digits by a key of the organisation and the kind';


--
-- Name: COLUMN identifiers.masked; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.identifiers.masked IS 'what is shown: all but the last digits hidden';


--
-- Name: COLUMN identifiers.version; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.identifiers.version IS 'the etag';


--
-- Name: COLUMN identifiers.next_index; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.identifiers.next_index IS 'the same by the key that is about to take the place of the one of blind_index';


--
-- Name: job_fences; Type: SEQUENCE; Schema: client_directory; Owner: client_directory_owner
--

CREATE SEQUENCE client_directory.job_fences
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE client_directory.job_fences OWNER TO client_directory_owner;

--
-- Name: jobs; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.jobs (
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

ALTER TABLE ONLY client_directory.jobs FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.jobs OWNER TO client_directory_owner;

--
-- Name: TABLE jobs; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON TABLE client_directory.jobs IS 'what is not done yet; deleted when done, moved to dead_jobs when given up';


--
-- Name: COLUMN jobs.organization_id; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.jobs.organization_id IS 'all zeros for the system''s own';


--
-- Name: COLUMN jobs.dedupe_key; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.jobs.dedupe_key IS 'of a kind and key one job is live in an organisation';


--
-- Name: COLUMN jobs.payload; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.jobs.payload IS 'JSON';


--
-- Name: COLUMN jobs.run_at; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.jobs.run_at IS 'when to try next; while a worker has the job, when its lease ends';


--
-- Name: COLUMN jobs.attempt; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.jobs.attempt IS 'how often it was taken';


--
-- Name: COLUMN jobs.abandoned; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.jobs.abandoned IS 'how often its lease ran out: its worker died';


--
-- Name: COLUMN jobs.fence; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.jobs.fence IS 'number of the latest claim; an older one loses';


--
-- Name: schedules; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.schedules (
    name text NOT NULL,
    slot timestamp with time zone NOT NULL
);


ALTER TABLE client_directory.schedules OWNER TO client_directory_owner;

--
-- Name: schema_migrations; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE client_directory.schema_migrations OWNER TO client_directory_owner;

--
-- Name: stakeholders; Type: TABLE; Schema: client_directory; Owner: client_directory_owner
--

CREATE TABLE client_directory.stakeholders (
    organization_id uuid NOT NULL,
    client_id uuid NOT NULL,
    employee_id uuid NOT NULL,
    sort_key text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY client_directory.stakeholders FORCE ROW LEVEL SECURITY;


ALTER TABLE client_directory.stakeholders OWNER TO client_directory_owner;

--
-- Name: TABLE stakeholders; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON TABLE client_directory.stakeholders IS 'employees with access to a file (B14, B16)';


--
-- Name: COLUMN stakeholders.sort_key; Type: COMMENT; Schema: client_directory; Owner: client_directory_owner
--

COMMENT ON COLUMN client_directory.stakeholders.sort_key IS 'the client''s own, kept equal by the foreign key, so that a list needs no sort';


--
-- Name: alerts alerts_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (kind, subject, raised_at);


--
-- Name: audit_log audit_log_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (audit_id);


--
-- Name: audit_seals audit_seals_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.audit_seals
    ADD CONSTRAINT audit_seals_pkey PRIMARY KEY (seal_number);


--
-- Name: client_labels client_labels_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.client_labels
    ADD CONSTRAINT client_labels_pkey PRIMARY KEY (organization_id, client_id, label);


--
-- Name: clients clients_name_key; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.clients
    ADD CONSTRAINT clients_name_key UNIQUE (organization_id, sort_key, client_id);


--
-- Name: clients clients_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.clients
    ADD CONSTRAINT clients_pkey PRIMARY KEY (organization_id, client_id);


--
-- Name: contact_points contact_points_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.contact_points
    ADD CONSTRAINT contact_points_pkey PRIMARY KEY (organization_id, client_id, contact_point_id);


--
-- Name: contact_points contact_points_value_key; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.contact_points
    ADD CONSTRAINT contact_points_value_key UNIQUE (organization_id, client_id, kind, normalized);


--
-- Name: data_keys data_keys_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.data_keys
    ADD CONSTRAINT data_keys_pkey PRIMARY KEY (organization_id, purpose, version);


--
-- Name: dead_jobs dead_jobs_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.dead_jobs
    ADD CONSTRAINT dead_jobs_pkey PRIMARY KEY (organization_id, job_id);


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (transaction_id, event_id);


--
-- Name: feed_low_water feed_low_water_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.feed_low_water
    ADD CONSTRAINT feed_low_water_pkey PRIMARY KEY (singleton);


--
-- Name: feed_parked feed_parked_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.feed_parked
    ADD CONSTRAINT feed_parked_pkey PRIMARY KEY (source, transaction_id, event_id);


--
-- Name: feed_positions feed_positions_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.feed_positions
    ADD CONSTRAINT feed_positions_pkey PRIMARY KEY (source);


--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (scope, caller, method, request_id);


--
-- Name: identifier_reveals identifier_reveals_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.identifier_reveals
    ADD CONSTRAINT identifier_reveals_pkey PRIMARY KEY (organization_id, account_id);


--
-- Name: identifiers identifiers_blind_index_key; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.identifiers
    ADD CONSTRAINT identifiers_blind_index_key UNIQUE (organization_id, kind, blind_index);


--
-- Name: identifiers identifiers_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.identifiers
    ADD CONSTRAINT identifiers_pkey PRIMARY KEY (organization_id, client_id, kind);


--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (organization_id, job_id);


--
-- Name: schedules schedules_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (name);


--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);


--
-- Name: stakeholders stakeholders_pkey; Type: CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.stakeholders
    ADD CONSTRAINT stakeholders_pkey PRIMARY KEY (organization_id, client_id, employee_id);


--
-- Name: alerts_open_key; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE UNIQUE INDEX alerts_open_key ON client_directory.alerts USING btree (kind, subject) WHERE (cleared_at IS NULL);


--
-- Name: client_labels_name_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX client_labels_name_idx ON client_directory.client_labels USING btree (organization_id, label, sort_key, client_id);


--
-- Name: client_labels_newest_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX client_labels_newest_idx ON client_directory.client_labels USING btree (organization_id, label, client_id);


--
-- Name: clients_branch_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX clients_branch_idx ON client_directory.clients USING btree (organization_id, branch_id, client_id);


--
-- Name: clients_branch_name_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX clients_branch_name_idx ON client_directory.clients USING btree (organization_id, branch_id, sort_key, client_id);


--
-- Name: clients_case_manager_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX clients_case_manager_idx ON client_directory.clients USING btree (organization_id, case_manager_id, client_id) WHERE (case_manager_id IS NOT NULL);


--
-- Name: clients_case_manager_name_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX clients_case_manager_name_idx ON client_directory.clients USING btree (organization_id, case_manager_id, sort_key, client_id) WHERE (case_manager_id IS NOT NULL);


--
-- Name: clients_state_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX clients_state_idx ON client_directory.clients USING btree (organization_id, access_state, client_id);


--
-- Name: clients_state_name_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX clients_state_name_idx ON client_directory.clients USING btree (organization_id, access_state, sort_key, client_id);


--
-- Name: contact_points_primary_email_key; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE UNIQUE INDEX contact_points_primary_email_key ON client_directory.contact_points USING btree (organization_id, normalized) WHERE ((rank = 1) AND (kind = 1));


--
-- Name: contact_points_primary_key; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE UNIQUE INDEX contact_points_primary_key ON client_directory.contact_points USING btree (organization_id, client_id, kind) WHERE (rank = 1);


--
-- Name: dead_jobs_dedupe_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX dead_jobs_dedupe_idx ON client_directory.dead_jobs USING btree (organization_id, kind, dedupe_key) WHERE (dedupe_key IS NOT NULL);


--
-- Name: dead_jobs_queue_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX dead_jobs_queue_idx ON client_directory.dead_jobs USING btree (queue, kind);


--
-- Name: feed_parked_aggregate_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX feed_parked_aggregate_idx ON client_directory.feed_parked USING btree (source, aggregate_id, transaction_id, event_id);


--
-- Name: idempotency_age_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX idempotency_age_idx ON client_directory.idempotency USING btree (created_at);


--
-- Name: identifiers_key_version_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX identifiers_key_version_idx ON client_directory.identifiers USING btree (organization_id, key_version, client_id, kind);


--
-- Name: identifiers_next_index_key; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE UNIQUE INDEX identifiers_next_index_key ON client_directory.identifiers USING btree (organization_id, kind, next_index) WHERE (next_index IS NOT NULL);


--
-- Name: jobs_dedupe_key; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE UNIQUE INDEX jobs_dedupe_key ON client_directory.jobs USING btree (organization_id, kind, dedupe_key) WHERE (dedupe_key IS NOT NULL);


--
-- Name: jobs_due_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX jobs_due_idx ON client_directory.jobs USING btree (queue, run_at);


--
-- Name: jobs_leased_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX jobs_leased_idx ON client_directory.jobs USING btree (queue, run_at) WHERE (lease_until IS NOT NULL);


--
-- Name: stakeholders_name_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX stakeholders_name_idx ON client_directory.stakeholders USING btree (organization_id, employee_id, sort_key, client_id);


--
-- Name: stakeholders_newest_idx; Type: INDEX; Schema: client_directory; Owner: client_directory_owner
--

CREATE INDEX stakeholders_newest_idx ON client_directory.stakeholders USING btree (organization_id, employee_id, client_id);


--
-- Name: audit_log audit_log_append_only; Type: TRIGGER; Schema: client_directory; Owner: client_directory_owner
--

CREATE TRIGGER audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON client_directory.audit_log FOR EACH STATEMENT EXECUTE FUNCTION client_directory.refuse_audit_change();


--
-- Name: audit_seals audit_seals_append_only; Type: TRIGGER; Schema: client_directory; Owner: client_directory_owner
--

CREATE TRIGGER audit_seals_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON client_directory.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION client_directory.refuse_audit_change();


--
-- Name: client_labels client_labels_file_fkey; Type: FK CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.client_labels
    ADD CONSTRAINT client_labels_file_fkey FOREIGN KEY (organization_id, client_id) REFERENCES client_directory.clients(organization_id, client_id) ON DELETE CASCADE;


--
-- Name: contact_points contact_points_client_fkey; Type: FK CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.contact_points
    ADD CONSTRAINT contact_points_client_fkey FOREIGN KEY (organization_id, client_id) REFERENCES client_directory.clients(organization_id, client_id) ON DELETE CASCADE;


--
-- Name: identifiers identifiers_client_fkey; Type: FK CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.identifiers
    ADD CONSTRAINT identifiers_client_fkey FOREIGN KEY (organization_id, client_id) REFERENCES client_directory.clients(organization_id, client_id) ON DELETE CASCADE;


--
-- Name: stakeholders stakeholders_file_fkey; Type: FK CONSTRAINT; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE ONLY client_directory.stakeholders
    ADD CONSTRAINT stakeholders_file_fkey FOREIGN KEY (organization_id, client_id) REFERENCES client_directory.clients(organization_id, client_id) ON DELETE CASCADE;


--
-- Name: audit_log; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.audit_log ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_log audit_log_append; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY audit_log_append ON client_directory.audit_log FOR INSERT TO client_directory WITH CHECK (((organization_id IS NULL) OR (organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)));


--
-- Name: audit_log audit_log_append_worker; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY audit_log_append_worker ON client_directory.audit_log FOR INSERT TO client_directory_worker WITH CHECK (true);


--
-- Name: audit_log audit_log_seal; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY audit_log_seal ON client_directory.audit_log FOR SELECT TO client_directory_worker USING (true);


--
-- Name: client_labels; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.client_labels ENABLE ROW LEVEL SECURITY;

--
-- Name: client_labels client_labels_tenant; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY client_labels_tenant ON client_directory.client_labels USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: clients; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.clients ENABLE ROW LEVEL SECURITY;

--
-- Name: clients clients_tenant; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY clients_tenant ON client_directory.clients USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: contact_points; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.contact_points ENABLE ROW LEVEL SECURITY;

--
-- Name: contact_points contact_points_tenant; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY contact_points_tenant ON client_directory.contact_points USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: data_keys; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.data_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: data_keys data_keys_new; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY data_keys_new ON client_directory.data_keys FOR INSERT WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: data_keys data_keys_next_index; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY data_keys_next_index ON client_directory.data_keys FOR DELETE USING (((purpose = 3) AND (organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)));


--
-- Name: data_keys data_keys_tenant; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY data_keys_tenant ON client_directory.data_keys FOR SELECT USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: dead_jobs; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.dead_jobs ENABLE ROW LEVEL SECURITY;

--
-- Name: dead_jobs dead_jobs_tenant; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY dead_jobs_tenant ON client_directory.dead_jobs TO client_directory USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: dead_jobs dead_jobs_worker; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY dead_jobs_worker ON client_directory.dead_jobs TO client_directory_worker USING (true) WITH CHECK (true);


--
-- Name: events; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.events ENABLE ROW LEVEL SECURITY;

--
-- Name: events events_append; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY events_append ON client_directory.events FOR INSERT TO client_directory WITH CHECK (((organization_id IS NULL) OR (organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)));


--
-- Name: events events_append_worker; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY events_append_worker ON client_directory.events FOR INSERT TO client_directory_worker WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: events events_feed; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY events_feed ON client_directory.events FOR SELECT TO client_directory_worker USING (true);


--
-- Name: events events_swept; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY events_swept ON client_directory.events FOR DELETE TO client_directory_worker USING ((created_at < (now() - '7 days'::interval)));


--
-- Name: idempotency; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.idempotency ENABLE ROW LEVEL SECURITY;

--
-- Name: idempotency idempotency_scope; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY idempotency_scope ON client_directory.idempotency USING (((scope = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid) OR (scope = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid) OR (scope = '00000000-0000-0000-0000-000000000000'::uuid))) WITH CHECK (((scope = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid) OR (scope = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid) OR (scope = '00000000-0000-0000-0000-000000000000'::uuid)));


--
-- Name: idempotency idempotency_swept; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY idempotency_swept ON client_directory.idempotency TO client_directory_worker USING ((created_at < (now() - '72:00:00'::interval)));


--
-- Name: identifier_reveals; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.identifier_reveals ENABLE ROW LEVEL SECURITY;

--
-- Name: identifier_reveals identifier_reveals_tenant; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY identifier_reveals_tenant ON client_directory.identifier_reveals USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: identifiers; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.identifiers ENABLE ROW LEVEL SECURITY;

--
-- Name: identifiers identifiers_tenant; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY identifiers_tenant ON client_directory.identifiers USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: jobs; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.jobs ENABLE ROW LEVEL SECURITY;

--
-- Name: jobs jobs_tenant; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY jobs_tenant ON client_directory.jobs TO client_directory USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: jobs jobs_worker; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY jobs_worker ON client_directory.jobs TO client_directory_worker USING (true) WITH CHECK (true);


--
-- Name: stakeholders; Type: ROW SECURITY; Schema: client_directory; Owner: client_directory_owner
--

ALTER TABLE client_directory.stakeholders ENABLE ROW LEVEL SECURITY;

--
-- Name: stakeholders stakeholders_tenant; Type: POLICY; Schema: client_directory; Owner: client_directory_owner
--

CREATE POLICY stakeholders_tenant ON client_directory.stakeholders USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: SCHEMA client_directory; Type: ACL; Schema: -; Owner: client_directory_owner
--

GRANT USAGE ON SCHEMA client_directory TO client_directory;
GRANT USAGE ON SCHEMA client_directory TO client_directory_worker;


--
-- Name: FUNCTION demand_change(changed bigint); Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

REVOKE ALL ON FUNCTION client_directory.demand_change(changed bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION client_directory.demand_change(changed bigint) TO client_directory;
GRANT ALL ON FUNCTION client_directory.demand_change(changed bigint) TO client_directory_worker;


--
-- Name: FUNCTION demand_quota(counted bigint); Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

REVOKE ALL ON FUNCTION client_directory.demand_quota(counted bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION client_directory.demand_quota(counted bigint) TO client_directory;


--
-- Name: FUNCTION refuse_audit_change(); Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

REVOKE ALL ON FUNCTION client_directory.refuse_audit_change() FROM PUBLIC;


--
-- Name: TABLE alerts; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE client_directory.alerts TO client_directory;
GRANT SELECT,INSERT,UPDATE ON TABLE client_directory.alerts TO client_directory_worker;


--
-- Name: TABLE audit_log; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT ON TABLE client_directory.audit_log TO client_directory_worker;


--
-- Name: COLUMN audit_log.organization_id; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(organization_id) ON TABLE client_directory.audit_log TO client_directory;
GRANT INSERT(organization_id) ON TABLE client_directory.audit_log TO client_directory_worker;


--
-- Name: COLUMN audit_log.actor_account; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(actor_account) ON TABLE client_directory.audit_log TO client_directory;
GRANT INSERT(actor_account) ON TABLE client_directory.audit_log TO client_directory_worker;


--
-- Name: COLUMN audit_log.actor_service; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(actor_service) ON TABLE client_directory.audit_log TO client_directory;
GRANT INSERT(actor_service) ON TABLE client_directory.audit_log TO client_directory_worker;


--
-- Name: COLUMN audit_log.acting_as; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(acting_as) ON TABLE client_directory.audit_log TO client_directory;
GRANT INSERT(acting_as) ON TABLE client_directory.audit_log TO client_directory_worker;


--
-- Name: COLUMN audit_log.action; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(action) ON TABLE client_directory.audit_log TO client_directory;
GRANT INSERT(action) ON TABLE client_directory.audit_log TO client_directory_worker;


--
-- Name: COLUMN audit_log.object_kind; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(object_kind) ON TABLE client_directory.audit_log TO client_directory;
GRANT INSERT(object_kind) ON TABLE client_directory.audit_log TO client_directory_worker;


--
-- Name: COLUMN audit_log.object_id; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(object_id) ON TABLE client_directory.audit_log TO client_directory;
GRANT INSERT(object_id) ON TABLE client_directory.audit_log TO client_directory_worker;


--
-- Name: COLUMN audit_log.request_id; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(request_id) ON TABLE client_directory.audit_log TO client_directory;
GRANT INSERT(request_id) ON TABLE client_directory.audit_log TO client_directory_worker;


--
-- Name: COLUMN audit_log.detail; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(detail) ON TABLE client_directory.audit_log TO client_directory;
GRANT INSERT(detail) ON TABLE client_directory.audit_log TO client_directory_worker;


--
-- Name: SEQUENCE audit_log_audit_id_seq; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT ON SEQUENCE client_directory.audit_log_audit_id_seq TO client_directory_worker;


--
-- Name: TABLE audit_seals; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT ON TABLE client_directory.audit_seals TO client_directory_worker;


--
-- Name: TABLE client_labels; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE client_directory.client_labels TO client_directory;
GRANT SELECT,UPDATE ON TABLE client_directory.client_labels TO client_directory_worker;


--
-- Name: TABLE clients; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE client_directory.clients TO client_directory;
GRANT SELECT,UPDATE ON TABLE client_directory.clients TO client_directory_worker;


--
-- Name: TABLE contact_points; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE client_directory.contact_points TO client_directory;


--
-- Name: TABLE data_keys; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE client_directory.data_keys TO client_directory;


--
-- Name: TABLE dead_jobs; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,DELETE ON TABLE client_directory.dead_jobs TO client_directory;
GRANT SELECT,INSERT,DELETE ON TABLE client_directory.dead_jobs TO client_directory_worker;


--
-- Name: TABLE events; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,DELETE ON TABLE client_directory.events TO client_directory_worker;


--
-- Name: COLUMN events.organization_id; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(organization_id) ON TABLE client_directory.events TO client_directory_worker;
GRANT INSERT(organization_id) ON TABLE client_directory.events TO client_directory;


--
-- Name: COLUMN events.kind; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(kind) ON TABLE client_directory.events TO client_directory_worker;
GRANT INSERT(kind) ON TABLE client_directory.events TO client_directory;


--
-- Name: COLUMN events.aggregate_id; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(aggregate_id) ON TABLE client_directory.events TO client_directory_worker;
GRANT INSERT(aggregate_id) ON TABLE client_directory.events TO client_directory;


--
-- Name: COLUMN events.payload; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT INSERT(payload) ON TABLE client_directory.events TO client_directory_worker;
GRANT INSERT(payload) ON TABLE client_directory.events TO client_directory;


--
-- Name: TABLE feed_low_water; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,UPDATE ON TABLE client_directory.feed_low_water TO client_directory_worker;


--
-- Name: TABLE feed_parked; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE client_directory.feed_parked TO client_directory_worker;


--
-- Name: TABLE feed_positions; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE client_directory.feed_positions TO client_directory_worker;


--
-- Name: TABLE idempotency; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE client_directory.idempotency TO client_directory;
GRANT DELETE ON TABLE client_directory.idempotency TO client_directory_worker;


--
-- Name: COLUMN idempotency.created_at; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT(created_at) ON TABLE client_directory.idempotency TO client_directory_worker;


--
-- Name: TABLE identifier_reveals; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE client_directory.identifier_reveals TO client_directory;


--
-- Name: TABLE identifiers; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE client_directory.identifiers TO client_directory;


--
-- Name: SEQUENCE job_fences; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT USAGE ON SEQUENCE client_directory.job_fences TO client_directory_worker;


--
-- Name: TABLE jobs; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE client_directory.jobs TO client_directory;
GRANT SELECT,INSERT,DELETE ON TABLE client_directory.jobs TO client_directory_worker;


--
-- Name: COLUMN jobs.run_at; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT UPDATE(run_at) ON TABLE client_directory.jobs TO client_directory_worker;


--
-- Name: COLUMN jobs.attempt; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT UPDATE(attempt) ON TABLE client_directory.jobs TO client_directory_worker;


--
-- Name: COLUMN jobs.attempts_max; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT UPDATE(attempts_max) ON TABLE client_directory.jobs TO client_directory_worker;


--
-- Name: COLUMN jobs.abandoned; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT UPDATE(abandoned) ON TABLE client_directory.jobs TO client_directory_worker;


--
-- Name: COLUMN jobs.lease_until; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT UPDATE(lease_until) ON TABLE client_directory.jobs TO client_directory_worker;


--
-- Name: COLUMN jobs.fence; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT UPDATE(fence) ON TABLE client_directory.jobs TO client_directory_worker;


--
-- Name: COLUMN jobs.failure; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT UPDATE(failure) ON TABLE client_directory.jobs TO client_directory_worker;


--
-- Name: TABLE schedules; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE client_directory.schedules TO client_directory_worker;


--
-- Name: TABLE schema_migrations; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT ON TABLE client_directory.schema_migrations TO client_directory;
GRANT SELECT ON TABLE client_directory.schema_migrations TO client_directory_worker;


--
-- Name: TABLE stakeholders; Type: ACL; Schema: client_directory; Owner: client_directory_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE client_directory.stakeholders TO client_directory;
GRANT SELECT,UPDATE ON TABLE client_directory.stakeholders TO client_directory_worker;


--
-- Name: DEFAULT PRIVILEGES FOR SEQUENCES; Type: DEFAULT ACL; Schema: client_directory; Owner: client_directory_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE client_directory_owner IN SCHEMA client_directory GRANT USAGE ON SEQUENCES  TO client_directory;


--
-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: client_directory; Owner: client_directory_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE client_directory_owner IN SCHEMA client_directory GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO client_directory;


--
-- PostgreSQL database dump complete
--

\unrestrict schema

