import ArgumentParser
import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import MessagingAPI
import NIOCore
import NIOPosix
import OrganizationAPI
import ServiceKit
import Synchronization

/// Calls a service with a fixed number of calls in flight and prints what it measured as one JSON
/// object. A closed loop, for comparing throughput and latency within one run; `make bench` drives
/// it.
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
    /// Reads pages of clients.
    case list
    /// Reads pages of employees.
    case employees
    /// Reads pages of messages; with a filter, those about one client.
    case messages
  }

  @Argument(help: "get, create, create-with-email, list, employees or messages.")
  var work: Work

  @Option(help: "Who signs in.")
  var identifier = "admin@demo.example"

  @Option(help: "With which password.")
  var password = "clientele-demo-password"

  @Option(help: "host:port of identity.")
  var identity = "127.0.0.1:50051"

  @Option(help: "host:port of organization.")
  var organization = "127.0.0.1:50052"

  @Option(help: "host:port of client-directory.")
  var clientDirectory = "127.0.0.1:50053"

  @Option(help: "host:port of messaging.")
  var messaging = "127.0.0.1:50054"

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

  @Option(help: "A list's filter, such as label=VIP, and the client of messages as client=UUID.")
  var filter = ""

  @Flag(help: "List the newest first instead of by name.")
  var newest = false

  @Flag(help: "Print the ids of the clients read and call nothing.")
  var listOnly = false

  /// One thread makes the calls and moves their bytes, as little work beside the service's as may be.
  private static let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()

  func run() async throws {
    let access = try await Access(
      identity: try channel(identity, "identity"), identifier: identifier, password: password)
    let channels = try (0..<max(1, connections)).map { _ in try workChannel() }
    if listOnly {
      print(access.organizationID)
      for id in try await ids(channels[0], access) { print(id) }
      return
    }
    let calls = try await self.calls(channels, access)
    _ = try await measure(calls, count: max(1, self.calls / 10))
    let (seconds, latencies) = try await measure(calls, count: self.calls)
    let sorted = latencies.sorted()
    func quantile(_ share: Double) -> Double {
      sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
    let result: [String: Any] = [
      "work": work.rawValue, "calls": self.calls, "seconds": seconds,
      "callsPerSecond": Double(sorted.count) / seconds, "p50ms": quantile(0.5),
      "p99ms": quantile(0.99), "refused": self.calls - sorted.count,
    ]
    let json = try JSONSerialization.data(withJSONObject: result, options: [.sortedKeys])
    print(String(decoding: json, as: UTF8.self))
    for channel in channels { await channel.close() }
  }

  private func workChannel() throws -> ClientChannel {
    switch work {
    case .employees: try channel(organization, "organization")
    case .messages: try channel(messaging, "messaging")
    default: try channel(clientDirectory, "client-directory")
    }
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

  /// Makes the calls; answers the seconds they took together and the milliseconds of each that was
  /// not refused.
  private func measure(
    _ call: @escaping Call, count: Int
  ) async throws -> (seconds: Double, latencies: [Double]) {
    let counter = CallCounter()
    let executor = LoopExecutor(Self.loop)
    let begun = ContinuousClock.now
    let latencies = try await withThrowingTaskGroup(of: [Double].self) { group in
      for worker in 0..<inFlight {
        group.addTask(executorPreference: executor) {
          var latencies: [Double] = []
          while case let index = counter.next(), index < count {
            let start = ContinuousClock.now
            do {
              try await call(worker, index)
              latencies.append(start.duration(to: .now) / .milliseconds(1))
            } catch let error as RPCError where error.code == .resourceExhausted {
              // A busy machine sheds load; what it answers is counted, and how much it refused told.
              continue
            }
          }
          return latencies
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    return (begun.duration(to: .now) / .seconds(1), latencies)
  }
}

/// Hands out the numbers of the calls.
final class CallCounter: Sendable {
  private let issued = Atomic<Int>(0)

  func next() -> Int { issued.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// Somebody's right to call; the token is renewed well before its minute is over.
final class Access: Sendable {
  let organizationID: String
  private let identity: IdentityServiceClient
  private let session: String
  private let token: Mutex<[UInt8]>
  private let renewal: Mutex<Task<Void, Never>?> = Mutex(nil)

  init(identity channel: ClientChannel, identifier: String, password: String) async throws {
    let identity = IdentityServiceClient(channel)
    let signedIn = try await identity.signIn(
      SignInRequest(identifier: identifier, password: password))
    guard let membership = signedIn.session?.memberships.first else {
      throw ValidationError("\(identifier) belongs to no organisation")
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
