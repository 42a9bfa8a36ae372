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
-- Name: organization; Type: SCHEMA; Schema: -; Owner: organization_owner
--

CREATE SCHEMA organization;


ALTER SCHEMA organization OWNER TO organization_owner;

--
-- Name: refuse_audit_change(); Type: FUNCTION; Schema: organization; Owner: organization_owner
--

CREATE FUNCTION organization.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'organization', 'pg_temp'
    AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only appended to' USING ERRCODE = 'insufficient_privilege';
END $$;


ALTER FUNCTION organization.refuse_audit_change() OWNER TO organization_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alerts; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.alerts (
    kind text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    raised_at timestamp with time zone DEFAULT now() NOT NULL,
    cleared_at timestamp with time zone,
    CONSTRAINT alerts_detail_check CHECK ((char_length(detail) <= 1000)),
    CONSTRAINT alerts_kind_check CHECK (((char_length(kind) >= 1) AND (char_length(kind) <= 100))),
    CONSTRAINT alerts_subject_check CHECK (((char_length(subject) >= 1) AND (char_length(subject) <= 200)))
);


ALTER TABLE organization.alerts OWNER TO organization_owner;

--
-- Name: TABLE alerts; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON TABLE organization.alerts IS 'no tenant''s, and without personal data; open while cleared_at is NULL';


--
-- Name: COLUMN alerts.subject; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.alerts.subject IS 'what it is about, such as a feed''s source or a job''s queue';


--
-- Name: audit_log; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.audit_log (
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

ALTER TABLE ONLY organization.audit_log FORCE ROW LEVEL SECURITY;


ALTER TABLE organization.audit_log OWNER TO organization_owner;

--
-- Name: COLUMN audit_log.organization_id; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.audit_log.organization_id IS 'NULL for facts about a person';


--
-- Name: COLUMN audit_log.actor_account; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.audit_log.actor_account IS 'NULL when a service acted for nobody';


--
-- Name: COLUMN audit_log.acting_as; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.audit_log.acting_as IS 'hat and profile of the account, such as STAFF MANAGER';


--
-- Name: COLUMN audit_log.detail; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.audit_log.detail IS 'names of changed fields and the like; no personal data';


--
-- Name: audit_log_audit_id_seq; Type: SEQUENCE; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.audit_log ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME organization.audit_log_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: audit_seals; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.audit_seals (
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


ALTER TABLE organization.audit_seals OWNER TO organization_owner;

--
-- Name: COLUMN audit_seals.gaps; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.audit_seals.gaps IS 'first and last of each run of ids that no row has: their transactions were rolled back';


--
-- Name: branches; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.branches (
    organization_id uuid NOT NULL,
    branch_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    sort_key text GENERATED ALWAYS AS (regexp_replace(NORMALIZE(lower((name COLLATE "und-x-icu")), NFD), '[̀-ͯ]'::text, ''::text, 'g'::text)) STORED NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT branches_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)))
);

ALTER TABLE ONLY organization.branches FORCE ROW LEVEL SECURITY;


ALTER TABLE organization.branches OWNER TO organization_owner;

--
-- Name: COLUMN branches.sort_key; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.branches.sort_key IS 'the name without case and accents: the order of lists, and what makes two names the same';


--
-- Name: dead_jobs; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.dead_jobs (
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

ALTER TABLE ONLY organization.dead_jobs FORCE ROW LEVEL SECURITY;


ALTER TABLE organization.dead_jobs OWNER TO organization_owner;

--
-- Name: TABLE dead_jobs; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON TABLE organization.dead_jobs IS 'jobs that were given up; an operator retries or drops them';


--
-- Name: employee_branches; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.employee_branches (
    organization_id uuid NOT NULL,
    employee_id uuid NOT NULL,
    branch_id uuid NOT NULL
);

ALTER TABLE ONLY organization.employee_branches FORCE ROW LEVEL SECURITY;


ALTER TABLE organization.employee_branches OWNER TO organization_owner;

--
-- Name: TABLE employee_branches; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON TABLE organization.employee_branches IS 'none for a super administrator means every branch';


--
-- Name: employees; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.employees (
    organization_id uuid NOT NULL,
    employee_id uuid NOT NULL,
    account_id uuid NOT NULL,
    given_name text NOT NULL,
    family_name text NOT NULL,
    email text NOT NULL,
    profile smallint NOT NULL,
    state smallint NOT NULL,
    username text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    sort_key text GENERATED ALWAYS AS (regexp_replace(NORMALIZE(lower((((family_name || ''::text) || given_name) COLLATE "und-x-icu")), NFD), '[̀-ͯ]'::text, ''::text, 'g'::text)) STORED NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT employees_profile_check CHECK (((profile >= 1) AND (profile <= 5))),
    CONSTRAINT employees_state_check CHECK (((state >= 1) AND (state <= 4)))
);

ALTER TABLE ONLY organization.employees FORCE ROW LEVEL SECURITY;


ALTER TABLE organization.employees OWNER TO organization_owner;

--
-- Name: COLUMN employees.email; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.employees.email IS 'the address they were invited at';


--
-- Name: COLUMN employees.profile; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.employees.profile IS 'number of common.v1.Profile';


--
-- Name: COLUMN employees.state; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.employees.state IS 'number of organization.v1.EmployeeState';


--
-- Name: COLUMN employees.sort_key; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.employees.sort_key IS 'family and given name without case and accents';


--
-- Name: events; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.events (
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

ALTER TABLE ONLY organization.events FORCE ROW LEVEL SECURITY;


ALTER TABLE organization.events OWNER TO organization_owner;

--
-- Name: COLUMN events.organization_id; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.events.organization_id IS 'NULL for facts about a person';


--
-- Name: events_event_id_seq; Type: SEQUENCE; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.events ALTER COLUMN event_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME organization.events_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: feed_low_water; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.feed_low_water (
    singleton boolean DEFAULT true NOT NULL,
    transaction_id xid8 DEFAULT '0'::xid8 NOT NULL,
    event_id bigint DEFAULT 0 NOT NULL,
    swept_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT feed_low_water_singleton_check CHECK (singleton)
);


ALTER TABLE organization.feed_low_water OWNER TO organization_owner;

--
-- Name: feed_parked; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.feed_parked (
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


ALTER TABLE organization.feed_parked OWNER TO organization_owner;

--
-- Name: COLUMN feed_parked.event; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.feed_parked.event IS 'the serialised clientele.feed.v1.Event';


--
-- Name: COLUMN feed_parked.attempts; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.feed_parked.attempts IS '0: never tried, it stands behind an earlier event of its aggregate and follows it by itself';


--
-- Name: COLUMN feed_parked.retry_at; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.feed_parked.retry_at IS 'set by an operator: the follower tries it again';


--
-- Name: feed_positions; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.feed_positions (
    source text NOT NULL,
    transaction_id xid8 NOT NULL,
    event_id bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE organization.feed_positions OWNER TO organization_owner;

--
-- Name: idempotency; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.idempotency (
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

ALTER TABLE ONLY organization.idempotency FORCE ROW LEVEL SECURITY;


ALTER TABLE organization.idempotency OWNER TO organization_owner;

--
-- Name: COLUMN idempotency.scope; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.idempotency.scope IS 'organization id, else account id, else the nil UUID for calls made before either is known';


--
-- Name: job_fences; Type: SEQUENCE; Schema: organization; Owner: organization_owner
--

CREATE SEQUENCE organization.job_fences
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE organization.job_fences OWNER TO organization_owner;

--
-- Name: jobs; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.jobs (
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

ALTER TABLE ONLY organization.jobs FORCE ROW LEVEL SECURITY;


ALTER TABLE organization.jobs OWNER TO organization_owner;

--
-- Name: TABLE jobs; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON TABLE organization.jobs IS 'what is not done yet; deleted when done, moved to dead_jobs when given up';


--
-- Name: COLUMN jobs.organization_id; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.jobs.organization_id IS 'all zeros for the system''s own';


--
-- Name: COLUMN jobs.dedupe_key; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.jobs.dedupe_key IS 'of a kind and key one job is live in an organisation';


--
-- Name: COLUMN jobs.payload; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.jobs.payload IS 'JSON';


--
-- Name: COLUMN jobs.run_at; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.jobs.run_at IS 'when to try next; while a worker has the job, when its lease ends';


--
-- Name: COLUMN jobs.attempt; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.jobs.attempt IS 'how often it was taken';


--
-- Name: COLUMN jobs.abandoned; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.jobs.abandoned IS 'how often its lease ran out: its worker died';


--
-- Name: COLUMN jobs.fence; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.jobs.fence IS 'number of the latest claim; an older one loses';


--
-- Name: national_number_bases; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.national_number_bases (
    organization_id uuid NOT NULL,
    basis text NOT NULL,
    recorded_by uuid NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    CONSTRAINT national_number_bases_basis_check CHECK (((char_length(basis) >= 1) AND (char_length(basis) <= 1000)))
);

ALTER TABLE ONLY organization.national_number_bases FORCE ROW LEVEL SECURITY;


ALTER TABLE organization.national_number_bases OWNER TO organization_owner;

--
-- Name: TABLE national_number_bases; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON TABLE organization.national_number_bases IS 'no row: the organisation keeps no such numbers';


--
-- Name: COLUMN national_number_bases.recorded_by; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.national_number_bases.recorded_by IS 'an account of identity';


--
-- Name: organizations; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.organizations (
    organization_id uuid NOT NULL,
    name text NOT NULL,
    country text NOT NULL,
    languages text[] NOT NULL,
    time_zone text NOT NULL,
    invitation_trigger smallint NOT NULL,
    email_required boolean NOT NULL,
    email_disclosure smallint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT organizations_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT organizations_email_disclosure_check CHECK (((email_disclosure >= 1) AND (email_disclosure <= 2))),
    CONSTRAINT organizations_invitation_trigger_check CHECK (((invitation_trigger >= 1) AND (invitation_trigger <= 3))),
    CONSTRAINT organizations_languages_check CHECK (((cardinality(languages) >= 1) AND (cardinality(languages) <= 10))),
    CONSTRAINT organizations_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)))
);

ALTER TABLE ONLY organization.organizations FORCE ROW LEVEL SECURITY;


ALTER TABLE organization.organizations OWNER TO organization_owner;

--
-- Name: COLUMN organizations.languages; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.organizations.languages IS 'BCP 47 tags; the first is the default';


--
-- Name: COLUMN organizations.invitation_trigger; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.organizations.invitation_trigger IS 'number of organization.v1.InvitationTrigger';


--
-- Name: COLUMN organizations.email_disclosure; Type: COMMENT; Schema: organization; Owner: organization_owner
--

COMMENT ON COLUMN organization.organizations.email_disclosure IS 'number of organization.v1.EmailDisclosure';


--
-- Name: schedules; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.schedules (
    name text NOT NULL,
    slot timestamp with time zone NOT NULL
);


ALTER TABLE organization.schedules OWNER TO organization_owner;

--
-- Name: schema_migrations; Type: TABLE; Schema: organization; Owner: organization_owner
--

CREATE TABLE organization.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE organization.schema_migrations OWNER TO organization_owner;

--
-- Name: alerts alerts_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (kind, subject, raised_at);


--
-- Name: audit_log audit_log_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (audit_id);


--
-- Name: audit_seals audit_seals_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.audit_seals
    ADD CONSTRAINT audit_seals_pkey PRIMARY KEY (seal_number);


--
-- Name: branches branches_name_key; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.branches
    ADD CONSTRAINT branches_name_key UNIQUE (organization_id, sort_key);


--
-- Name: branches branches_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.branches
    ADD CONSTRAINT branches_pkey PRIMARY KEY (organization_id, branch_id);


--
-- Name: dead_jobs dead_jobs_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.dead_jobs
    ADD CONSTRAINT dead_jobs_pkey PRIMARY KEY (organization_id, job_id);


--
-- Name: employee_branches employee_branches_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.employee_branches
    ADD CONSTRAINT employee_branches_pkey PRIMARY KEY (organization_id, employee_id, branch_id);


--
-- Name: employees employees_account_key; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.employees
    ADD CONSTRAINT employees_account_key UNIQUE (organization_id, account_id);


--
-- Name: employees employees_name_key; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.employees
    ADD CONSTRAINT employees_name_key UNIQUE (organization_id, sort_key, employee_id);


--
-- Name: employees employees_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.employees
    ADD CONSTRAINT employees_pkey PRIMARY KEY (organization_id, employee_id);


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (transaction_id, event_id);


--
-- Name: feed_low_water feed_low_water_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.feed_low_water
    ADD CONSTRAINT feed_low_water_pkey PRIMARY KEY (singleton);


--
-- Name: feed_parked feed_parked_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.feed_parked
    ADD CONSTRAINT feed_parked_pkey PRIMARY KEY (source, transaction_id, event_id);


--
-- Name: feed_positions feed_positions_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.feed_positions
    ADD CONSTRAINT feed_positions_pkey PRIMARY KEY (source);


--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (scope, caller, method, request_id);


--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (organization_id, job_id);


--
-- Name: national_number_bases national_number_bases_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.national_number_bases
    ADD CONSTRAINT national_number_bases_pkey PRIMARY KEY (organization_id);


--
-- Name: organizations organizations_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (organization_id);


--
-- Name: schedules schedules_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (name);


--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);


--
-- Name: alerts_open_key; Type: INDEX; Schema: organization; Owner: organization_owner
--

CREATE UNIQUE INDEX alerts_open_key ON organization.alerts USING btree (kind, subject) WHERE (cleared_at IS NULL);


--
-- Name: dead_jobs_dedupe_idx; Type: INDEX; Schema: organization; Owner: organization_owner
--

CREATE INDEX dead_jobs_dedupe_idx ON organization.dead_jobs USING btree (organization_id, kind, dedupe_key) WHERE (dedupe_key IS NOT NULL);


--
-- Name: dead_jobs_queue_idx; Type: INDEX; Schema: organization; Owner: organization_owner
--

CREATE INDEX dead_jobs_queue_idx ON organization.dead_jobs USING btree (queue, kind);


--
-- Name: feed_parked_aggregate_idx; Type: INDEX; Schema: organization; Owner: organization_owner
--

CREATE INDEX feed_parked_aggregate_idx ON organization.feed_parked USING btree (source, aggregate_id, transaction_id, event_id);


--
-- Name: idempotency_age_idx; Type: INDEX; Schema: organization; Owner: organization_owner
--

CREATE INDEX idempotency_age_idx ON organization.idempotency USING btree (created_at);


--
-- Name: jobs_dedupe_key; Type: INDEX; Schema: organization; Owner: organization_owner
--

CREATE UNIQUE INDEX jobs_dedupe_key ON organization.jobs USING btree (organization_id, kind, dedupe_key) WHERE (dedupe_key IS NOT NULL);


--
-- Name: jobs_due_idx; Type: INDEX; Schema: organization; Owner: organization_owner
--

CREATE INDEX jobs_due_idx ON organization.jobs USING btree (queue, run_at);


--
-- Name: jobs_leased_idx; Type: INDEX; Schema: organization; Owner: organization_owner
--

CREATE INDEX jobs_leased_idx ON organization.jobs USING btree (queue, run_at) WHERE (lease_until IS NOT NULL);


--
-- Name: audit_log audit_log_append_only; Type: TRIGGER; Schema: organization; Owner: organization_owner
--

CREATE TRIGGER audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON organization.audit_log FOR EACH STATEMENT EXECUTE FUNCTION organization.refuse_audit_change();


--
-- Name: audit_seals audit_seals_append_only; Type: TRIGGER; Schema: organization; Owner: organization_owner
--

CREATE TRIGGER audit_seals_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON organization.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION organization.refuse_audit_change();


--
-- Name: branches branches_organization_fkey; Type: FK CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.branches
    ADD CONSTRAINT branches_organization_fkey FOREIGN KEY (organization_id) REFERENCES organization.organizations(organization_id);


--
-- Name: employee_branches employee_branches_branch_fkey; Type: FK CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.employee_branches
    ADD CONSTRAINT employee_branches_branch_fkey FOREIGN KEY (organization_id, branch_id) REFERENCES organization.branches(organization_id, branch_id);


--
-- Name: employee_branches employee_branches_employee_fkey; Type: FK CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.employee_branches
    ADD CONSTRAINT employee_branches_employee_fkey FOREIGN KEY (organization_id, employee_id) REFERENCES organization.employees(organization_id, employee_id);


--
-- Name: employees employees_organization_fkey; Type: FK CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.employees
    ADD CONSTRAINT employees_organization_fkey FOREIGN KEY (organization_id) REFERENCES organization.organizations(organization_id);


--
-- Name: national_number_bases national_number_bases_organization_fkey; Type: FK CONSTRAINT; Schema: organization; Owner: organization_owner
--

ALTER TABLE ONLY organization.national_number_bases
    ADD CONSTRAINT national_number_bases_organization_fkey FOREIGN KEY (organization_id) REFERENCES organization.organizations(organization_id);


--
-- Name: audit_log; Type: ROW SECURITY; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.audit_log ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_log audit_log_append; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY audit_log_append ON organization.audit_log FOR INSERT TO organization WITH CHECK (((organization_id IS NULL) OR (organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)));


--
-- Name: audit_log audit_log_append_worker; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY audit_log_append_worker ON organization.audit_log FOR INSERT TO organization_worker WITH CHECK (true);


--
-- Name: audit_log audit_log_seal; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY audit_log_seal ON organization.audit_log FOR SELECT TO organization_worker USING (true);


--
-- Name: branches; Type: ROW SECURITY; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.branches ENABLE ROW LEVEL SECURITY;

--
-- Name: branches branches_tenant; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY branches_tenant ON organization.branches USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: dead_jobs; Type: ROW SECURITY; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.dead_jobs ENABLE ROW LEVEL SECURITY;

--
-- Name: dead_jobs dead_jobs_tenant; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY dead_jobs_tenant ON organization.dead_jobs TO organization USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: dead_jobs dead_jobs_worker; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY dead_jobs_worker ON organization.dead_jobs TO organization_worker USING (true) WITH CHECK (true);


--
-- Name: employee_branches; Type: ROW SECURITY; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.employee_branches ENABLE ROW LEVEL SECURITY;

--
-- Name: employee_branches employee_branches_tenant; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY employee_branches_tenant ON organization.employee_branches USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: employees; Type: ROW SECURITY; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.employees ENABLE ROW LEVEL SECURITY;

--
-- Name: employees employees_tenant; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY employees_tenant ON organization.employees USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: events; Type: ROW SECURITY; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.events ENABLE ROW LEVEL SECURITY;

--
-- Name: events events_append; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY events_append ON organization.events FOR INSERT TO organization WITH CHECK (((organization_id IS NULL) OR (organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)));


--
-- Name: events events_feed; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY events_feed ON organization.events FOR SELECT TO organization_worker USING (true);


--
-- Name: events events_swept; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY events_swept ON organization.events FOR DELETE TO organization_worker USING ((created_at < (now() - '7 days'::interval)));


--
-- Name: idempotency; Type: ROW SECURITY; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.idempotency ENABLE ROW LEVEL SECURITY;

--
-- Name: idempotency idempotency_scope; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY idempotency_scope ON organization.idempotency USING (((scope = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid) OR (scope = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid) OR (scope = '00000000-0000-0000-0000-000000000000'::uuid))) WITH CHECK (((scope = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid) OR (scope = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid) OR (scope = '00000000-0000-0000-0000-000000000000'::uuid)));


--
-- Name: idempotency idempotency_swept; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY idempotency_swept ON organization.idempotency TO organization_worker USING ((created_at < (now() - '72:00:00'::interval)));


--
-- Name: jobs; Type: ROW SECURITY; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.jobs ENABLE ROW LEVEL SECURITY;

--
-- Name: jobs jobs_tenant; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY jobs_tenant ON organization.jobs TO organization USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: jobs jobs_worker; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY jobs_worker ON organization.jobs TO organization_worker USING (true) WITH CHECK (true);


--
-- Name: national_number_bases; Type: ROW SECURITY; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.national_number_bases ENABLE ROW LEVEL SECURITY;

--
-- Name: national_number_bases national_number_bases_tenant; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY national_number_bases_tenant ON organization.national_number_bases USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: organizations; Type: ROW SECURITY; Schema: organization; Owner: organization_owner
--

ALTER TABLE organization.organizations ENABLE ROW LEVEL SECURITY;

--
-- Name: organizations organizations_tenant; Type: POLICY; Schema: organization; Owner: organization_owner
--

CREATE POLICY organizations_tenant ON organization.organizations USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: SCHEMA organization; Type: ACL; Schema: -; Owner: organization_owner
--

GRANT USAGE ON SCHEMA organization TO organization;
GRANT USAGE ON SCHEMA organization TO organization_worker;


--
-- Name: FUNCTION refuse_audit_change(); Type: ACL; Schema: organization; Owner: organization_owner
--

REVOKE ALL ON FUNCTION organization.refuse_audit_change() FROM PUBLIC;


--
-- Name: TABLE alerts; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE organization.alerts TO organization;
GRANT SELECT,INSERT,UPDATE ON TABLE organization.alerts TO organization_worker;


--
-- Name: TABLE audit_log; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT ON TABLE organization.audit_log TO organization_worker;


--
-- Name: COLUMN audit_log.organization_id; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(organization_id) ON TABLE organization.audit_log TO organization;
GRANT INSERT(organization_id) ON TABLE organization.audit_log TO organization_worker;


--
-- Name: COLUMN audit_log.actor_account; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(actor_account) ON TABLE organization.audit_log TO organization;
GRANT INSERT(actor_account) ON TABLE organization.audit_log TO organization_worker;


--
-- Name: COLUMN audit_log.actor_service; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(actor_service) ON TABLE organization.audit_log TO organization;
GRANT INSERT(actor_service) ON TABLE organization.audit_log TO organization_worker;


--
-- Name: COLUMN audit_log.acting_as; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(acting_as) ON TABLE organization.audit_log TO organization;
GRANT INSERT(acting_as) ON TABLE organization.audit_log TO organization_worker;


--
-- Name: COLUMN audit_log.action; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(action) ON TABLE organization.audit_log TO organization;
GRANT INSERT(action) ON TABLE organization.audit_log TO organization_worker;


--
-- Name: COLUMN audit_log.object_kind; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(object_kind) ON TABLE organization.audit_log TO organization;
GRANT INSERT(object_kind) ON TABLE organization.audit_log TO organization_worker;


--
-- Name: COLUMN audit_log.object_id; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(object_id) ON TABLE organization.audit_log TO organization;
GRANT INSERT(object_id) ON TABLE organization.audit_log TO organization_worker;


--
-- Name: COLUMN audit_log.request_id; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(request_id) ON TABLE organization.audit_log TO organization;
GRANT INSERT(request_id) ON TABLE organization.audit_log TO organization_worker;


--
-- Name: COLUMN audit_log.detail; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(detail) ON TABLE organization.audit_log TO organization;
GRANT INSERT(detail) ON TABLE organization.audit_log TO organization_worker;


--
-- Name: SEQUENCE audit_log_audit_id_seq; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT ON SEQUENCE organization.audit_log_audit_id_seq TO organization_worker;


--
-- Name: TABLE audit_seals; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT ON TABLE organization.audit_seals TO organization_worker;


--
-- Name: TABLE branches; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE organization.branches TO organization;


--
-- Name: TABLE dead_jobs; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,DELETE ON TABLE organization.dead_jobs TO organization;
GRANT SELECT,INSERT ON TABLE organization.dead_jobs TO organization_worker;


--
-- Name: TABLE employee_branches; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE organization.employee_branches TO organization;


--
-- Name: TABLE employees; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE organization.employees TO organization;
GRANT SELECT,UPDATE ON TABLE organization.employees TO organization_worker;


--
-- Name: TABLE events; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,DELETE ON TABLE organization.events TO organization_worker;


--
-- Name: COLUMN events.organization_id; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(organization_id) ON TABLE organization.events TO organization;


--
-- Name: COLUMN events.kind; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(kind) ON TABLE organization.events TO organization;


--
-- Name: COLUMN events.aggregate_id; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(aggregate_id) ON TABLE organization.events TO organization;


--
-- Name: COLUMN events.payload; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT INSERT(payload) ON TABLE organization.events TO organization;


--
-- Name: TABLE feed_low_water; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,UPDATE ON TABLE organization.feed_low_water TO organization_worker;


--
-- Name: TABLE feed_parked; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE organization.feed_parked TO organization_worker;


--
-- Name: TABLE feed_positions; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE organization.feed_positions TO organization_worker;


--
-- Name: TABLE idempotency; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE organization.idempotency TO organization;
GRANT DELETE ON TABLE organization.idempotency TO organization_worker;


--
-- Name: COLUMN idempotency.created_at; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT(created_at) ON TABLE organization.idempotency TO organization_worker;


--
-- Name: SEQUENCE job_fences; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT USAGE ON SEQUENCE organization.job_fences TO organization_worker;


--
-- Name: TABLE jobs; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE organization.jobs TO organization;
GRANT SELECT,INSERT,DELETE ON TABLE organization.jobs TO organization_worker;


--
-- Name: COLUMN jobs.run_at; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT UPDATE(run_at) ON TABLE organization.jobs TO organization_worker;


--
-- Name: COLUMN jobs.attempt; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT UPDATE(attempt) ON TABLE organization.jobs TO organization_worker;


--
-- Name: COLUMN jobs.attempts_max; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT UPDATE(attempts_max) ON TABLE organization.jobs TO organization_worker;


--
-- Name: COLUMN jobs.abandoned; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT UPDATE(abandoned) ON TABLE organization.jobs TO organization_worker;


--
-- Name: COLUMN jobs.lease_until; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT UPDATE(lease_until) ON TABLE organization.jobs TO organization_worker;


--
-- Name: COLUMN jobs.fence; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT UPDATE(fence) ON TABLE organization.jobs TO organization_worker;


--
-- Name: COLUMN jobs.failure; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT UPDATE(failure) ON TABLE organization.jobs TO organization_worker;


--
-- Name: TABLE national_number_bases; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE organization.national_number_bases TO organization;


--
-- Name: TABLE organizations; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE organization.organizations TO organization;


--
-- Name: TABLE schedules; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE organization.schedules TO organization_worker;


--
-- Name: TABLE schema_migrations; Type: ACL; Schema: organization; Owner: organization_owner
--

GRANT SELECT ON TABLE organization.schema_migrations TO organization;
GRANT SELECT ON TABLE organization.schema_migrations TO organization_worker;


--
-- Name: DEFAULT PRIVILEGES FOR SEQUENCES; Type: DEFAULT ACL; Schema: organization; Owner: organization_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE organization_owner IN SCHEMA organization GRANT USAGE ON SEQUENCES  TO organization;


--
-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: organization; Owner: organization_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE organization_owner IN SCHEMA organization GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO organization;


--
-- PostgreSQL database dump complete
--

\unrestrict schema

