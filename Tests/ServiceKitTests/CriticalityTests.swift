import CommonAPI
import GRPC
import IdentityAPI
import Synchronization
import TestKit
import Testing

/// What the rpcs of identity say of themselves, and what a server that is full makes of it.
@Suite struct CriticalityTests {
  private func waiting(_ server: RPCServer) -> Double {
    server.metrics.samples().first { $0.name == "grpc_server_queue" }?.value ?? -1
  }

  /// Why a call is refused; nil when it is answered.
  private static func refusal(_ call: () async throws -> Void) async -> String? {
    do {
      try await call()
      return nil
    } catch {
      return (error as? RPCError)?.reason ?? "\(error)"
    }
  }

  @Test("a session is looked up, in the place of a background call that is refused for it")
  func session() async throws {
    let (gate, opener) = AsyncStream.makeStream(of: Void.self)
    let isBusy = Mutex(false)
    var settings = ServerSettings()
    settings.inFlightMax = 1
    settings.admission.queueMax = 1
    settings.admission.interval = .seconds(60).patient
    settings.prefaceTimeout = .seconds(20).patient
    settings.longestDeadline = .seconds(60).patient
    let methods = IdentityServiceMethods.self
    let identity = ServiceBinding(
      methods.service,
      [
        .unary(methods.getMe) { (_: GetMeRequest, _) in
          isBusy.withLock { $0 = true }
          for await _ in gate {}
          return Me()
        },
        .unary(methods.mintInvitationLink) { (_: MintInvitationLinkRequest, _) in
          MintInvitationLinkResponse()
        },
        .unary(methods.introspectSession) { (_: IntrospectSessionRequest, _) in Session() },
      ])
    let server = RPCServer(services: [identity], settings: settings)
    let port = try await server.start(port: 0)
    var patience = ChannelSettings()
    patience.defaultDeadline = .seconds(60).patient
    let channel = try ClientChannel(host: "127.0.0.1", port: port, settings: patience)
    let client = IdentityServiceClient(channel)

    async let holder = Self.refusal { _ = try await client.getMe(GetMeRequest()) }
    #expect(try await eventually { isBusy.withLock { $0 } })
    async let background = Self.refusal {
      _ = try await client.mintInvitationLink(MintInvitationLinkRequest())
    }
    #expect(try await eventually { waiting(server) == 1 })
    async let lookup = Self.refusal {
      _ = try await client.introspectSession(IntrospectSessionRequest())
    }
    // The one that waited is refused for the one that matters, which now waits in its place.
    #expect(await background == "OVERLOADED")
    #expect(waiting(server) == 1)
    let later = await Self.refusal {
      _ = try await client.mintInvitationLink(MintInvitationLinkRequest())
    }
    #expect(later == "OVERLOADED")
    opener.finish()
    #expect(await lookup == nil)
    #expect(await holder == nil)
    await channel.close()
    await server.shutdownGracefully(grace: .seconds(5))
  }

  @Test("what the gateway asks for every request is critical, what comes again by itself sheddable")
  func marks() {
    let methods = IdentityServiceMethods.self
    let ranks = [methods.introspectSession, methods.issueContextToken, methods.signIn].map(
      \.access.criticality)
    #expect(ranks == [.critical, .critical, .unspecified])
    #expect(methods.getAccount.access.criticality == .sheddable)
  }
}
