import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Protobuf
import ServiceKit

/// A call of an rpc on behalf of an HTTP request.
extension Gateway {
  func call(_ route: Route, _ exchange: Exchange) async throws -> EdgeResponse {
    let deadline = Deadline.after(settings.deadline)
    let credential = try admit(route, exchange)
    let message = try await request(for: route, exchange)
    var metadata = Metadata()
    metadata.append(exchange.requestID, for: "x-request-id")
    metadata.append(exchange.trace.next().traceparent, for: TraceContext.key)
    let answer: [UInt8]
    if let credential {
      answer = try await call(
        route, message, in: organization(of: message, route, exchange), as: credential,
        metadata: metadata, deadline: deadline)
    } else {
      answer = try await backend(of: route).call(
        route.method.path, message.serialized(), isRepeatable: route.isRepeatable,
        metadata: metadata, deadline: deadline)
    }
    let response = try route.method.responseType.init(serialized: answer)
    var headers = [EdgeRequest.Header("content-type", "application/json")]
    headers += sessionHeaders(route, response, credential)
    return EdgeResponse(status: 200, headers: headers, body: response.json.utf8 + [0x0A])
  }

  // MARK: Who calls

  /// The credential of a call that needs one; nil for a public one. Throws `GatewayError`.
  private func admit(_ route: Route, _ exchange: Exchange) throws -> Credential? {
    let request = exchange.request
    guard !route.isPublic else {
      try limit(exchange, nil)
      if opensSession(route), !origins.allowsSignIn(request) { throw GatewayError.originRefused }
      return nil
    }
    guard let credential = Credential(request, cookie: cookie) else {
      throw GatewayError.sessionMissing
    }
    guard credential.isPlausible else { throw GatewayError.sessionInvalid }
    let isReading = request.method == "GET" || request.method == "HEAD"
    if credential.carrier == .cookie, !isReading, !origins.allows(request) {
      throw GatewayError.originRefused
    }
    try limit(exchange, credential)
    return credential
  }

  /// The organisation a call is bound to; empty when it needs none. Services compare it with the
  /// request once more.
  private func organization(
    of message: any Message, _ route: Route, _ exchange: Exchange
  ) throws -> String {
    guard route.needsOrganization else { return "" }
    let inPath = exchange.variables[["organization_id"]]
    let named = inPath ?? message.json["organizationId"]?.string ?? ""
    guard UUID(uuidString: named) != nil else {
      throw GatewayError.fieldInvalid("organizationId", "must be a UUID")
    }
    return named
  }

  /// Calls with a context token. A service that refuses a kept one has not done anything yet, so
  /// that the call is repeated once with a fresh one.
  private func call(
    _ route: Route, _ message: any Message, in organization: String,
    as credential: Credential, metadata: Metadata, deadline: Deadline
  ) async throws -> [UInt8] {
    let bytes = message.serialized()
    let backend = try backend(of: route)
    func attempt() async throws -> [UInt8] {
      let token = try await tokens.token(
        for: credential, organization: organization, deadline: deadline, metadata: metadata)
      var metadata = metadata
      metadata.append(binary: token, for: ContextVerifier.metadataKey)
      return try await backend.call(
        route.method.path, bytes, isRepeatable: route.isRepeatable, metadata: metadata,
        deadline: deadline)
    }
    do {
      return try await attempt()
    } catch let error as RPCError where error.reason == "CONTEXT_INVALID" {
      tokens.forget(credential)
      return try await attempt()
    }
  }

  // MARK: The request

  private func request(for route: Route, _ exchange: Exchange) async throws -> any Message {
    let request = exchange.request
    let key = request.header("idempotency-key")
    if let key, route.takesRequestID, UUID(uuidString: key) == nil {
      throw GatewayError.idempotencyKeyInvalid
    }
    let body = route.rule.body.isEmpty ? [] : try await body(of: request, route)
    return try Transcoder(route: route, shapes: routes.shapes).request(
      variables: exchange.variables, query: request.query, body: body,
      extras: .init(requestID: key?.lowercased(), remoteAddress: exchange.address))
  }

  /// The body, which must be declared as JSON: a browser lets no foreign page send that unasked.
  /// Only a call with a bearer token and without a body may leave the declaration out.
  private func body(of request: EdgeRequest, _ route: Route) async throws -> [UInt8] {
    let type = request.header("content-type")
    let isJSON = type.map(Self.isJSON) ?? false
    if type != nil, !isJSON { throw GatewayError.contentTypeUnsupported }
    if let length = request.header("content-length").flatMap({ Int($0) }),
      length > settings.bodyBytesMax
    {
      throw GatewayError.bodyTooLarge(settings.bodyBytesMax)
    }
    let body: [UInt8]
    do {
      body = try await request.readBody(settings.bodyBytesMax)
    } catch BodyRefusal.tooLarge {
      throw GatewayError.bodyTooLarge(settings.bodyBytesMax)
    } catch BodyRefusal.tooSlow {
      throw GatewayError.bodyTooSlow
    } catch is BodyRefusal {
      throw CancellationError()
    }
    let carriesCookie = !route.isPublic && request.header("authorization") == nil
    guard isJSON || (body.isEmpty && !carriesCookie) else {
      throw GatewayError.contentTypeUnsupported
    }
    return body
  }

  static func isJSON(_ contentType: String) -> Bool {
    let parts = contentType.lowercased().split(separator: ";")
    guard parts.first?.trimmed == "application/json" else { return false }
    return parts.dropFirst().allSatisfy {
      !$0.trimmed.hasPrefix("charset=")
        || ["charset=utf-8", "charset=\"utf-8\""].contains($0.trimmed)
    }
  }

  // MARK: Sessions

  private func opensSession(_ route: Route) -> Bool {
    route.method.path == IdentityServiceMethods.signIn.path
  }

  /// Signing in sets the cookie beside answering the token; signing out takes it away.
  private func sessionHeaders(
    _ route: Route, _ response: any Message, _ credential: Credential?
  ) -> [EdgeRequest.Header] {
    if opensSession(route), let signedIn = response as? SignInResponse {
      let expires = TimeInterval(signedIn.session?.expireTime?.seconds ?? 0)
      let seconds = Int(max(0, min(expires - Date().timeIntervalSince1970, 31_536_000)))
      return [cookie.setting(signedIn.sessionToken, seconds: seconds)]
    }
    if route.method.path == IdentityServiceMethods.signOut.path, let credential {
      tokens.forget(credential)
      return [cookie.clearing]
    }
    return []
  }
}
