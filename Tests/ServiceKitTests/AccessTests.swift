import CommonAPI
import Crypto
import Foundation
import GRPC
import IdentityAPI
import Protobuf
import ServiceKit
import Testing

@Suite struct AccessTests {
  private static let signer = ContextSigner(keyID: "context-1", key: .init())
  private static let moment = Date(timeIntervalSince1970: 1_800_000_000)
  private static let organization = UUIDv7.make()

  private static func claims(
    hat: Hat = .staff, permissions: [String] = [], organization: UUID? = organization,
    lifetime: Int64 = 60
  ) -> ContextClaims {
    ContextClaims(
      accountID: UUIDv7.make().text, organizationID: organization?.text ?? "", hat: hat,
      permissions: permissions, sessionID: UUIDv7.make().text,
      issueTime: Timestamp(seconds: 1_800_000_000),
      expireTime: Timestamp(seconds: 1_800_000_000 + lifetime))
  }

  /// What the rules say to a CheckIdentifier of a peer with some token.
  private func outcome(
    _ rule: AccessRule, peer: String?, token: [UInt8]?, organization: UUID = organization,
    at moment: Date = moment
  ) async -> String {
    let interceptor = AccessInterceptor(
      verifier: Self.signer.verifier, clock: ServiceClock { moment })
    var metadata = Metadata()
    if let token { metadata.append(binary: token, for: ContextVerifier.metadataKey) }
    let method = MethodDescriptor(
      service: "test.v1.Service", name: "Method", access: rule,
      requestType: CheckIdentifierRequest.self, responseType: CheckIdentifierResponse.self)
    let call = CallContext(
      method: method, metadata: metadata, peer: Peer(serviceName: peer, address: "test"))
    do {
      _ = try await interceptor.intercept(
        CheckIdentifierRequest(organizationID: organization.text), in: call
      ) { _, _ in CheckIdentifierResponse() }
      return "allowed"
    } catch let error as any RPCErrorConvertible {
      return error.rpcError.reason ?? "\(error)"
    } catch {
      return "\(error)"
    }
  }

  private static let staffRule = AccessRule(
    callers: ["gateway"], subject: .staff, permission: "clients.create", effect: .write)

  @Test("only the services named may call, and the operator")
  func peers() async throws {
    let token = try Self.signer.sign(Self.claims(permissions: ["clients.create"]))
    #expect(await outcome(Self.staffRule, peer: "gateway", token: token) == "allowed")
    #expect(await outcome(Self.staffRule, peer: "operator", token: token) == "allowed")
    #expect(await outcome(Self.staffRule, peer: "messaging", token: token) == "PEER_NOT_ALLOWED")
    #expect(await outcome(Self.staffRule, peer: nil, token: token) == "PEER_NOT_ALLOWED")
  }

  @Test("the end user must be there, be staff, and be permitted")
  func subjects() async throws {
    let rule = Self.staffRule
    #expect(await outcome(rule, peer: "gateway", token: nil) == "CONTEXT_MISSING")
    let client = try Self.signer.sign(Self.claims(hat: .client, permissions: ["clients.create"]))
    #expect(await outcome(rule, peer: "gateway", token: client) == "STAFF_ONLY")
    let reader = try Self.signer.sign(Self.claims())
    #expect(await outcome(rule, peer: "gateway", token: reader) == "NOT_PERMITTED")
    let nowhere = try Self.signer.sign(Self.claims(organization: nil))
    #expect(await outcome(rule, peer: "gateway", token: nowhere) == "CONTEXT_MISSING")
  }

  @Test("another organisation does not exist for the caller")
  func otherOrganization() async throws {
    let token = try Self.signer.sign(Self.claims(permissions: ["clients.create"]))
    let answer = await outcome(
      Self.staffRule, peer: "gateway", token: token, organization: UUIDv7.make())
    #expect(answer == "ORGANIZATION_NOT_FOUND")
  }

  @Test("a token ends, and neither a changed nor a foreign one passes")
  func tokens() async throws {
    let token = try Self.signer.sign(Self.claims(permissions: ["clients.create"]))
    let late = await outcome(
      Self.staffRule, peer: "gateway", token: token, at: Self.moment.addingTimeInterval(66))
    #expect(late == "CONTEXT_INVALID")
    for index in token.indices {
      var changed = token
      changed[index] ^= 1
      let answer = await outcome(Self.staffRule, peer: "gateway", token: changed)
      #expect(answer == "CONTEXT_INVALID", "byte \(index)")
    }
    let foreign = ContextSigner(keyID: "context-1", key: .init())
    let forged = try foreign.sign(Self.claims(permissions: ["clients.create"]))
    #expect(await outcome(Self.staffRule, peer: "gateway", token: forged) == "CONTEXT_INVALID")
  }

  @Test("a rule that says nothing lets nobody in")
  func unspecified() async throws {
    let token = try Self.signer.sign(Self.claims())
    let answer = await outcome(AccessRule(callers: ["gateway"]), peer: "gateway", token: token)
    #expect(answer == "PEER_NOT_ALLOWED")
  }
}
