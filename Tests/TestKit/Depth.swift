import CommonAPI
import Crypto
public import Foundation
public import GRPC
public import Protobuf
public import ServiceKit

/// How much of the way a test's call goes through.
public enum Depth: String, Sendable, CaseIterable {
  /// The handler alone: the caller is believed, access rules are not asked.
  case direct
  /// Encoding, interceptors, deadlines and errors, without a socket.
  case inProcess
  /// A real connection: HTTP/2 over mutual TLS.
  case http2
}

/// Serves something at a depth and hands over a channel to it, as the peer that is named.
///
/// - Parameters:
///   - interceptors: such as the access rules; left out at depth `direct`, where
///     `BelievingInterceptor` takes their place.
///   - peer: the service whose certificate the caller shows.
public func withService<Result>(
  _ depth: Depth, bindings: [ServiceBinding], interceptors: [any ServerInterceptor] = [],
  as peer: String = "gateway", isolation: isolated (any Actor)? = #isolation,
  _ body: (any RPCChannel) async throws -> Result
) async throws -> Result {
  switch depth {
  case .direct:
    return try await body(
      InProcessChannel(
        services: bindings, interceptors: [BelievingInterceptor()],
        peer: Peer(serviceName: peer, address: "direct")))
  case .inProcess:
    return try await body(
      InProcessChannel(
        services: bindings, interceptors: interceptors,
        peer: Peer(serviceName: peer, address: "in-process")))
  case .http2:
    let server = RPCServer(
      services: bindings, interceptors: interceptors, tls: try await TestPKI.tls("identity"))
    let port = try await server.start(port: 0)
    let channel = try ClientChannel(
      host: "127.0.0.1", port: port, tls: try await TestPKI.tls(peer), expectedPeer: "identity")
    let result: Result
    do {
      result = try await body(channel)
    } catch {
      await channel.close()
      await server.shutdownGracefully(grace: .seconds(1))
      throw error
    }
    await channel.close()
    await server.shutdownGracefully(grace: .seconds(1))
    return result
  }
}

/// Puts the claims of a context token into the call without checking its signature.
public struct BelievingInterceptor: ServerInterceptor {
  /// One is like the other.
  public init() {}

  /// Believes.
  public func intercept<Request: Message, Response: Message>(
    _ request: Request, in call: CallContext,
    next: @Sendable (Request, CallContext) async throws -> Response
  ) async throws -> Response {
    try await next(request, believed(call))
  }

  /// Believes.
  public func intercept(
    stream call: CallContext, next: @Sendable (CallContext) async throws -> Void
  ) async throws {
    try await next(believed(call))
  }

  private func believed(_ call: CallContext) throws -> CallContext {
    guard let bytes = call.metadata.first(binary: ContextVerifier.metadataKey) else { return call }
    let token = try ContextToken(serialized: bytes)
    var call = call
    call.verifiedCaller = Caller(try ContextClaims(serialized: token.claims))
    return call
  }
}

/// Signs context tokens for tests, with a key of its own.
public enum TestIssuer {
  /// The signer, for a service that is told to be identity.
  public static let signer = ContextSigner(
    keyID: "test", key: Curve25519.Signing.PrivateKey())

  /// What the services under test verify tokens with.
  public static var verifier: ContextVerifier { signer.verifier }

  /// The access rules with that verifier.
  public static func access(_ clock: ServiceClock = .system) -> AccessInterceptor {
    AccessInterceptor(verifier: verifier, clock: clock)
  }

  /// Options of a call on behalf of somebody.
  ///
  /// - Parameter moment: when the token was issued; it is valid for a minute.
  public static func options(
    _ caller: Caller, at moment: Date = Date(), timeout: Duration = .seconds(20)
  ) throws -> CallOptions {
    let claims = ContextClaims(
      accountID: caller.accountID.text, organizationID: caller.organizationID?.text ?? "",
      hat: caller.hat, profile: caller.profile, branchIDs: caller.branchIDs.map(\.text),
      permissions: caller.permissions.sorted(), sessionID: caller.sessionID.text,
      clientID: caller.clientID?.text ?? "", employeeID: caller.employeeID?.text ?? "",
      issueTime: Timestamp(moment), expireTime: Timestamp(moment.addingTimeInterval(60)),
      signInTime: caller.signedInAt.map { Timestamp($0) })
    var options = CallOptions(timeout: timeout)
    options.metadata.append(
      binary: try signer.sign(claims), for: ContextVerifier.metadataKey)
    return options
  }
}

/// Certificates for tests, made once a machine by `scripts/pki.sh`.
public enum TestPKI {
  private static let made = Task { try await Script.run("scripts/pki.sh", [".run/test-pki"]) }

  /// What a service shows and whom it trusts.
  public static func tls(_ service: String) async throws -> TLSSettings {
    _ = try await made.value
    let folder = Checkout.root.appending(path: ".run/test-pki/pki").path
    return TLSSettings(
      certificatePath: "\(folder)/\(service).pem", keyPath: "\(folder)/\(service).key",
      authorityPath: "\(folder)/ca.pem", trustDomain: ServiceSettings.trustDomain)
  }
}
