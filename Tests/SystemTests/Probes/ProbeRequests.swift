import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import MessagingAPI
import OrganizationAPI

@testable import Protobuf

/// A method that people of an organisation can reach, and the requests that descriptors give for it.
struct ProbedMethod: Sendable {
  /// Whose process answers.
  let service: String
  let method: MethodDescriptor
  let pool: DescriptorPool
  /// Where in a request an id may stand.
  let idPaths: [IDPath]

  /// The way to a field through its messages, by JSON names.
  struct IDPath: Sendable, CustomStringConvertible {
    let keys: [String]
    let isRepeated: Bool

    var description: String { keys.joined(separator: ".") }
    /// What is at its end, such as `clientId`.
    var name: String {
      let last = keys.last ?? ""
      return last.hasSuffix("Ids") ? String(last.dropLast()) : last
    }
  }

  /// All that the services offer on behalf of somebody, or what they offer on nobody's.
  static func ofAllServices(onBehalf: Bool = true) throws -> [ProbedMethod] {
    try [
      ("identity", IdentityServiceMethods.service),
      ("organization", OrganizationServiceMethods.service),
      ("client-directory", ClientDirectoryServiceMethods.service),
      ("messaging", MessagingServiceMethods.service),
    ].flatMap { try all(of: $1, in: $0, onBehalf) }
  }

  private static func all(
    of descriptor: ServiceDescriptor, in service: String, _ onBehalf: Bool
  ) throws -> [ProbedMethod] {
    let pool = try DescriptorPool(fileDescriptorSet: descriptor.fileDescriptors)
    return descriptor.methods.filter { ($0.access.subject != .nobody) == onBehalf }.map { method in
      ProbedMethod(
        service: service, method: method, pool: pool,
        idPaths: paths(of: method.requestType.fullName, in: pool))
    }
  }

  private static func paths(
    of type: String, in pool: DescriptorPool, below keys: [String] = []
  ) -> [IDPath] {
    guard keys.count < 3, let shape = pool.messages[type] else { return [] }
    return shape.fields.flatMap { field -> [IDPath] in
      let path = keys + [field.jsonName]
      if field.kind == .message, !field.typeName.hasPrefix("google."), !field.isRepeated {
        return paths(of: field.typeName, in: pool, below: path)
      }
      let isID = field.name.hasSuffix("_id") || field.name.hasSuffix("_ids")
      guard isID, field.kind == .string, field.name != "request_id" else { return [] }
      return [IDPath(keys: path, isRepeated: field.isRepeated)]
    }
  }

  var reads: Bool { method.access.effect == .read }
  var takesPages: Bool { shape.fields.contains { $0.name == "page_token" } }
  private var shape: DescriptorPool.Shape {
    pool.messages[method.requestType.fullName] ?? DescriptorPool.Shape()
  }

  /// Whether a request without this id names nothing: it stands in the method's route. Methods that
  /// have none, since only services call them, name the organisation.
  func needs(_ path: IDPath) -> Bool {
    guard path.keys.count == 1 else { return false }
    guard !method.httpRules.isEmpty else { return path.name == "organizationId" }
    return method.httpRules.contains { Self.variables(of: $0.pattern).contains(path.name) }
  }

  private static func variables(of pattern: String) -> [String] {
    pattern.split(separator: "{").dropFirst().compactMap { $0.split(separator: "}").first }
      .map { camel(String($0)) }
  }

  static func camel(_ name: String) -> String {
    let words = name.split(separator: "_")
    return words.prefix(1).joined()
      + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  // MARK: Requests

  /// A request that is taken when all ids in it are the caller's own.
  ///
  /// - Parameter id: the id for a place that must have one, such as `clientId`.
  func request(_ id: (String) -> String?) -> [String: any Sendable] {
    var request: [String: any Sendable] = reads ? [:] : sample(of: shape)
    for path in idPaths where needs(path) { request[path.keys[0]] = id(path.name) ?? "" }
    return request
  }

  /// The same request with an id in one place.
  func request(
    _ base: [String: any Sendable], with id: String, at path: IDPath
  ) -> [String: any Sendable] {
    var changed = base
    let value: any Sendable = path.isRepeated ? [id] : id
    Self.put(value, path.keys[...], into: &changed)
    if path.keys.count > 1, let mask = shape.fields.first(where: { $0.name == "update_mask" }) {
      changed[mask.jsonName] = path.keys[1]
    }
    return changed
  }

  private static func put(
    _ value: any Sendable, _ keys: ArraySlice<String>, into object: inout [String: any Sendable]
  ) {
    guard let key = keys.first else { return }
    if keys.count == 1 {
      object[key] = value
    } else {
      // Fresh, for what is in it otherwise may be the other part of a oneof.
      var inner: [String: any Sendable] = [:]
      put(value, keys.dropFirst(), into: &inner)
      object[key] = inner
    }
  }

  /// The bytes of a request, under a key of its own if it takes one.
  func encoded(_ request: [String: any Sendable]) throws -> [UInt8] {
    var request = request
    if shape.fields.contains(where: { $0.name == "request_id" }) {
      request["requestId"] = UUID().uuidString
    }
    let json = try JSONSerialization.data(withJSONObject: request)
    return try DynamicMessage(
      json: JSONValue(utf8: [UInt8](json)), as: method.requestType.fullName, in: pool
    ).serialized()
  }

  /// An answer as JSON.
  func decoded(_ answer: [UInt8]) throws -> String {
    let message = try DynamicMessage(
      serialized: answer, as: method.responseType.fullName, in: pool)
    return String(decoding: message.json.utf8, as: UTF8.self)
  }

  /// Something sensible in every field that is no id, by its name and its type.
  private func sample(of shape: DescriptorPool.Shape) -> [String: any Sendable] {
    var object: [String: any Sendable] = [:]
    let saysNo = shape.fields.contains { $0.kind == .bool && $0.name.hasPrefix("no_") }
    for field in shape.fields where !field.isRepeated {
      switch field.kind {
      case .bool: object[field.jsonName] = true
      case .enumeration:
        object[field.jsonName] = pool.enums[field.typeName]?.values.first { $0.number != 0 }?.name
      case .message where field.typeName == "google.protobuf.FieldMask":
        // One name in the message beside it.
        guard let (inner, name) = namedPart(of: shape) else { continue }
        object[inner] = [name: "Probe"]
        object[field.jsonName] = name
      case .string: object[field.jsonName] = Self.text(field.name, saysNo: saysNo)
      default: break
      }
    }
    return object
  }

  private func namedPart(of shape: DescriptorPool.Shape) -> (String, String)? {
    for field in shape.fields where field.kind == .message {
      if let name = pool.messages[field.typeName]?.fields.first(where: {
        $0.kind == .string && $0.name.hasSuffix("name")
      }) {
        return (field.jsonName, name.jsonName)
      }
    }
    return nil
  }

  private static func text(_ name: String, saysNo: Bool) -> String? {
    switch name {
    case "email" where saysNo: nil
    case "email", "value": "probe.\(UUID().uuidString.lowercased())@clients.example"
    case "language": "en"
    case "country": "BE"
    case "number": "85.07.30-033.28"
    case "reason", "basis": "Probe"
    case "time_zone": "Europe/Brussels"
    case let name where name.hasSuffix("password"): "probe with a long battery"
    case let name where name.hasSuffix("name"): "Probe"
    case let name where name.hasSuffix("phone"): "+32470123456"
    default: nil
    }
  }
}
