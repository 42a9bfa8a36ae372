import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import MessagingAPI
import OrganizationAPI
import Protobuf
import Synchronization
import TestKit

/// What practices do all day: clients, contact points, employees, invitations, changes under an
/// etag, by several organisations at once, directly and through the gateway. Every change is asked
/// for under its key until there is an answer, and noted with the time it took.
final class Workload: Sendable {
  /// What is done.
  enum Kind: Sendable, Hashable {
    /// Everything.
    case practice
    /// Little lists that all write to, and tokens that all move: who sees what, and when.
    case registers
  }

  /// How long a call may take.
  static let deadline = Duration.seconds(5)
  /// How long a thing is asked for before it is left in doubt.
  static let patience = Duration.seconds(60)

  let log = OpLog()
  let lists = ListLog()
  let tokens = TokenLog()
  let wires: Wires
  private let kind: Kind
  private let practice: Practice
  private let tenants: [Tenant]
  private let isOver = Atomic(false)
  private let count = Atomic(0)
  /// A number that no other operation has.
  var nextNumber: Int { count.wrappingAdd(1, ordering: .relaxed).newValue }

  /// An organisation, and the clients whose company names serve as lists.
  final class Tenant: Sendable {
    let administrator: Administrator
    let lists = Mutex<[String]>([])
    let tokens = Mutex<[String]>([])
    let invited = Mutex<[String]>([])
    let clients = Mutex<[String]>([])

    init(_ administrator: Administrator) { self.administrator = administrator }
  }

  init(_ stack: Stack, of kind: Kind = .practice) async throws {
    self.kind = kind
    wires = try Wires(stack, deadline: Self.deadline)
    practice = try await Practice.signedIn(stack)
    var tenants: [Tenant] = []
    for name in ["admin@demo.example", "admin@other.example"] {
      tenants.append(Tenant(try await Administrator(wires, as: name)))
    }
    self.tenants = tenants
  }

  func close() async { await wires.close() }

  /// Works as long as the body runs, and `countMax` operations at most.
  func during(_ body: () async throws -> Void, countMax: Int = 200_000) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<6 {
        group.addTask { [self] in
          while !isOver.load(ordering: .relaxed), count.load(ordering: .relaxed) < countMax {
            try await operation(worker)
            try await Task.sleep(for: .milliseconds(5))
          }
        }
      }
      defer { isOver.store(true, ordering: .relaxed) }
      try await answered(20)
      try await body()
      try await answered(20)
      isOver.store(true, ordering: .relaxed)
      try await group.waitForAll()
    }
  }

  /// Waits until so many more calls are answered well.
  func answered(_ more: Int) async throws {
    let wanted = log.answers + more
    try await wait("\(more) more calls are answered", within: .seconds(90)) {
      log.answers >= wanted
    }
  }

  // MARK: Operations

  private func operation(_ worker: Int) async throws {
    let number = nextNumber
    let tenant = tenants[worker % tenants.count]
    if kind == .registers { return try await register(tenant, number) }
    switch number % 8 {
    case 0: try await createClient(tenant, "Op\(number)", email: "op\(number)@clients.example")
    case 1: _ = try await createClient(tenant, "Op\(number)", email: nil)
    case 2: try await createByGateway("Op\(number)", email: "op\(number)@clients.example")
    case 3: try await addContactPoint(tenant, "cp\(number)@clients.example")
    case 4: try await createEmployee(tenant, "op\(number)@staff.example")
    case 5: try await resend(tenant)
    default: try await append(tenant, "\(number)")
    }
  }

  /// Asks under one key until there is an answer.
  func ask(
    _ method: String, _ organization: String, effect: String, key: UUID = UUID(),
    judge: (any Error) -> OpLog.Outcome = OpLog.judge, _ call: () async throws -> String
  ) async throws -> OpLog.Outcome {
    let end = ContinuousClock.now + Self.patience
    while true {
      let outcome = await log.call(
        method, key: key, organization: organization, effect: effect, judge: judge, call)
      guard outcome.isWorthRepeating, .now < end else { return outcome }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  @discardableResult
  func createClient(
    _ tenant: Tenant, _ name: String, email: String?
  ) async throws -> String? {
    let key = UUID()
    let organization = tenant.administrator.organization
    let outcome = try await ask(
      "CreateClient", organization, effect: "client \(name)", key: key
    ) {
      var request = CreateClientRequest(
        requestID: key.uuidString, organizationID: organization, givenName: "Nora",
        familyName: name, language: "en")
      request.email = email ?? ""
      request.noEmailConfirmed = email == nil
      return try await wires.directory.createClient(
        request, options: try await tenant.administrator.options(timeout: Self.deadline)
      ).clientID
    }
    guard case .ok(let id) = outcome else { return nil }
    tenant.clients.withLock { $0.append(id) }
    if email != nil { tenant.invited.withLock { $0.append(id) } }
    return id
  }

  private func createByGateway(_ name: String, email: String) async throws {
    let key = UUID()
    _ = try await ask(
      "CreateClient", practice.organization, effect: "client \(name)", key: key,
      judge: OpLog.Outcome.init(ofGateway:)
    ) {
      let client = try await practice.console.call(
        "POST", "\(practice.path)/clients",
        ["email": email, "givenName": "Nora", "familyName": name, "language": "en"], key: key)
      return client["clientId"] as? String ?? ""
    }
  }

  private func addContactPoint(_ tenant: Tenant, _ value: String) async throws {
    guard let client = tenant.clients.withLock({ $0.popLast() }) else { return }
    let key = UUID()
    let organization = tenant.administrator.organization
    _ = try await ask("AddContactPoint", organization, effect: "contact \(value)", key: key) {
      try await wires.directory.addContactPoint(
        AddContactPointRequest(
          requestID: key.uuidString, organizationID: organization, clientID: client,
          kind: .email, rank: .secondary, value: value),
        options: try await tenant.administrator.options(timeout: Self.deadline)
      ).clientID
    }
  }

  private func createEmployee(_ tenant: Tenant, _ email: String) async throws {
    let key = UUID()
    let organization = tenant.administrator.organization
    _ = try await ask("CreateEmployee", organization, effect: "employee \(email)", key: key) {
      try await wires.organization.createEmployee(
        CreateEmployeeRequest(
          requestID: key.uuidString, organizationID: organization, givenName: "Eva",
          familyName: "Staff", email: email, profile: .superAdmin, language: "en"),
        options: try await tenant.administrator.options(timeout: Self.deadline)
      ).employeeID
    }
  }

  /// Each invited client once, as soon as the first mail is sent: before, it would be the first
  /// sending that is hurried, or a mail that is called back.
  private func resend(_ tenant: Tenant) async throws {
    guard let client = tenant.invited.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
      return
    }
    let organization = tenant.administrator.organization
    let mails = try? await wires.messaging.listMessages(
      ListMessagesRequest(organizationID: organization, recordID: client),
      options: try await tenant.administrator.options(timeout: Self.deadline))
    guard mails?.messages.first?.state == .sent else {
      return tenant.invited.withLock { $0.append(client) }
    }
    let key = UUID()
    _ = try await ask("ResendInvitation", organization, effect: "resend \(client)", key: key) {
      let answer = try await wires.directory.resendInvitation(
        ResendInvitationRequest(
          requestID: key.uuidString, organizationID: organization, clientID: client),
        options: try await tenant.administrator.options(timeout: Self.deadline))
      return "\(answer.serialized())"
    }
  }
}

extension OpLog.Outcome {
  /// Whether the same call, under the same key, may still be answered well.
  fileprivate var isWorthRepeating: Bool {
    switch self {
    case .ok: false
    case .inDoubt: true
    case .refused(let words):
      words.contains("CONCURRENT_CHANGE") || words.contains("DATABASE_BUSY")
        || words.hasPrefix("RESOURCE_EXHAUSTED") || words.hasPrefix("429")
        || words.contains("CONTEXT")
    }
  }

  /// What a caller may conclude from a refusal of the gateway.
  fileprivate init(ofGateway error: any Error) {
    guard let refusal = error as? Console.Refusal else {
      self = .inDoubt("\(error)")
      return
    }
    self =
      (400..<500).contains(refusal.status) && refusal.status != 408
      ? .refused("\(refusal)") : .inDoubt("\(refusal)")
  }
}
