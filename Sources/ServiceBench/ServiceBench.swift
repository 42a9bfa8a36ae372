import ArgumentParser
import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import NIOCore
import NIOPosix
import ServiceKit
import Synchronization

/// Calls client-directory with a fixed number of calls in flight and prints what it measured as one
/// JSON object. A closed loop, for comparing throughput within one run; `make bench` drives it.
@main
struct ServiceBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "service-bench")

  /// What is called.
  enum Work: String, ExpressibleByArgument {
    /// Reads clients by key.
    case get
    /// Creates clients without e-mail.
    case create
    /// Creates clients with an e-mail each.
    case createWithEmail = "create-with-email"
  }

  @Argument(help: "get, create or create-with-email.")
  var work: Work

  @Option(help: "host:port of identity.")
  var identity = "127.0.0.1:50051"

  @Option(help: "host:port of client-directory.")
  var clientDirectory = "127.0.0.1:50053"

  @Option(help: "Folder with gateway.pem, gateway.key and ca.pem.")
  var pki = ".run/pki"

  @Option(help: "Calls in flight.")
  var inFlight = 64

  @Option(help: "Connections the calls are spread over.")
  var connections = 1

  @Option(help: "Calls in all, after a tenth as many to warm up.")
  var calls = 20_000

  @Option(help: "Clients to read; the first of the list.")
  var records = 64

  @Flag(help: "Print the ids of the clients read and call nothing.")
  var listOnly = false

  /// One thread makes the calls and moves their bytes, as little work beside the service's as may be.
  private static let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()

  func run() async throws {
    let access = try await Access(identity: try channel(identity, "identity"))
    let channels = try (0..<max(1, connections)).map { _ in
      try channel(clientDirectory, "client-directory")
    }
    let clients = channels.map { ClientDirectoryServiceClient($0) }
    let ids = try await clients[0].listClients(
      ListClientsRequest(organizationID: access.organizationID, pageSize: Int32(clamping: records)),
      options: access.options
    ).clients.map(\.clientID)
    if listOnly {
      print(access.organizationID)
      for id in ids { print(id) }
      return
    }
    guard work != .get || !ids.isEmpty else { throw ValidationError("there are no clients") }
    _ = try await measure(clients, ids, access, calls: max(1, calls / 10))
    let seconds = try await measure(clients, ids, access, calls: calls)
    let result: [String: Any] = [
      "work": work.rawValue, "calls": calls, "seconds": seconds,
      "callsPerSecond": Double(calls) / seconds,
    ]
    let json = try JSONSerialization.data(withJSONObject: result, options: [.sortedKeys])
    print(String(decoding: json, as: UTF8.self))
    for channel in channels { await channel.close() }
  }

  private func channel(_ address: String, _ service: String) throws -> ClientChannel {
    guard let colon = address.lastIndex(of: ":"),
      let port = Int(address[address.index(after: colon)...])
    else { throw ValidationError("\(address) is not host:port") }
    return try ClientChannel(
      host: String(address[..<colon]), port: port,
      tls: TLSSettings(
        certificatePath: "\(pki)/gateway.pem", keyPath: "\(pki)/gateway.key",
        authorityPath: "\(pki)/ca.pem", trustDomain: ServiceSettings.trustDomain),
      expectedPeer: service, eventLoopGroup: Self.loop)
  }

  /// Makes the calls; answers the seconds they took.
  private func measure(
    _ clients: [ClientDirectoryServiceClient], _ ids: [String], _ access: Access, calls: Int
  ) async throws -> Double {
    let counter = CallCounter()
    let executor = LoopExecutor(Self.loop)
    let begun = ContinuousClock.now
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<inFlight {
        let client = clients[worker % clients.count]
        group.addTask(executorPreference: executor) {
          while case let index = counter.next(), index < calls {
            try await call(client, index, ids, access)
          }
        }
      }
      try await group.waitForAll()
    }
    let elapsed = begun.duration(to: .now)
    return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
  }

  private func call(
    _ client: ClientDirectoryServiceClient, _ index: Int, _ ids: [String], _ access: Access
  ) async throws {
    switch work {
    case .get:
      _ = try await client.getClient(
        GetClientRequest(
          organizationID: access.organizationID, clientID: ids[index % ids.count]),
        options: access.options)
    case .create, .createWithEmail:
      let id = UUIDv7.make().text
      let email = work == .create ? "" : "\(id)@bench.example"
      _ = try await client.createClient(
        CreateClientRequest(
          requestID: id, organizationID: access.organizationID, email: email,
          noEmailConfirmed: email.isEmpty, givenName: "Bench", familyName: "Client \(index)",
          language: "fr"),
        options: access.options)
    }
  }
}

/// Hands out the numbers of the calls.
final class CallCounter: Sendable {
  private let issued = Atomic<Int>(0)

  func next() -> Int { issued.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// The demo administrator's right to call; the token is renewed well before its minute is over.
final class Access: Sendable {
  let organizationID: String
  private let identity: IdentityServiceClient
  private let session: String
  private let token: Mutex<[UInt8]>
  private let renewal: Mutex<Task<Void, Never>?> = Mutex(nil)

  init(identity channel: ClientChannel) async throws {
    let identity = IdentityServiceClient(channel)
    let signedIn = try await identity.signIn(
      SignInRequest(identifier: "admin@demo.example", password: "clientele-demo-password"))
    guard let membership = signedIn.session?.memberships.first else {
      throw ValidationError("the demo administrator belongs to no organisation")
    }
    organizationID = membership.organizationID
    self.identity = identity
    session = signedIn.sessionToken
    token = Mutex(
      try await identity.issueContextToken(
        IssueContextTokenRequest(
          sessionToken: signedIn.sessionToken, organizationID: membership.organizationID)
      ).contextToken)
    renewal.withLock { task in
      task = Task { [weak self] in
        while !Task.isCancelled {
          try? await Task.sleep(for: .seconds(20))
          await self?.renew()
        }
      }
    }
  }

  deinit {
    renewal.withLock { $0?.cancel() }
  }

  private func renew() async {
    let request = IssueContextTokenRequest(sessionToken: session, organizationID: organizationID)
    if let issued = try? await identity.issueContextToken(request) {
      token.withLock { $0 = issued.contextToken }
    }
  }

  var options: CallOptions {
    var options = CallOptions(timeout: .seconds(10))
    options.metadata.append(binary: token.withLock { $0 }, for: ContextVerifier.metadataKey)
    return options
  }
}
