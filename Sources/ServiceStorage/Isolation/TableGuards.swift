import Postgres

/// Which rows each table shows to whom.
struct TableGuards {
  /// A policy as the catalogue has it, with `$` for the schema's name.
  private struct Policy: Hashable {
    let table: String
    /// `public`, or roles in the order of their names.
    let roles: String
    /// `ALL`, `SELECT`, `INSERT`, `UPDATE` or `DELETE`.
    let command: String
    let using: String?
    let check: String?

    /// Whether it shows an organisation's rows to whoever acts for it, and no others.
    var isTenants: Bool {
      [using, check].allSatisfy { $0 == nil || $0 == TableGuards.tenant }
        && (using != nil || command == "INSERT")
    }

    /// Whether it asks for whom somebody acts.
    var isKeyed: Bool { "\(using ?? "") \(check ?? "")".contains("'clientele.") }
  }

  /// A table without policies, and why that is no hole.
  private struct Open {
    /// What the service's own role may do.
    let rights: Set<String>
    let reason: String
  }

  private struct Table {
    let name: String
    let isForced: Bool
    /// What the service's own role may do, be it to some columns.
    let rights: Set<String>
  }

  private let tables: [Table]
  private let policies: [Policy]

  init(of schema: String, in session: PlainConnection) throws {
    tables = try session.run(
      """
      select c.relname, c.relrowsecurity and c.relforcerowsecurity, string_agg(x.privilege_type, ' ')
      from pg_class c left join lateral (
        select acl.privilege_type from aclexplode(c.relacl) acl
        where acl.grantee = '\(schema)'::regrole
        union
        select acl.privilege_type from pg_attribute a, aclexplode(a.attacl) acl
        where a.attrelid = c.oid and acl.grantee = '\(schema)'::regrole
      ) x on true
      where c.relnamespace = '\(schema)'::regnamespace and c.relkind in ('r', 'p', 'f')
      group by c.oid
      """
    ).map { row in
      Table(
        name: row[0] ?? "", isForced: row[1] == "t",
        rights: Set((row[2] ?? "").split(separator: " ").map(String.init)))
    }
    // One that only narrows what others show needs no look.
    policies = try session.run(
      """
      select tablename, array_to_string(array(select unnest(roles)::text order by 1), ' '), cmd,
        qual, with_check
      from pg_policies where schemaname = '\(schema)' and permissive = 'PERMISSIVE'
      """
    ).map { row in
      Policy(
        table: row[0] ?? "",
        roles: (row[1] ?? "").split(separator: " ").map { name in
          name.hasPrefix(schema) ? "$" + name.dropFirst(schema.count) : String(name)
        }.joined(separator: " "),
        command: row[2] ?? "", using: row[3], check: row[4])
    }
  }

  /// One line a problem.
  /// - Parameter open: further tables that need no policies.
  func problems(besides open: Set<String>) -> [String] {
    tables.filter { !open.contains($0.name) }.flatMap(problems)
      + policies.filter { !$0.isTenants && !Self.known.contains($0) }.map { policy in
        "a policy that is none of the known: \(policy.table) \(policy.command) to \(policy.roles) "
          + "using \(policy.using ?? "-") check \(policy.check ?? "-")"
      }
  }

  private func problems(of table: Table) -> [String] {
    if let open = Self.open[table.name] {
      let more = table.rights.subtracting(open.rights).sorted()
      return more.isEmpty
        ? [] : ["the service's role may \(more.joined(separator: ", ")): \(table.name)"]
    }
    var lines: [String] = []
    if !table.isForced { lines.append("row-level security is not forced: \(table.name)") }
    if !policies.contains(where: { $0.table == table.name && $0.isKeyed }) {
      lines.append("no policy asks for an organisation or a person: \(table.name)")
    }
    return lines
  }

  private static func own(_ column: String, _ setting: String) -> String {
    "(\(column) = (NULLIF(current_setting('clientele.\(setting)'::text, true), ''::text))::uuid)"
  }
  private static let tenant = own("organization_id", "organization_id")

  /// What no organisation or person has rows in.
  private static let open: [String: Open] = [
    "alerts": Open(
      rights: ["SELECT", "INSERT", "UPDATE"], reason: "name parts of the system, never people"),
    "audit_seals": Open(rights: [], reason: "hashes and signatures, read by the worker alone"),
    "feed_low_water": Open(rights: [], reason: "one position, the worker's alone"),
    "feed_parked": Open(rights: [], reason: "the follower's, which is the worker's alone"),
    "feed_positions": Open(rights: [], reason: "the follower's, which is the worker's alone"),
    "schedules": Open(rights: [], reason: "names and times, the worker's alone"),
    "schema_migrations": Open(rights: ["SELECT"], reason: "names of files"),
    "sign_in_failures": Open(
      rights: ["SELECT", "INSERT", "UPDATE", "DELETE"],
      reason: "counted by a hash before anybody is known"),
  ]

  /// Policies beside those of an organisation's rows, and who needs them.
  private static let known: Set<Policy> = {
    let person = own("account_id", "account_id")
    let append = "((organization_id IS NULL) OR \(tenant))"
    let scope =
      "(\(own("scope", "organization_id")) OR \(own("scope", "account_id"))"
      + " OR (scope = '00000000-0000-0000-0000-000000000000'::uuid))"
    func policy(
      _ table: String, _ roles: String, _ command: String, _ using: String?, _ check: String? = nil
    ) -> Policy {
      Policy(table: table, roles: roles, command: command, using: using, check: check)
    }
    // News and acts: of an organisation or of nobody's; the worker serves and seals them all.
    let logs = [
      policy("events", "$", "INSERT", nil, append),
      policy("events", "$_worker", "SELECT", "true"),
      policy("events", "$_worker", "DELETE", "(created_at < (now() - '7 days'::interval))"),
      policy("audit_log", "$", "INSERT", nil, append),
      policy("audit_log", "$_worker", "INSERT", nil, "true"),
      policy("audit_log", "$_worker", "SELECT", "true"),
    ]
    // What the worker does for every organisation.
    let queues = ["jobs", "dead_jobs", "messages", "delivery_attempts"].map {
      policy($0, "$_worker", "ALL", "true", "true")
    }
    // What it sweeps away, and first answers.
    let sweeps = [
      policy("idempotency", "public", "ALL", scope, scope),
      policy("idempotency", "$_worker", "ALL", "(created_at < (now() - '72:00:00'::interval))"),
      policy("sessions", "$_worker", "ALL", "(expires_at < (now() - '30 days'::interval))"),
    ]
    // People, and what functions look up before anybody is known; nobody logs in as the owner.
    let people = ["accounts", "credentials", "login_identifiers", "sessions"]
    let persons =
      people.map { policy($0, "public", "ALL", person, person) }
      + [policy("memberships", "public", "SELECT", person)]
      + (people + ["invitations", "memberships"]).map { policy($0, "$_owner", "ALL", "true") }
    // No key but the next one of indexes is ever removed.
    let keys = [policy("data_keys", "public", "DELETE", "((purpose = 3) AND \(tenant))")]
    return Set(logs + queues + sweeps + persons + keys)
  }()
}
