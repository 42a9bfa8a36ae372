import Foundation
import GRPC
import Protobuf
import ServiceKit

/// Makes the request of an rpc from an HTTP request.
struct Transcoder {
  let route: Route
  let shapes: MessageShapes

  private var requestName: String { route.method.requestType.fullName }

  /// What is put together beside path, query and body.
  struct Extras: Sendable {
    /// From the header `Idempotency-Key`; nil without one.
    var requestID: String?
    /// The end user's address.
    var remoteAddress: String
  }

  /// The request. Throws `Refusal` with every field that is wrong, as far as they can be told apart.
  func request(
    variables: [[String]: String], query: String, body: [UInt8], extras: Extras
  ) throws -> any Message {
    var object = try bodyFields(body)
    var errors = FieldErrors()
    let taken = Set(variables.keys)
    if route.rule.body == "*", !query.isEmpty {
      let first = query.split(separator: "&").first?.split(separator: "=").first ?? ""
      errors.add(String(first.prefix(100)), "goes into the body")
    } else {
      var fields = QueryFields(requestName, shapes: shapes)
      fields.read(query, into: &object, taken: taken)
      for violation in fields.violations { errors.add(violation.field, violation.description) }
    }
    for (path, value) in variables { put(value, path, in: &object, &errors) }
    fill(extras, in: &object, &errors)
    try errors.throwIfAny()
    do {
      return try route.method.requestType.init(json: .object(object))
    } catch {
      throw GatewayError.fieldInvalid(error.path, error.reason)
    }
  }

  // MARK: Body

  private func bodyFields(_ body: [UInt8]) throws -> JSONObject {
    guard !route.rule.body.isEmpty, !body.isEmpty else { return JSONObject() }
    let value: JSONValue
    do {
      value = try JSONValue(utf8: body)
    } catch {
      throw GatewayError.bodyMalformed("\(error)", error.bound)
    }
    guard route.rule.body == "*" else {
      let name = shapes.field(route.rule.body, of: requestName)?.jsonName ?? route.rule.body
      return [name: value]
    }
    guard case .object(let object) = value else {
      throw GatewayError.bodyMalformed("the body must be a JSON object", nil)
    }
    return try namedAsJSON(object)
  }

  /// Top-level fields under their JSON names, since either spelling is allowed; both at once are not.
  private func namedAsJSON(_ object: JSONObject) throws -> JSONObject {
    var named = JSONObject()
    for member in object.members {
      let name = shapes.field(member.key, of: requestName)?.jsonName ?? member.key
      guard named[name] == nil else { throw GatewayError.fieldInvalid(name, "is given twice") }
      named[name] = member.value
    }
    return named
  }

  // MARK: Path

  /// The path decides. A body that says the same again is allowed, one that differs is not.
  private func put(
    _ text: String, _ path: [String], in object: inout JSONObject, _ errors: inout FieldErrors
  ) {
    guard let fields = shapes.fields(along: path, from: requestName), let field = fields.last,
      let value = QueryFields.value(text, field.kind)
    else { return errors.add(path.joined(separator: "."), "must be true or false") }
    let names = fields.map(\.jsonName)
    if !Self.put(value, names[...], in: &object) {
      errors.add(names.joined(separator: "."), "differs from the path")
    }
  }

  private static func put(
    _ value: JSONValue, _ path: ArraySlice<String>, in object: inout JSONObject
  ) -> Bool {
    guard let name = path.first else { return false }
    guard path.count == 1 else {
      var inner = JSONObject()
      switch object[name] {
      case .object(let known)?: inner = known
      case nil, .null?: break
      default: return false
      }
      let fits = put(value, path.dropFirst(), in: &inner)
      object[name] = .object(inner)
      return fits
    }
    let said = object[name]
    object[name] = value
    return said == nil || said == .null || said == value || said == .string("")
  }

  // MARK: What the gateway fills

  private func fill(
    _ extras: Extras, in object: inout JSONObject, _ errors: inout FieldErrors
  ) {
    if route.takesRemoteAddress {
      object["remoteAddress"] = .string(extras.remoteAddress)
    }
    guard route.takesRequestID else { return }
    var said: String?
    if let text = object["requestId"]?.string, !text.isEmpty { said = text }
    if let key = extras.requestID {
      if let said, said.lowercased() != key.lowercased() {
        errors.add("requestId", "differs from the header Idempotency-Key")
      }
      object["requestId"] = .string(key)
    } else if said == nil, object["requestId"].map({ $0 == .null || $0 == "" }) ?? true {
      object["requestId"] = .string(UUIDv7.make().uuidString.lowercased())
    }
  }
}
