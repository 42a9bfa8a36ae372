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
-- Name: messaging; Type: SCHEMA; Schema: -; Owner: messaging_owner
--

CREATE SCHEMA messaging;


ALTER SCHEMA messaging OWNER TO messaging_owner;

--
-- Name: demand_quota(bigint); Type: FUNCTION; Schema: messaging; Owner: messaging_owner
--

CREATE FUNCTION messaging.demand_quota(counted bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'messaging', 'pg_temp'
    AS $$
BEGIN
  IF counted IS DISTINCT FROM 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'MS001', MESSAGE = 'the quota is used up';
  END IF;
END
$$;


ALTER FUNCTION messaging.demand_quota(counted bigint) OWNER TO messaging_owner;

--
-- Name: refuse_audit_change(); Type: FUNCTION; Schema: messaging; Owner: messaging_owner
--

CREATE FUNCTION messaging.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'messaging', 'pg_temp'
    AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only appended to' USING ERRCODE = 'insufficient_privilege';
END $$;


ALTER FUNCTION messaging.refuse_audit_change() OWNER TO messaging_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alerts; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.alerts (
    kind text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    raised_at timestamp with time zone DEFAULT now() NOT NULL,
    cleared_at timestamp with time zone,
    CONSTRAINT alerts_detail_check CHECK ((char_length(detail) <= 1000)),
    CONSTRAINT alerts_kind_check CHECK (((char_length(kind) >= 1) AND (char_length(kind) <= 100))),
    CONSTRAINT alerts_subject_check CHECK (((char_length(subject) >= 1) AND (char_length(subject) <= 200)))
);


ALTER TABLE messaging.alerts OWNER TO messaging_owner;

--
-- Name: TABLE alerts; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON TABLE messaging.alerts IS 'no tenant''s, and without personal data; open while cleared_at is NULL';


--
-- Name: COLUMN alerts.subject; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.alerts.subject IS 'what it is about, such as a feed''s source or a job''s queue';


--
-- Name: audit_log; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.audit_log (
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

ALTER TABLE ONLY messaging.audit_log FORCE ROW LEVEL SECURITY;


ALTER TABLE messaging.audit_log OWNER TO messaging_owner;

--
-- Name: COLUMN audit_log.organization_id; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.audit_log.organization_id IS 'NULL for facts about a person';


--
-- Name: COLUMN audit_log.actor_account; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.audit_log.actor_account IS 'NULL when a service acted for nobody';


--
-- Name: COLUMN audit_log.acting_as; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.audit_log.acting_as IS 'hat and profile of the account, such as STAFF MANAGER';


--
-- Name: COLUMN audit_log.detail; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.audit_log.detail IS 'names of changed fields and the like; no personal data';


--
-- Name: audit_log_audit_id_seq; Type: SEQUENCE; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE messaging.audit_log ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME messaging.audit_log_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: audit_seals; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.audit_seals (
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


ALTER TABLE messaging.audit_seals OWNER TO messaging_owner;

--
-- Name: COLUMN audit_seals.gaps; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.audit_seals.gaps IS 'first and last of each run of ids that no row has: their transactions were rolled back';


--
-- Name: dead_jobs; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.dead_jobs (
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

ALTER TABLE ONLY messaging.dead_jobs FORCE ROW LEVEL SECURITY;


ALTER TABLE messaging.dead_jobs OWNER TO messaging_owner;

--
-- Name: TABLE dead_jobs; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON TABLE messaging.dead_jobs IS 'jobs that were given up; an operator retries or drops them';


--
-- Name: delivery_attempts; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.delivery_attempts (
    organization_id uuid NOT NULL,
    message_id uuid NOT NULL,
    attempt bigint NOT NULL,
    fence bigint NOT NULL,
    outcome text DEFAULT 'STARTED'::text NOT NULL,
    error text DEFAULT ''::text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT delivery_attempts_outcome_check CHECK ((outcome = ANY (ARRAY['STARTED'::text, 'SENT'::text, 'RETRY'::text, 'FAILED'::text, 'CANCELLED'::text])))
);

ALTER TABLE ONLY messaging.delivery_attempts FORCE ROW LEVEL SECURITY;


ALTER TABLE messaging.delivery_attempts OWNER TO messaging_owner;

--
-- Name: TABLE delivery_attempts; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON TABLE messaging.delivery_attempts IS 'Every try to hand a message over, and how it ended';


--
-- Name: COLUMN delivery_attempts.outcome; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.delivery_attempts.outcome IS 'STARTED on an old row: the worker stopped meanwhile';


--
-- Name: events; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.events (
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

ALTER TABLE ONLY messaging.events FORCE ROW LEVEL SECURITY;


ALTER TABLE messaging.events OWNER TO messaging_owner;

--
-- Name: COLUMN events.organization_id; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.events.organization_id IS 'NULL for facts about a person';


--
-- Name: events_event_id_seq; Type: SEQUENCE; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE messaging.events ALTER COLUMN event_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME messaging.events_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: feed_low_water; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.feed_low_water (
    singleton boolean DEFAULT true NOT NULL,
    transaction_id xid8 DEFAULT '0'::xid8 NOT NULL,
    event_id bigint DEFAULT 0 NOT NULL,
    swept_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT feed_low_water_singleton_check CHECK (singleton)
);


ALTER TABLE messaging.feed_low_water OWNER TO messaging_owner;

--
-- Name: feed_parked; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.feed_parked (
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


ALTER TABLE messaging.feed_parked OWNER TO messaging_owner;

--
-- Name: COLUMN feed_parked.event; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.feed_parked.event IS 'the serialised clientele.feed.v1.Event';


--
-- Name: COLUMN feed_parked.attempts; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.feed_parked.attempts IS '0: never tried, it stands behind an earlier event of its aggregate and follows it by itself';


--
-- Name: COLUMN feed_parked.retry_at; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.feed_parked.retry_at IS 'set by an operator: the follower tries it again';


--
-- Name: feed_positions; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.feed_positions (
    source text NOT NULL,
    transaction_id xid8 NOT NULL,
    event_id bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE messaging.feed_positions OWNER TO messaging_owner;

--
-- Name: idempotency; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.idempotency (
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

ALTER TABLE ONLY messaging.idempotency FORCE ROW LEVEL SECURITY;


ALTER TABLE messaging.idempotency OWNER TO messaging_owner;

--
-- Name: COLUMN idempotency.scope; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.idempotency.scope IS 'organization id, else account id, else the nil UUID for calls made before either is known';


--
-- Name: job_fences; Type: SEQUENCE; Schema: messaging; Owner: messaging_owner
--

CREATE SEQUENCE messaging.job_fences
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE messaging.job_fences OWNER TO messaging_owner;

--
-- Name: jobs; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.jobs (
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

ALTER TABLE ONLY messaging.jobs FORCE ROW LEVEL SECURITY;


ALTER TABLE messaging.jobs OWNER TO messaging_owner;

--
-- Name: TABLE jobs; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON TABLE messaging.jobs IS 'what is not done yet; deleted when done, moved to dead_jobs when given up';


--
-- Name: COLUMN jobs.organization_id; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.jobs.organization_id IS 'all zeros for the system''s own';


--
-- Name: COLUMN jobs.dedupe_key; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.jobs.dedupe_key IS 'of a kind and key one job is live in an organisation';


--
-- Name: COLUMN jobs.payload; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.jobs.payload IS 'JSON';


--
-- Name: COLUMN jobs.run_at; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.jobs.run_at IS 'when to try next; while a worker has the job, when its lease ends';


--
-- Name: COLUMN jobs.attempt; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.jobs.attempt IS 'how often it was taken';


--
-- Name: COLUMN jobs.abandoned; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.jobs.abandoned IS 'how often its lease ran out: its worker died';


--
-- Name: COLUMN jobs.fence; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.jobs.fence IS 'number of the latest claim; an older one loses';


--
-- Name: messages; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.messages (
    organization_id uuid NOT NULL,
    message_id uuid NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    recipient text NOT NULL,
    language text NOT NULL,
    subject text NOT NULL,
    record_id uuid NOT NULL,
    invitation_id uuid,
    send_count bigint NOT NULL,
    organization_name text NOT NULL,
    display_name text NOT NULL,
    username text NOT NULL,
    email_signs_in boolean NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    state text DEFAULT 'QUEUED'::text NOT NULL,
    attempts bigint DEFAULT 0 NOT NULL,
    refusals bigint DEFAULT 0 NOT NULL,
    abandoned bigint DEFAULT 0 NOT NULL,
    last_error text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    sent_at timestamp with time zone,
    body text DEFAULT ''::text NOT NULL,
    CONSTRAINT messages_channel_check CHECK ((channel = ANY (ARRAY['EMAIL'::text, 'SMS'::text]))),
    CONSTRAINT messages_invitation_check CHECK (((purpose = 'APP_REMINDER'::text) = (invitation_id IS NULL))),
    CONSTRAINT messages_language_check CHECK (((char_length(language) >= 2) AND (char_length(language) <= 35))),
    CONSTRAINT messages_purpose_check CHECK ((purpose = ANY (ARRAY['CLIENT_INVITATION'::text, 'STAFF_INVITATION'::text, 'APP_REMINDER'::text]))),
    CONSTRAINT messages_recipient_check CHECK (((char_length(recipient) >= 1) AND (char_length(recipient) <= 320))),
    CONSTRAINT messages_send_count_check CHECK ((send_count > 0)),
    CONSTRAINT messages_sms_check CHECK (
CASE channel
    WHEN 'SMS'::text THEN ((recipient ~ '^\+[1-9][0-9]{6,14}$'::text) AND ((char_length(body) >= 1) AND (char_length(body) <= 201)))
    ELSE (body = ''::text)
END),
    CONSTRAINT messages_state_check CHECK ((state = ANY (ARRAY['QUEUED'::text, 'SENDING'::text, 'SENT'::text, 'FAILED'::text, 'CANCELLED'::text])))
)
WITH (fillfactor='70');

ALTER TABLE ONLY messaging.messages FORCE ROW LEVEL SECURITY;


ALTER TABLE messaging.messages OWNER TO messaging_owner;

--
-- Name: TABLE messages; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON TABLE messaging.messages IS 'Messages of an organisation: the record, and the queue while unsent';


--
-- Name: COLUMN messages.message_id; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.messages.message_id IS 'UUIDv7: its order is the order of arrival';


--
-- Name: COLUMN messages.record_id; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.messages.record_id IS 'The client or employee it is about';


--
-- Name: COLUMN messages.attempts; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.messages.attempts IS 'How often a worker took it';


--
-- Name: COLUMN messages.refusals; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.messages.refusals IS 'How often a mail server refused it for the moment';


--
-- Name: COLUMN messages.abandoned; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.messages.abandoned IS 'How often a worker stopped while sending it';


--
-- Name: COLUMN messages.body; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.messages.body IS 'what an SMS says; empty for a mail, which is written as it leaves';


--
-- Name: schedules; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.schedules (
    name text NOT NULL,
    slot timestamp with time zone NOT NULL
);


ALTER TABLE messaging.schedules OWNER TO messaging_owner;

--
-- Name: schema_migrations; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE messaging.schema_migrations OWNER TO messaging_owner;

--
-- Name: sms_quotas; Type: TABLE; Schema: messaging; Owner: messaging_owner
--

CREATE TABLE messaging.sms_quotas (
    organization_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    moments timestamp with time zone[] NOT NULL,
    CONSTRAINT sms_quotas_moments_check CHECK (((cardinality(moments) >= 1) AND (cardinality(moments) <= 1000)))
);

ALTER TABLE ONLY messaging.sms_quotas FORCE ROW LEVEL SECURITY;


ALTER TABLE messaging.sms_quotas OWNER TO messaging_owner;

--
-- Name: COLUMN sms_quotas.subject_id; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.sms_quotas.subject_id IS 'the organisation itself, or the client SMS went to';


--
-- Name: COLUMN sms_quotas.moments; Type: COMMENT; Schema: messaging; Owner: messaging_owner
--

COMMENT ON COLUMN messaging.sms_quotas.moments IS 'when SMS were last asked for, the oldest first; as many as are allowed a day';


--
-- Name: alerts alerts_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (kind, subject, raised_at);


--
-- Name: audit_log audit_log_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (audit_id);


--
-- Name: audit_seals audit_seals_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.audit_seals
    ADD CONSTRAINT audit_seals_pkey PRIMARY KEY (seal_number);


--
-- Name: dead_jobs dead_jobs_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.dead_jobs
    ADD CONSTRAINT dead_jobs_pkey PRIMARY KEY (organization_id, job_id);


--
-- Name: delivery_attempts delivery_attempts_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.delivery_attempts
    ADD CONSTRAINT delivery_attempts_pkey PRIMARY KEY (organization_id, message_id, attempt);


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (transaction_id, event_id);


--
-- Name: feed_low_water feed_low_water_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.feed_low_water
    ADD CONSTRAINT feed_low_water_pkey PRIMARY KEY (singleton);


--
-- Name: feed_parked feed_parked_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.feed_parked
    ADD CONSTRAINT feed_parked_pkey PRIMARY KEY (source, transaction_id, event_id);


--
-- Name: feed_positions feed_positions_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.feed_positions
    ADD CONSTRAINT feed_positions_pkey PRIMARY KEY (source);


--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (scope, caller, method, request_id);


--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (organization_id, job_id);


--
-- Name: messages messages_invitation_key; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.messages
    ADD CONSTRAINT messages_invitation_key UNIQUE (organization_id, invitation_id, send_count);


--
-- Name: messages messages_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (organization_id, message_id);


--
-- Name: schedules schedules_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (name);


--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);


--
-- Name: sms_quotas sms_quotas_pkey; Type: CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.sms_quotas
    ADD CONSTRAINT sms_quotas_pkey PRIMARY KEY (organization_id, subject_id);


--
-- Name: alerts_open_key; Type: INDEX; Schema: messaging; Owner: messaging_owner
--

CREATE UNIQUE INDEX alerts_open_key ON messaging.alerts USING btree (kind, subject) WHERE (cleared_at IS NULL);


--
-- Name: dead_jobs_dedupe_idx; Type: INDEX; Schema: messaging; Owner: messaging_owner
--

CREATE INDEX dead_jobs_dedupe_idx ON messaging.dead_jobs USING btree (organization_id, kind, dedupe_key) WHERE (dedupe_key IS NOT NULL);


--
-- Name: dead_jobs_queue_idx; Type: INDEX; Schema: messaging; Owner: messaging_owner
--

CREATE INDEX dead_jobs_queue_idx ON messaging.dead_jobs USING btree (queue, kind);


--
-- Name: feed_parked_aggregate_idx; Type: INDEX; Schema: messaging; Owner: messaging_owner
--

CREATE INDEX feed_parked_aggregate_idx ON messaging.feed_parked USING btree (source, aggregate_id, transaction_id, event_id);


--
-- Name: idempotency_age_idx; Type: INDEX; Schema: messaging; Owner: messaging_owner
--

CREATE INDEX idempotency_age_idx ON messaging.idempotency USING btree (created_at);


--
-- Name: jobs_dedupe_key; Type: INDEX; Schema: messaging; Owner: messaging_owner
--

CREATE UNIQUE INDEX jobs_dedupe_key ON messaging.jobs USING btree (organization_id, kind, dedupe_key) WHERE (dedupe_key IS NOT NULL);


--
-- Name: jobs_due_idx; Type: INDEX; Schema: messaging; Owner: messaging_owner
--

CREATE INDEX jobs_due_idx ON messaging.jobs USING btree (queue, run_at);


--
-- Name: jobs_leased_idx; Type: INDEX; Schema: messaging; Owner: messaging_owner
--

CREATE INDEX jobs_leased_idx ON messaging.jobs USING btree (queue, run_at) WHERE (lease_until IS NOT NULL);


--
-- Name: messages_record_idx; Type: INDEX; Schema: messaging; Owner: messaging_owner
--

CREATE INDEX messages_record_idx ON messaging.messages USING btree (organization_id, record_id, message_id);


--
-- Name: audit_log audit_log_append_only; Type: TRIGGER; Schema: messaging; Owner: messaging_owner
--

CREATE TRIGGER audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON messaging.audit_log FOR EACH STATEMENT EXECUTE FUNCTION messaging.refuse_audit_change();


--
-- Name: audit_seals audit_seals_append_only; Type: TRIGGER; Schema: messaging; Owner: messaging_owner
--

CREATE TRIGGER audit_seals_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON messaging.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION messaging.refuse_audit_change();


--
-- Name: delivery_attempts delivery_attempts_message_fkey; Type: FK CONSTRAINT; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE ONLY messaging.delivery_attempts
    ADD CONSTRAINT delivery_attempts_message_fkey FOREIGN KEY (organization_id, message_id) REFERENCES messaging.messages(organization_id, message_id);


--
-- Name: audit_log; Type: ROW SECURITY; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE messaging.audit_log ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_log audit_log_append; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY audit_log_append ON messaging.audit_log FOR INSERT TO messaging WITH CHECK (((organization_id IS NULL) OR (organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)));


--
-- Name: audit_log audit_log_append_worker; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY audit_log_append_worker ON messaging.audit_log FOR INSERT TO messaging_worker WITH CHECK (true);


--
-- Name: audit_log audit_log_seal; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY audit_log_seal ON messaging.audit_log FOR SELECT TO messaging_worker USING (true);


--
-- Name: dead_jobs; Type: ROW SECURITY; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE messaging.dead_jobs ENABLE ROW LEVEL SECURITY;

--
-- Name: dead_jobs dead_jobs_tenant; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY dead_jobs_tenant ON messaging.dead_jobs TO messaging USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: dead_jobs dead_jobs_worker; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY dead_jobs_worker ON messaging.dead_jobs TO messaging_worker USING (true) WITH CHECK (true);


--
-- Name: delivery_attempts; Type: ROW SECURITY; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE messaging.delivery_attempts ENABLE ROW LEVEL SECURITY;

--
-- Name: delivery_attempts delivery_attempts_tenant; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY delivery_attempts_tenant ON messaging.delivery_attempts USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: delivery_attempts delivery_attempts_worker; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY delivery_attempts_worker ON messaging.delivery_attempts TO messaging_worker USING (true) WITH CHECK (true);


--
-- Name: events; Type: ROW SECURITY; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE messaging.events ENABLE ROW LEVEL SECURITY;

--
-- Name: events events_append; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY events_append ON messaging.events FOR INSERT TO messaging WITH CHECK (((organization_id IS NULL) OR (organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)));


--
-- Name: events events_feed; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY events_feed ON messaging.events FOR SELECT TO messaging_worker USING (true);


--
-- Name: events events_swept; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY events_swept ON messaging.events FOR DELETE TO messaging_worker USING ((created_at < (now() - '7 days'::interval)));


--
-- Name: idempotency; Type: ROW SECURITY; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE messaging.idempotency ENABLE ROW LEVEL SECURITY;

--
-- Name: idempotency idempotency_scope; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY idempotency_scope ON messaging.idempotency USING (((scope = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid) OR (scope = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid) OR (scope = '00000000-0000-0000-0000-000000000000'::uuid))) WITH CHECK (((scope = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid) OR (scope = (NULLIF(current_setting('clientele.account_id'::text, true), ''::text))::uuid) OR (scope = '00000000-0000-0000-0000-000000000000'::uuid)));


--
-- Name: idempotency idempotency_swept; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY idempotency_swept ON messaging.idempotency TO messaging_worker USING ((created_at < (now() - '72:00:00'::interval)));


--
-- Name: jobs; Type: ROW SECURITY; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE messaging.jobs ENABLE ROW LEVEL SECURITY;

--
-- Name: jobs jobs_tenant; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY jobs_tenant ON messaging.jobs TO messaging USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: jobs jobs_worker; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY jobs_worker ON messaging.jobs TO messaging_worker USING (true) WITH CHECK (true);


--
-- Name: messages; Type: ROW SECURITY; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE messaging.messages ENABLE ROW LEVEL SECURITY;

--
-- Name: messages messages_tenant; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY messages_tenant ON messaging.messages USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: messages messages_worker; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY messages_worker ON messaging.messages TO messaging_worker USING (true) WITH CHECK (true);


--
-- Name: sms_quotas; Type: ROW SECURITY; Schema: messaging; Owner: messaging_owner
--

ALTER TABLE messaging.sms_quotas ENABLE ROW LEVEL SECURITY;

--
-- Name: sms_quotas sms_quotas_tenant; Type: POLICY; Schema: messaging; Owner: messaging_owner
--

CREATE POLICY sms_quotas_tenant ON messaging.sms_quotas USING ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid)) WITH CHECK ((organization_id = (NULLIF(current_setting('clientele.organization_id'::text, true), ''::text))::uuid));


--
-- Name: SCHEMA messaging; Type: ACL; Schema: -; Owner: messaging_owner
--

GRANT USAGE ON SCHEMA messaging TO messaging;
GRANT USAGE ON SCHEMA messaging TO messaging_worker;


--
-- Name: FUNCTION demand_quota(counted bigint); Type: ACL; Schema: messaging; Owner: messaging_owner
--

REVOKE ALL ON FUNCTION messaging.demand_quota(counted bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION messaging.demand_quota(counted bigint) TO messaging;


--
-- Name: FUNCTION refuse_audit_change(); Type: ACL; Schema: messaging; Owner: messaging_owner
--

REVOKE ALL ON FUNCTION messaging.refuse_audit_change() FROM PUBLIC;


--
-- Name: TABLE alerts; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE messaging.alerts TO messaging;
GRANT SELECT,INSERT,UPDATE ON TABLE messaging.alerts TO messaging_worker;


--
-- Name: TABLE audit_log; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT ON TABLE messaging.audit_log TO messaging_worker;


--
-- Name: COLUMN audit_log.organization_id; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(organization_id) ON TABLE messaging.audit_log TO messaging;
GRANT INSERT(organization_id) ON TABLE messaging.audit_log TO messaging_worker;


--
-- Name: COLUMN audit_log.actor_account; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(actor_account) ON TABLE messaging.audit_log TO messaging;
GRANT INSERT(actor_account) ON TABLE messaging.audit_log TO messaging_worker;


--
-- Name: COLUMN audit_log.actor_service; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(actor_service) ON TABLE messaging.audit_log TO messaging;
GRANT INSERT(actor_service) ON TABLE messaging.audit_log TO messaging_worker;


--
-- Name: COLUMN audit_log.acting_as; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(acting_as) ON TABLE messaging.audit_log TO messaging;
GRANT INSERT(acting_as) ON TABLE messaging.audit_log TO messaging_worker;


--
-- Name: COLUMN audit_log.action; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(action) ON TABLE messaging.audit_log TO messaging;
GRANT INSERT(action) ON TABLE messaging.audit_log TO messaging_worker;


--
-- Name: COLUMN audit_log.object_kind; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(object_kind) ON TABLE messaging.audit_log TO messaging;
GRANT INSERT(object_kind) ON TABLE messaging.audit_log TO messaging_worker;


--
-- Name: COLUMN audit_log.object_id; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(object_id) ON TABLE messaging.audit_log TO messaging;
GRANT INSERT(object_id) ON TABLE messaging.audit_log TO messaging_worker;


--
-- Name: COLUMN audit_log.request_id; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(request_id) ON TABLE messaging.audit_log TO messaging;
GRANT INSERT(request_id) ON TABLE messaging.audit_log TO messaging_worker;


--
-- Name: COLUMN audit_log.detail; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(detail) ON TABLE messaging.audit_log TO messaging;
GRANT INSERT(detail) ON TABLE messaging.audit_log TO messaging_worker;


--
-- Name: SEQUENCE audit_log_audit_id_seq; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT ON SEQUENCE messaging.audit_log_audit_id_seq TO messaging_worker;


--
-- Name: TABLE audit_seals; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,INSERT ON TABLE messaging.audit_seals TO messaging_worker;


--
-- Name: TABLE dead_jobs; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,DELETE ON TABLE messaging.dead_jobs TO messaging;
GRANT SELECT,INSERT ON TABLE messaging.dead_jobs TO messaging_worker;


--
-- Name: TABLE delivery_attempts; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT ON TABLE messaging.delivery_attempts TO messaging;
GRANT SELECT,INSERT ON TABLE messaging.delivery_attempts TO messaging_worker;


--
-- Name: COLUMN delivery_attempts.outcome; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(outcome) ON TABLE messaging.delivery_attempts TO messaging_worker;


--
-- Name: COLUMN delivery_attempts.error; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(error) ON TABLE messaging.delivery_attempts TO messaging_worker;


--
-- Name: COLUMN delivery_attempts.ended_at; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(ended_at) ON TABLE messaging.delivery_attempts TO messaging_worker;


--
-- Name: TABLE events; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,DELETE ON TABLE messaging.events TO messaging_worker;


--
-- Name: COLUMN events.organization_id; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(organization_id) ON TABLE messaging.events TO messaging;


--
-- Name: COLUMN events.kind; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(kind) ON TABLE messaging.events TO messaging;


--
-- Name: COLUMN events.aggregate_id; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(aggregate_id) ON TABLE messaging.events TO messaging;


--
-- Name: COLUMN events.payload; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT INSERT(payload) ON TABLE messaging.events TO messaging;


--
-- Name: TABLE feed_low_water; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,UPDATE ON TABLE messaging.feed_low_water TO messaging_worker;


--
-- Name: TABLE feed_parked; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE messaging.feed_parked TO messaging_worker;


--
-- Name: TABLE feed_positions; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE messaging.feed_positions TO messaging_worker;


--
-- Name: TABLE idempotency; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE messaging.idempotency TO messaging;
GRANT DELETE ON TABLE messaging.idempotency TO messaging_worker;


--
-- Name: COLUMN idempotency.created_at; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT(created_at) ON TABLE messaging.idempotency TO messaging_worker;


--
-- Name: SEQUENCE job_fences; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT USAGE ON SEQUENCE messaging.job_fences TO messaging_worker;


--
-- Name: TABLE jobs; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE messaging.jobs TO messaging;
GRANT SELECT,INSERT,DELETE ON TABLE messaging.jobs TO messaging_worker;


--
-- Name: COLUMN jobs.run_at; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(run_at) ON TABLE messaging.jobs TO messaging_worker;


--
-- Name: COLUMN jobs.attempt; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(attempt) ON TABLE messaging.jobs TO messaging_worker;


--
-- Name: COLUMN jobs.attempts_max; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(attempts_max) ON TABLE messaging.jobs TO messaging_worker;


--
-- Name: COLUMN jobs.abandoned; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(abandoned) ON TABLE messaging.jobs TO messaging_worker;


--
-- Name: COLUMN jobs.lease_until; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(lease_until) ON TABLE messaging.jobs TO messaging_worker;


--
-- Name: COLUMN jobs.fence; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(fence) ON TABLE messaging.jobs TO messaging_worker;


--
-- Name: COLUMN jobs.failure; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(failure) ON TABLE messaging.jobs TO messaging_worker;


--
-- Name: TABLE messages; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,INSERT ON TABLE messaging.messages TO messaging;
GRANT SELECT,INSERT ON TABLE messaging.messages TO messaging_worker;


--
-- Name: COLUMN messages.state; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(state) ON TABLE messaging.messages TO messaging_worker;


--
-- Name: COLUMN messages.attempts; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(attempts) ON TABLE messaging.messages TO messaging_worker;


--
-- Name: COLUMN messages.refusals; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(refusals) ON TABLE messaging.messages TO messaging_worker;


--
-- Name: COLUMN messages.abandoned; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(abandoned) ON TABLE messaging.messages TO messaging_worker;


--
-- Name: COLUMN messages.last_error; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(last_error) ON TABLE messaging.messages TO messaging_worker;


--
-- Name: COLUMN messages.sent_at; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT UPDATE(sent_at) ON TABLE messaging.messages TO messaging_worker;


--
-- Name: TABLE schedules; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE messaging.schedules TO messaging_worker;


--
-- Name: TABLE schema_migrations; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT ON TABLE messaging.schema_migrations TO messaging;
GRANT SELECT ON TABLE messaging.schema_migrations TO messaging_worker;


--
-- Name: TABLE sms_quotas; Type: ACL; Schema: messaging; Owner: messaging_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE messaging.sms_quotas TO messaging;


--
-- Name: DEFAULT PRIVILEGES FOR SEQUENCES; Type: DEFAULT ACL; Schema: messaging; Owner: messaging_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE messaging_owner IN SCHEMA messaging GRANT USAGE ON SEQUENCES  TO messaging;


--
-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: messaging; Owner: messaging_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE messaging_owner IN SCHEMA messaging GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO messaging;


--
-- PostgreSQL database dump complete
--

\unrestrict schema

