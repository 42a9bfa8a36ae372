import Foundation
import FoundationNetworking

/// What a browser or a program does with the gateway's JSON.
struct Console: Sendable {
  let url: URL
  /// Of a signed-in person.
  var token: String?

  /// An answer that is no success.
  struct Refusal: Error, CustomStringConvertible {
    let status: Int
    let body: String
    var description: String { "\(status): \(body)" }
    /// Whether the call may be sent again: nobody knows what became of it, or nothing did.
    var isWorthRepeating: Bool { [0, 429, 502, 503, 504].contains(status) }
  }

  /// One call. A `key` makes it safe to repeat.
  func call(
    _ method: String, _ path: String, _ body: [String: any Sendable]? = nil, key: UUID? = nil
  ) async throws -> [String: Any] {
    guard let target = URL(string: path, relativeTo: url) else {
      throw Refusal(status: 400, body: path)
    }
    var request = URLRequest(url: target)
    request.httpMethod = method
    request.timeoutInterval = 15
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
    if let key { request.setValue(key.uuidString, forHTTPHeaderField: "Idempotency-Key") }
    if let body { request.httpBody = try JSONSerialization.data(withJSONObject: body) }
    let (data, response): (Data, URLResponse)
    do {
      (data, response) = try await URLSession.shared.data(for: request)
    } catch {
      throw Refusal(status: 0, body: "\(error)")
    }
    let status = (response as? HTTPURLResponse)?.statusCode ?? 0
    guard (200..<300).contains(status) else {
      throw Refusal(status: status, body: String(decoding: data, as: UTF8.self))
    }
    return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
  }

  /// The same, sent again as a client would while services are away.
  func persistently(
    _ method: String, _ path: String, _ body: [String: any Sendable]? = nil, key: UUID? = nil,
    within limit: Duration = .seconds(30)
  ) async throws -> [String: Any] {
    let end = ContinuousClock.now + limit
    while true {
      do {
        return try await call(method, path, body, key: key)
      } catch let refusal as Refusal where refusal.isWorthRepeating && .now < end {
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }
}

/// The demo organisation's administrator at work.
struct Practice: Sendable {
  static let password = "clientele-demo-password"

  let console: Console
  let organization: String

  /// Signs in.
  static func signedIn(
    _ stack: Stack, as identifier: String = "admin@demo.example", password: String = Self.password
  ) async throws -> Practice {
    var console = Console(url: stack.url)
    let session = try await console.persistently(
      "POST", "/v1/sessions", ["identifier": identifier, "password": password])
    console.token = session["sessionToken"] as? String
    let me = try await console.persistently("GET", "/v1/accounts/me")
    let memberships = me["memberships"] as? [[String: Any]] ?? []
    guard let organization = memberships.first?["organizationId"] as? String else {
      throw Stack.Failure(description: "\(identifier) belongs nowhere: \(me)")
    }
    return Practice(console: console, organization: organization)
  }

  var path: String { "/v1/organizations/\(organization)" }

  /// One branch, for those who must work in one.
  func firstBranch() async throws -> [String] {
    let page = try await console.persistently("GET", "\(path)/branches")
    let branches = page["branches"] as? [[String: Any]] ?? []
    return branches.compactMap { $0["branchId"] as? String }.prefix(1).map { $0 }
  }

  /// Creates a client; repeated as long as nobody knows what became of it.
  func createClient(
    email: String, family: String, key: UUID = UUID()
  ) async throws -> [String: Any] {
    try await console.persistently(
      "POST", "\(path)/clients",
      ["email": email, "givenName": "Nora", "familyName": family, "language": "en"], key: key)
  }
}

/// What a mail's reader finds in it.
enum Letter {
  /// The token behind the `#` of its link.
  static func token(_ mail: String) -> String? {
    let text = mail.replacing("=\r\n", with: "").replacing("=3D", with: "=")
    guard let start = text.firstRange(of: "/invitation#token=") else { return nil }
    let token = text[start.upperBound...].prefix { $0.isLetter || $0.isNumber || "-_".contains($0) }
    return token.isEmpty ? nil : String(token)
  }
}
