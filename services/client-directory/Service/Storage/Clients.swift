import ClientDirectoryAPI
import Feed
import Foundation
import GRPC
import Postgres
import Protobuf
import ServiceKit
import ServiceStorage

extension ClientDirectoryStorage {
  var clients: Clients { Clients(database: database, idempotency: idempotency) }
}

/// The tables `clients`, `client_labels`, `stakeholders` and `contact_points`: a file each client.
struct Clients: Table, Sendable {
  let database: Database
  let idempotency: Idempotency

  static let select = Statement<ClientRow>(
    """
    select \(ClientRow.columns) from clients c
    \(ClientRow.joins)
    where c.organization_id = $1 and c.client_id = $2
    """)
  static let holder = Statement<EmailHolder>(
    """
    select c.client_id, c.branch_id,
      array(select s.employee_id from stakeholders s
        where s.organization_id = $1 and s.client_id = c.client_id)
    from contact_points p
    join clients c on c.organization_id = $1 and c.client_id = p.client_id
    where p.organization_id = $1 and p.normalized = $2 and p.kind = 1 and p.rank = 1
    """)
  static let statements: [any DescribedStatement] = [select, holder]
  static let faults: ConstraintFaults = [
    "contact_points_value_key": ClientDirectoryError.contactPointExists,
    "contact_points_primary_key": ClientDirectoryError.staleETag,
    "clients_contact_ids_check": ClientDirectoryError.contactPointsFull,
  ]
  /// Raised by `demand_change` when a file changed meanwhile.
  static let staleState = "CD001"

  /// The file, or nil.
  func find(
    _ client: UUID, of organization: UUID, deadline: Deadline
  ) async throws -> ClientRow? {
    try await database.run(
      .organization(organization), deadline: deadline.instant, Self.select(organization, client)
    ).first
  }

  /// The organisation's client whose primary e-mail it is, or nil.
  func holder(
    of email: EmailAddress, in organization: UUID, deadline: Deadline
  ) async throws -> EmailHolder? {
    try await database.run(
      .organization(organization), deadline: deadline.instant,
      Self.holder(organization, email.normalized)
    ).first
  }

  /// A page of a list.
  func page(_ query: ClientListQuery, deadline: Deadline) async throws -> [ClientRow] {
    guard let statement = ClientLists.byShape[query.shape] else { return [] }
    return try await database.run(
      .organization(query.organization), deadline: deadline.instant,
      statement(
        query.organization, query.start.sortKey, query.start.clientID, query.limit,
        query.filterValue, query.visibilityIDs))
  }

  /// The answer of an earlier call of the same intent; touches it.
  func replay<Answer: Message>(_ intent: Intent, as: Answer.Type) async throws -> Answer? {
    try await idempotency.replay(
      intent.key, scope: .organization(intent.organization), deadline: intent.deadline)
  }

  /// Does what a call asks, unless an earlier call of the same intent was answered.
  ///
  /// What is refused is looked up once more: a twin of the call may have been faster, and its effect
  /// be what this one stumbled over.
  func once<Answer: Message>(
    _ intent: Intent, _ body: () async throws -> Answer
  ) async throws -> Answer {
    if let earlier = try await replay(intent, as: Answer.self) { return earlier }
    do {
      return try await body()
    } catch let refusal as ClientDirectoryError {
      if let twin = try await replay(intent, as: Answer.self) { return twin }
      throw refusal
    }
  }

  /// Stores a new file, its news, and the job that invites the client if there is one; all or
  /// nothing, in one round trip.
  func create(_ row: ClientRow, job: InvitationJob?, for intent: Intent) async throws -> Client {
    let answer = Client(row)
    let scope = Scope.organization(intent.organization)
    let news = Events.append(
      kind: "client.created", organization: row.organizationID, aggregate: row.clientID,
      payload: ClientChanged(client: answer).serialized())
    let record = intent.audit("client.create", on: "client", row.clientID)
    var queries = ClientWrites.inserting(row) + [AnyQuery(news)]
    if let job { queries.append(try InvitationJobs.inserting(job)) }
    queries.append(record)
    return try await blaming(row) {
      try await idempotency.write(
        intent.key, scope: scope, deadline: intent.deadline, answer: answer, all: queries)
    }
  }

  /// Stores a changed file with its news. Throws ABORTED/STALE_ETAG when somebody was faster.
  ///
  /// - Parameters:
  ///   - row: the file as it shall be, `version` still the one that was read.
  ///   - act: what goes on record.
  ///   - answer: made from the file as it will be, with the next version.
  func update<Answer: Message>(
    _ row: ClientRow, _ effects: [ClientEffect], as act: ClientAct, answer: (Client) -> Answer,
    for intent: Intent
  ) async throws -> Answer {
    let queries = ClientWrites.changing(row, effects) + [act.record(row, for: intent)]
    return try await blaming(row) {
      try await idempotency.write(
        intent.key, scope: .organization(intent.organization), deadline: intent.deadline,
        answer: answer(Client(row.next)), all: queries)
    }
  }

  /// Stores an answer of a call that found the file as it was to become.
  func remember<Answer: Message>(
    _ answer: Answer, of row: ClientRow, as act: ClientAct, for intent: Intent
  ) async throws -> Answer {
    try await idempotency.write(
      intent.key, scope: .organization(intent.organization), deadline: intent.deadline,
      answer: answer, act.record(row, for: intent))
  }

  /// Puts on record that somebody asked about an address, and what they were told. Which address
  /// is in identity's own record of probes, as a fingerprint.
  func recordProbe(_ told: EmailDisposition, in call: CallContext) async throws {
    let organization = try call.organization()
    try await database.run(
      .organization(organization), deadline: call.deadline.instant,
      all: [
        Audit.append(
          AuditEntry(
            "client.check_email", on: "email", nil, in: organization, by: AuditActor(call),
            detail: ["told": told.protoName ?? ""]))
      ])
  }

  /// Throws domain errors for what the database refuses.
  private func blaming<Result>(
    _ row: ClientRow, _ body: () async throws -> Result
  ) async throws -> Result {
    do {
      return try await body()
    } catch let error as PostgresError {
      if error.sqlState == Self.staleState { throw ClientDirectoryError.staleETag }
      if error.constraint == "contact_points_primary_email_key" {
        throw EmailTakenInOrganization()
      }
      throw Self.faults.translate(error)
    }
  }
}

/// A primary e-mail turned out to be another client's at the moment of writing. Handlers know which
/// rpc to name as the way out.
struct EmailTakenInOrganization: Error {}

/// The client that has an address, with what says who may see it.
struct EmailHolder: PostgresRow {
  let clientID: UUID
  let branchID: UUID
  let stakeholderIDs: [UUID]

  init(from columns: inout ColumnReader) throws(PostgresError) {
    clientID = try columns.next()
    branchID = try columns.next()
    stakeholderIDs = try columns.next()
  }
}

extension ClientRow {
  /// The file as it is after the change that is being stored.
  var next: ClientRow {
    var row = self
    row.version += 1
    return row
  }
}
