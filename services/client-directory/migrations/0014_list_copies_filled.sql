-- clientele: in batches
-- Why: the columns of 0012, for the rows that were there.
-- Old code during roll-out: unaffected.
WITH part AS (
  SELECT organization_id, client_id FROM clients WHERE contact_ids IS NULL
  ORDER BY client_id LIMIT 1000 FOR NO KEY UPDATE
), done AS (
  UPDATE clients c SET
    (contact_ids, contact_kinds, contact_ranks, contact_phone_types, contact_values) = (
      SELECT coalesce(array_agg(o.contact_point_id), '{}'), coalesce(array_agg(o.kind), '{}'),
        coalesce(array_agg(o.rank), '{}'), coalesce(array_agg(o.phone_type), '{}'),
        coalesce(array_agg(o.value), '{}')
      FROM (
        SELECT contact_point_id, kind, rank, phone_type, value FROM contact_points p
        WHERE p.organization_id = c.organization_id AND p.client_id = c.client_id
        ORDER BY rank, kind, contact_point_id
      ) o
    ),
    stakeholder_ids = ARRAY (
      SELECT employee_id FROM stakeholders s
      WHERE s.organization_id = c.organization_id AND s.client_id = c.client_id
      ORDER BY employee_id
    )
  FROM part
  WHERE c.organization_id = part.organization_id AND c.client_id = part.client_id
    AND c.contact_ids IS NULL
  RETURNING 1
)
SELECT count(*) FROM done;
