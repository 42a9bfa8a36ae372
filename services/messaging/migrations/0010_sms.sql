-- 0010: SMS (expand)
-- Why: a reminder to download the mobile app goes by SMS (B26). It belongs to no invitation; its text
-- holds no secret and is kept; staff ask for it, so the handler writes it; and since SMS cost money,
-- an organisation and a client get so many in a day.
-- Old code during roll-out: never takes such a message, whose job waits in a queue of its own, but
-- cannot list it either. None is written before the gateway, which is rolled last, offers the rpc.
SET LOCAL lock_timeout = '200ms';
SET LOCAL statement_timeout = '10s';

ALTER TABLE messages ADD COLUMN body text NOT NULL DEFAULT '';
COMMENT ON COLUMN messages.body IS 'what an SMS says; empty for a mail, which is written as it leaves';
-- squawk-ignore ban-drop-not-null
ALTER TABLE messages ALTER COLUMN invitation_id DROP NOT NULL;
-- squawk-ignore ban-drop-constraint
ALTER TABLE messages DROP CONSTRAINT messages_purpose_check;
ALTER TABLE messages ADD CONSTRAINT messages_purpose_check
  CHECK (purpose IN ('CLIENT_INVITATION', 'STAFF_INVITATION', 'APP_REMINDER')) NOT VALID;
ALTER TABLE messages ADD CONSTRAINT messages_invitation_check
  CHECK ((purpose = 'APP_REMINDER') = (invitation_id IS NULL)) NOT VALID;
ALTER TABLE messages ADD CONSTRAINT messages_sms_check CHECK (
  CASE channel
    WHEN 'SMS' THEN recipient ~ '^\+[1-9][0-9]{6,14}$' AND char_length(body) BETWEEN 1 AND 201
    ELSE body = ''
  END) NOT VALID;
GRANT INSERT ON messages TO messaging;

CREATE TABLE sms_quotas (
  organization_id uuid NOT NULL,
  subject_id uuid NOT NULL,
  moments timestamptz[] NOT NULL,
  CONSTRAINT sms_quotas_pkey PRIMARY KEY (organization_id, subject_id),
  CONSTRAINT sms_quotas_moments_check CHECK (cardinality(moments) BETWEEN 1 AND 1000)
);
COMMENT ON COLUMN sms_quotas.subject_id IS 'the organisation itself, or the client SMS went to';
COMMENT ON COLUMN sms_quotas.moments IS
  'when SMS were last asked for, the oldest first; as many as are allowed a day';
ALTER TABLE sms_quotas ENABLE ROW LEVEL SECURITY;
ALTER TABLE sms_quotas FORCE ROW LEVEL SECURITY;
CREATE POLICY sms_quotas_tenant ON sms_quotas
  USING (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);
REVOKE DELETE ON sms_quotas FROM messaging;

-- Ends the transaction when somebody did something too often, so that nothing of it is kept.
CREATE FUNCTION demand_quota(counted bigint) RETURNS void LANGUAGE plpgsql
  SET search_path = messaging, pg_temp
  AS $$
BEGIN
  IF counted IS DISTINCT FROM 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'MS001', MESSAGE = 'the quota is used up';
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION demand_quota(bigint) TO messaging;

-- First answers are given again for 72 hours and then only take room: until now there were none.
CREATE POLICY idempotency_swept ON idempotency TO messaging_worker
  USING (created_at < now() - interval '72 hours');
GRANT SELECT (created_at), DELETE ON idempotency TO messaging_worker;
