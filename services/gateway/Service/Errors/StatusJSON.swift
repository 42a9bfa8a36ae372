import CommonAPI
import GRPC
import Protobuf

/// Writes errors as `google.rpc.Status` in JSON, with text in the caller's language and with ways
/// out that a JSON client can follow.
struct StatusJSON: Sendable {
  private static let prefix = "type.googleapis.com/"

  let routes: RouteTable
  let texts: Texts

  /// The answer to a failed call.
  ///
  /// - Parameters:
  ///   - error: what happened.
  ///   - language: of the text for people.
  ///   - variables: values of the request's path, to fill the paths of the ways out.
  ///   - httpStatus: instead of the one of the code.
  func response(
    _ error: RPCError, language: Language, variables: [[String]: String] = [:],
    httpStatus: Int? = nil
  ) -> EdgeResponse {
    let error = Self.shown(error)
    let status = httpStatus ?? error.code.httpStatus
    let reason = error.reason ?? error.code.name
    var details: [JSONValue] = []
    if error.reason == nil {
      details.append(
        Self.detail(ErrorInfo.fullName, ErrorInfo(reason: reason, domain: "clientele").json))
    }
    details += error.details.map { detail($0, language: language, variables: variables) }
    let text = texts.reason(reason, code: error.code, language)
    details.append(
      Self.detail(
        LocalizedMessage.fullName, ["locale": .string(language.tag), "message": .string(text)]))
    let body: JSONValue = [
      "error": [
        "code": .number(String(status)),
        "status": .string(error.code.name),
        "message": .string(error.message.isEmpty ? text : error.message),
        "details": .array(details),
      ]
    ]
    var headers = [EdgeRequest.Header("content-type", "application/json")]
    if status == 401 { headers.append(.init("www-authenticate", "Bearer realm=\"clientele\"")) }
    if let seconds = Self.retryAfter(error) {
      headers.append(.init("retry-after", String(seconds)))
    }
    return EdgeResponse(status: status, headers: headers, body: body.utf8 + [0x0A])
  }

  /// Faults of ours are told without their text, and so is what a channel says of connections: it
  /// names addresses.
  private static func shown(_ error: RPCError) -> RPCError {
    switch error.code {
    case .internalError, .unknown, .dataLoss, .ok: RPCError(.internalError, "internal error")
    case .unavailable where error.reason == nil:
      RPCError(.unavailable, "the service cannot answer now", details: error.details)
    default: error
    }
  }

  private static func retryAfter(_ error: RPCError) -> Int? {
    for detail in error.details {
      guard let delay = detail.unpacked(as: RetryInfo.self)?.retryDelay else { continue }
      return Int(clamping: min(max(delay.seconds, 0), 86_400)) + (delay.nanos > 0 ? 1 : 0)
    }
    return error.code == .unavailable ? 1 : nil
  }

  // MARK: Details

  private static func detail(_ name: String, _ json: JSONValue) -> JSONValue {
    var object: JSONObject = ["@type": .string(prefix + name)]
    guard case .object(let fields) = json else { return .object(object) }
    for member in fields.members { object[member.key] = member.value }
    return .object(object)
  }

  private func detail(
    _ any: ProtoAny, language: Language, variables: [[String]: String]
  ) -> JSONValue {
    if let resolutions = any.unpacked(as: Resolutions.self) {
      let ways = resolutions.resolutions.map {
        wayOut($0, language: language, variables: variables)
      }
      return Self.detail(Resolutions.fullName, ["resolutions": .array(ways)])
    }
    if let bad = any.unpacked(as: BadRequest.self) {
      let violations = bad.fieldViolations.map { violation -> JSONValue in
        [
          "field": .string(FieldNames.lowerCamel(violation.field)),
          "description": .string(violation.description),
        ]
      }
      return Self.detail(BadRequest.fullName, ["fieldViolations": .array(violations)])
    }
    return any.json
  }

  /// A way out with its text, and with the HTTP method and path of its rpc.
  private func wayOut(
    _ way: Resolution, language: Language, variables: [[String]: String]
  ) -> JSONValue {
    var object: JSONObject = [
      "rpc": .string(way.rpc), "labelKey": .string(way.labelKey),
      "label": .string(texts.label(way.labelKey, language)),
    ]
    if !way.fields.isEmpty {
      object["fields"] = JSONMapping.json(way.fields) { .string($0) }
    }
    if let route = routes.byRPC[way.rpc] {
      object["method"] = .string(route.rule.method)
      let known = route.pattern.variables.map { path in
        (path, way.fields[FieldNames.lowerCamel(path.joined(separator: "."))] ?? variables[path])
      }
      let values = Dictionary(known) { first, _ in first }.compactMapValues { $0 }
      object["path"] = .string(route.pattern.filled(values))
    }
    return .object(object)
  }
}
