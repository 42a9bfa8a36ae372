import Foundation
import Protobuf

@testable import ClientDirectoryCore
@testable import GatewayCore
@testable import IdentityCore
@testable import ServiceKit

/// What a browser may say: method, path, query, body and the headers that are read.
enum GatewayTarget {
  private static let table = try? RouteTable(GatewayProcess.shown.flatMap(\.services))
  private static let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]

  static func run(_ bytes: [UInt8]) throws {
    var lines = bytes.split(separator: 10, maxSplits: 3, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    while lines.count < 4 { lines.append("") }
    guard let table, let first = lines[0].utf8.first else { return }
    let method = methods[Int(first) % methods.count]
    headers(lines[2])
    _ = try? PathPattern(String(lines[0].dropFirst()))
    guard
      case .route(let route, let variables) = table.tree.find(
        method, String(lines[0].dropFirst()))
    else { return }
    // Resolutions name a route by its rpc. Asked for here, the compiler keeps what a table that is
    // only searched by path would lose at once, which is reported as a leak.
    try expect(table.byRPC[route.rpc] != nil, "\(route.rpc) has a path and is not known by name")
    let transcoder = Transcoder(route: route, shapes: table.shapes)
    let extras = Transcoder.Extras(
      requestID: lines[2].isEmpty ? nil : lines[2], remoteAddress: "192.0.2.1")
    let request = try? transcoder.request(
      variables: variables, query: lines[1], body: Array(lines[3].utf8), extras: extras)
    if let request { _ = request.serialized() }
  }

  private static func headers(_ value: String) {
    let names = ["authorization", "cookie", "x-forwarded-for", "origin", "accept-language"]
    let request = EdgeRequest(
      method: "POST", path: "/", headers: names.map { EdgeRequest.Header($0, value) },
      peerAddress: "127.0.0.1", readBody: { _ in [] })
    for isSecure in [true, false] {
      _ = Credential(request, cookie: SessionCookie(isSecure: isSecure))?.isPlausible
    }
    _ = request.clientAddress(trusting: [AddressBlock("127.0.0.0/8")].compactMap { $0 })
    _ = AddressBlock(value)?.contains(value)
    _ = AddressBlock.limitKey(value)
    _ = OriginRule(publicOrigin: "https://x").allows(request)
    _ = Language(acceptLanguage: value)
  }
}

/// Texts that people type, and tokens that they send back.
enum TextsTarget {
  static func run(_ bytes: [UInt8]) throws {
    guard let kind = bytes.first else { return }
    let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
    switch kind & 7 {
    case 0: try email(text)
    case 1:
      guard let phone = PhoneNumber(text) else { return }
      try expect(PhoneNumber(phone.e164) == phone, "\(phone.e164) reads differently")
    case 2:
      if let name = Username.normalize(text) {
        try expect(Username.normalize(name) == name, "\(name) is another name when read again")
      }
      _ = Username.stem(given: text, family: text)
      _ = SignInName(text)?.normalized
    case 3: try percent(text)
    case 4:
      _ = SessionToken(text)
      _ = keys.link(text)
      _ = PageToken(text, filters: ["a"], keyCount: 2)
    case 5:
      if let uuid = UUID(text: text) {
        try expect(uuid.text == text.lowercased(), "\(text) becomes \(uuid.text)")
        try expect(uuid == UUID(uuidString: text), "\(text) is another id to Foundation")
      }
    case 6:
      var errors = FieldErrors()
      let parsed = Parse.text(text, "f", 1...20, &errors)
      try expect(parsed.map { (1...20).contains($0.count) } ?? true, "a text out of its bounds")
      _ = Parse.language(text, "f", &errors)
    default:
      let json = JSONValue.string(text)
      _ = try? MessageTypes.type(kind >> 3).init(json: json)
    }
  }

  private static let keys = InvitationKeys(current: [UInt8](repeating: 7, count: 32))

  private static func email(_ text: String) throws {
    guard let address = EmailAddress(text) else { return }
    try expect(
      !address.raw.utf8.contains { $0 < 0x20 || $0 == 0x7f }, "a control character in an address")
    guard let again = EmailAddress(address.raw) else {
      throw Finding(description: "\(address.raw) is no address when read again")
    }
    try expect(again == address, "\(address.raw) is another address when read again")
    let normalized = EmailAddress(address.normalized)?.normalized
    try expect(
      normalized == address.normalized, "\(address.normalized) becomes \(normalized ?? "none")")
    _ = address.masked
  }

  private static func percent(_ text: String) throws {
    _ = PercentCoding.decode(text, plusIsBlank: true)
    guard !text.utf8.contains(0) else { return }
    try expect(
      PercentCoding.decode(PercentCoding.encode(text)) == text, "percent encoding changes a text")
  }
}
