import ClientDirectoryAPI
import Foundation
import GRPC
import IdentityAPI
import MessagingAPI
import OrganizationAPI
import ServiceKit
import TestKit

/// Connections to the four services of a stack, with the certificate of one of them. They repeat
/// nothing but what no server looked at.
struct Wires: Sendable {
  /// By the service's name.
  let channels: [String: ClientChannel]

  /// - Parameters:
  ///   - peer: whose certificate is shown.
  ///   - deadline: of calls that name none.
  init(_ stack: Stack, as peer: String = "gateway", deadline: Duration = .seconds(10)) throws {
    func pki(_ name: String) -> String { stack.directory.appending(path: "pki/\(name)").path }
    let tls = TLSSettings(
      certificatePath: pki("\(peer).pem"), keyPath: pki("\(peer).key"),
      authorityPath: pki("ca.pem"), trustDomain: ServiceSettings.trustDomain)
    var settings = ChannelSettings()
    settings.defaultDeadline = deadline
    channels = try Dictionary(
      uniqueKeysWithValues: DevNames.services.map { service in
        guard let port = stack.address(of: service).split(separator: ":").last.flatMap({ Int($0) })
        else { throw Stack.Failure(description: "\(service) has no port") }
        return (
          service,
          try ClientChannel(
            host: "127.0.0.1", port: port, tls: tls, expectedPeer: service, settings: settings)
        )
      })
  }

  func channel(_ service: String) throws -> ClientChannel {
    guard let channel = channels[service] else {
      throw Stack.Failure(description: "there is no way to \(service)")
    }
    return channel
  }

  var identity: IdentityServiceClient {
    get throws { IdentityServiceClient(try channel("identity")) }
  }
  var organization: OrganizationServiceClient {
    get throws { OrganizationServiceClient(try channel("organization")) }
  }
  var directory: ClientDirectoryServiceClient {
    get throws { ClientDirectoryServiceClient(try channel("client-directory")) }
  }
  var messaging: MessagingServiceClient {
    get throws { MessagingServiceClient(try channel("messaging")) }
  }

  /// Asks every service whether it is there; the answer needs no database.
  func live() async throws {
    for channel in channels.values {
      _ = try await channel.unary(
        path: "/grpc.health.v1.Health/Check", request: [],
        options: CallOptions(timeout: .seconds(1)))
    }
  }

  func close() async {
    for channel in channels.values { await channel.close() }
  }
}

/// An organisation's administrator who calls services directly. The context token is fetched anew
/// before it expires.
actor Administrator {
  nonisolated let organization: String
  nonisolated let session: String
  private let wires: Wires
  private var token: [UInt8] = []
  private var renewal = ContinuousClock.now

  /// Signs in; asks again while services are away.
  init(_ wires: Wires, as identifier: String, password: String = Practice.password) async throws {
    self.wires = wires
    let signedIn = try await patiently {
      try await wires.identity.signIn(
        SignInRequest(identifier: identifier, password: password, remoteAddress: "127.0.0.1"))
    }
    session = signedIn.sessionToken
    guard let id = signedIn.session?.memberships.first?.organizationID else {
      throw Stack.Failure(description: "\(identifier) belongs nowhere")
    }
    organization = id
  }

  /// Options of a call on behalf of the administrator.
  func options(timeout: Duration = .seconds(10)) async throws -> CallOptions {
    if renewal <= .now {
      let (session, organization, wires) = (session, organization, wires)
      token = try await patiently {
        try await wires.identity.issueContextToken(
          IssueContextTokenRequest(sessionToken: session, organizationID: organization))
      }.contextToken
      renewal = .now + .seconds(25)
    }
    var options = CallOptions(timeout: timeout)
    options.metadata.append(binary: token, for: ContextVerifier.metadataKey)
    return options
  }
}

/// Calls again for a while as long as nobody knows what became of the call.
func patiently<Answer: Sendable>(
  within limit: Duration = .seconds(60), _ call: @Sendable () async throws -> Answer
) async throws -> Answer {
  let end = ContinuousClock.now + limit
  while true {
    do {
      return try await call()
    } catch {
      let refusal = error as? RPCError
      let isBusy = refusal?.code == .resourceExhausted && refusal?.reason != "QUOTA"
      if case .refused = OpLog.judge(error), !isBusy { throw error }
      guard .now < end else { throw error }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}
