import ClientDirectoryAPI
import Foundation
import GRPC
import IdentityAPI
import MessagingAPI
import OrganizationAPI
import ServiceKit
import Synchronization
import TestKit
import Testing

/// Processes are replaced while they are used, and nobody notices.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RollTests {
  /// How often all services are restarted; `make torture` does so ten times.
  static let rolls = Setting.count("CLIENTELE_ROLLS", 2)

  @Test("all services are restarted, one process at a time, and no call fails")
  func rolls() async throws {
    try await withStack { stack in
      let load = try await Load(stack)
      let before = try Self.processes(stack)
      #expect(before.count == 9)
      let calls = try await load.during {
        for _ in 0..<Self.rolls {
          let said = try await Program.run(
            try Stack.program("clientele").path,
            ["restart", "--directory", stack.directory.path] + DevNames.services)
          #expect(said.status == 0, "\(said.output)")
        }
      }
      await load.close()
      Report.say(
        "\(Self.rolls) rolls of all services: \(calls.answers) calls answered, "
          + "\(calls.failures.count) failed")
      #expect(calls.failures == [])
      #expect(calls.answers >= 140)
      let after = try Self.processes(stack)
      for (name, id) in before {
        #expect((after[name] == id) == (name == "gateway"), "\(name)")
      }
    }
  }

  @Test("a process that is killed is started again, and its neighbour answers meanwhile")
  func crash() async throws {
    try await withStack { stack in
      let old = try Self.processes(stack)["identity"]
      try await stack.crash("identity")
      try await wait("identity is back", within: .seconds(20)) {
        let new = try? Self.processes(stack)["identity"]
        return new != nil && new != old
      }
      let said = try await Program.run(
        try Stack.program("clientele").path,
        ["restart", "--directory", stack.directory.path, "identity"])
      #expect(said.status == 0, "\(said.output)")
      let unknown = try await Program.run(
        try Stack.program("clientele").path,
        ["restart", "--directory", stack.directory.path, "postgres"])
      #expect(unknown.status != 0)
    }
  }

  /// The ids of the processes by their names.
  private static func processes(_ stack: Stack) throws -> [String: String] {
    let folder = stack.directory.appending(path: "pids")
    var ids: [String: String] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where file.hasSuffix(".pid") {
      ids[String(file.dropLast(4))] = try String(
        contentsOf: folder.appending(path: file), encoding: .utf8)
    }
    return ids
  }
}

enum DevNames {
  static let services = ["identity", "organization", "client-directory", "messaging"]
  static let schemas = services.map { $0.replacing("-", with: "_") }
}

/// Calls of all four services through channels that repeat nothing but what no server looked at.
private final class Load: Sendable {
  struct Outcome: Sendable {
    var answers = 0
    var failures: [String] = []
  }

  private let channels: [ClientChannel]
  private let identity: IdentityServiceClient
  private let organization: OrganizationServiceClient
  private let directory: ClientDirectoryServiceClient
  private let messaging: MessagingServiceClient
  private let organizationID: String
  private let session: String
  private let token: Mutex<[UInt8]>
  private let outcome = Mutex(Outcome())
  private let isOver = Atomic(false)

  init(_ stack: Stack) async throws {
    func pki(_ name: String) -> String { stack.directory.appending(path: "pki/\(name)").path }
    let tls = TLSSettings(
      certificatePath: pki("gateway.pem"), keyPath: pki("gateway.key"),
      authorityPath: pki("ca.pem"), trustDomain: ServiceSettings.trustDomain)
    var settings = ChannelSettings()
    settings.defaultDeadline = .seconds(10)
    let channels = try DevNames.services.map { service in
      let port = try #require(
        stack.address(of: service).split(separator: ":").last.flatMap { Int($0) })
      return try ClientChannel(
        host: "127.0.0.1", port: port, tls: tls, expectedPeer: service, settings: settings)
    }
    self.channels = channels
    let identity = IdentityServiceClient(channels[0])
    self.identity = identity
    organization = OrganizationServiceClient(channels[1])
    directory = ClientDirectoryServiceClient(channels[2])
    messaging = MessagingServiceClient(channels[3])
    let signedIn = try await identity.signIn(
      SignInRequest(
        identifier: "admin@demo.example", password: Practice.password, remoteAddress: "127.0.0.1"))
    session = signedIn.sessionToken
    organizationID = try #require(signedIn.session?.memberships.first?.organizationID)
    token = Mutex([])
    try await renew()
  }

  private func renew() async throws {
    let issued = try await identity.issueContextToken(
      IssueContextTokenRequest(sessionToken: session, organizationID: organizationID))
    token.withLock { $0 = issued.contextToken }
  }

  /// Calls as long as the body runs, 5,000 rounds a restart at most.
  func during(_ body: () async throws -> Void) async throws -> Outcome {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { [self] in
          for number in 0..<(1_250 * RollTests.rolls) where !isOver.load(ordering: .relaxed) {
            await round(number)
            // Calls come steadily, and leave the processor to what is tested.
            try await Task.sleep(for: .milliseconds(5))
          }
        }
      }
      // Calls before, meanwhile and after, however slow the machine is.
      try await answered(40)
      try await body()
      try await answered(outcome.withLock { $0.answers } + 100)
      isOver.store(true, ordering: .relaxed)
      try await group.waitForAll()
    }
    return outcome.withLock { $0 }
  }

  private func answered(_ count: Int) async throws {
    try await wait("\(count) calls are answered", within: .seconds(60)) {
      outcome.withLock { $0.answers + $0.failures.count } >= count
    }
  }

  private func attempt(_ name: String, _ call: @Sendable () async throws -> Void) async {
    do {
      try await call()
      outcome.withLock { $0.answers += 1 }
    } catch {
      outcome.withLock { $0.failures.append("\(name): \(error)") }
    }
  }

  private func round(_ number: Int) async {
    if number % 200 == 0 { await attempt("IssueContextToken") { try await self.renew() } }
    var options = CallOptions()
    options.metadata.append(
      binary: token.withLock { $0 }, for: ContextVerifier.metadataKey)
    let sent = options
    await attempt("IntrospectSession") {
      _ = try await self.identity.introspectSession(
        IntrospectSessionRequest(sessionToken: self.session))
    }
    await attempt("ListBranches") {
      _ = try await self.organization.listBranches(
        ListBranchesRequest(organizationID: self.organizationID), options: sent)
    }
    await attempt("ListClients") {
      _ = try await self.directory.listClients(
        ListClientsRequest(organizationID: self.organizationID), options: sent)
    }
    await attempt("ListMessages") {
      _ = try await self.messaging.listMessages(
        ListMessagesRequest(organizationID: self.organizationID), options: sent)
    }
  }

  func close() async {
    for channel in channels { await channel.close() }
  }
}
