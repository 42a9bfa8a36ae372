import Crypto
import Foundation

/// The session token of a request, and how it came.
struct Credential: Sendable, Hashable {
  /// How it came.
  enum Carrier: Sendable, Hashable {
    case bearer
    /// By a cookie, which browsers add to calls from any page.
    case cookie
  }

  let token: String
  let carrier: Carrier

  /// The longest token looked at, in bytes.
  private static let bytesMax = 256

  /// The token of a request: the header goes before the cookie. Nil without one.
  init?(_ request: EdgeRequest, cookie: SessionCookie) {
    if let header = request.header("authorization") {
      let parts = header.split(separator: " ", maxSplits: 1)
      guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
      self.init(String(parts[1].trimmed), .bearer)
    } else {
      guard let value = cookie.value(in: request.headerValues("cookie")) else { return nil }
      self.init(value, .cookie)
    }
  }

  private init(_ token: String, _ carrier: Carrier) {
    self.token = token
    self.carrier = carrier
  }

  /// False for what cannot be a session token, so that nobody needs to be asked.
  var isPlausible: Bool {
    token.hasPrefix("clientele_s_") && token.utf8.count <= Self.bytesMax
      && token.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
          || (0x61...0x7a).contains(byte) || byte == 0x5f || byte == 0x2d
      }
  }

  /// What stands for the token in memory, so that a dump of it holds no sessions.
  var digest: String {
    SHA256.hash(data: Data(token.utf8)).map { String($0, radix: 16) }.joined(separator: ".")
  }
}

/// The cookie that carries a browser's session.
struct SessionCookie: Sendable, Hashable {
  /// `__Host-` binds it to one host over TLS; a development run without TLS cannot use that.
  let name: String
  private let attributes: String

  /// - Parameter isSecure: true when the gateway is reached over https.
  init(isSecure: Bool) {
    name = isSecure ? "__Host-clientele" : "clientele_session"
    attributes = "; Path=/; HttpOnly; SameSite=Lax" + (isSecure ? "; Secure" : "")
  }

  /// The value in the `Cookie` headers of a request; nil without one.
  func value(in headers: [String]) -> String? {
    for header in headers {
      for pair in header.split(separator: ";") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].trimmed == name else { continue }
        return parts[1].trimmed
      }
    }
    return nil
  }

  /// The header that sets it for so many seconds.
  func setting(_ token: String, seconds: Int) -> EdgeRequest.Header {
    .init("set-cookie", "\(name)=\(token)\(attributes); Max-Age=\(max(seconds, 0))")
  }

  /// The header that takes it away.
  var clearing: EdgeRequest.Header { .init("set-cookie", "\(name)=\(attributes); Max-Age=0") }
}
