/// Something that holds of every row of a kind, whatever was done to the service.
struct Invariant: Sendable {
  /// Rows of what, such as `clients`.
  let subject: String
  /// What is said of a number of rows that break it.
  let breach: String
  /// Answers how many rows there are, and how many of them break it.
  let sql: String

  /// By service.
  static let all: [String: [Invariant]] = [
    "identity": [
      Invariant(
        subject: "invited records", breach: "records have more than one open invitation",
        sql: """
          select count(*), count(*) filter (where open > 1) from (
            select count(*) filter (where state = 'PENDING') as open from identity.invitations
            group by organization_id, record_id) r
          """),
      Invariant(
        subject: "memberships", breach: "memberships belong to no account",
        sql: """
          select count(*), count(*) filter (where a.account_id is null)
          from identity.memberships m left join identity.accounts a using (account_id)
          """),
      Invariant(
        subject: "accounts", breach: "accounts have not exactly one username",
        sql: """
          select count(*), count(*) filter (where names <> 1) from (
            select (select count(*) from identity.login_identifiers i
              where i.account_id = a.account_id and i.kind = 'USERNAME' and i.state <> 'RETIRED')
              as names
            from identity.accounts a) n
          """), answers("identity"),
    ],
    "organization": [
      Invariant(
        subject: "organisations", breach: "organisations have no branch",
        sql: """
          select count(*), count(*) filter (where not exists (
            select from organization.branches b where b.organization_id = o.organization_id))
          from organization.organizations o
          """), answers("organization"),
    ],
    "client-directory": [
      Invariant(
        subject: "clients", breach: "clients have two primary contact points of a kind",
        sql: """
          select count(*), count(*) filter (where exists (
            select from client_directory.contact_points p
            where p.organization_id = c.organization_id and p.client_id = c.client_id
              and p.rank = 1 group by p.kind having count(*) > 1))
          from client_directory.clients c
          """),
      Invariant(
        subject: "primary e-mails", breach: "primary e-mails are several clients' at once",
        sql: """
          select coalesce(sum(holders), 0), count(*) filter (where holders > 1) from (
            select count(*) as holders from client_directory.contact_points
            where kind = 1 and rank = 1 group by organization_id, normalized) e
          """),
      Invariant(
        subject: "clients in lists", breach: "clients are other in lists than in their files",
        sql: """
          select count(*), count(*) filter (where
            (c.contact_ids, c.contact_kinds, c.contact_ranks, c.contact_phone_types,
              c.contact_values) is distinct from (
              select (coalesce(array_agg(p.contact_point_id), '{}'),
                coalesce(array_agg(p.kind), '{}'), coalesce(array_agg(p.rank), '{}'),
                coalesce(array_agg(p.phone_type), '{}'), coalesce(array_agg(p.value), '{}'))
              from (
                select * from client_directory.contact_points
                where organization_id = c.organization_id and client_id = c.client_id
                order by rank, kind, contact_point_id) p)
            or (select coalesce(array_agg(i order by i), '{}') from unnest(c.stakeholder_ids) i)
              is distinct from array(
                select s.employee_id from client_directory.stakeholders s
                where s.organization_id = c.organization_id and s.client_id = c.client_id
                order by 1))
          from client_directory.clients c
          """), answers("client_directory"),
    ],
    "messaging": [
      Invariant(
        subject: "messages", breach: "messages are sent, and do not say when",
        sql: """
          select count(*), count(*) filter (where (state = 'SENT') <> (sent_at is not null))
          from messaging.messages
          """), answers("messaging"),
    ],
  ]

  /// First answers are swept away after 72 hours, by a sweep an hour.
  private static func answers(_ schema: String) -> Invariant {
    Invariant(
      subject: "first answers", breach: "first answers are older than the sweep leaves them",
      sql: """
        select count(*), count(*) filter (where created_at < now() - interval '80 hours')
        from \(schema).idempotency
        """)
  }
}
