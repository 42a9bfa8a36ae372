import Foundation

/// A mail server, from `CLIENTELE_SMTP_URL`:
/// `smtp://user@mail.example:587?starttls=required` or `smtps://mail.example`.
struct SMTPSettings: Sendable, Hashable {
  /// When a connection that starts in the clear must become a private one.
  enum StartTLS: String, Sendable, CaseIterable {
    case required, optional, off
  }

  /// What a URL may say wrong.
  struct Invalid: Error, CustomStringConvertible {
    /// A line for the operator.
    let description: String
  }

  /// `smtp://host:port` or `smtps://host:port`.
  let server: String
  /// Required unless the URL says otherwise or the server is this machine.
  let startTLS: StartTLS
  /// For AUTH; nil without one.
  let user: String?
  /// For AUTH.
  var password: String?
  /// PEM file of the authorities the server's certificate may come from; nil means the system's.
  var authorityPath: String?
  /// Time to connect, milliseconds.
  var connectTimeoutMilliseconds = 5_000
  /// Time for one mail, connecting included, milliseconds; less than the lease of a message.
  var timeoutMilliseconds = 20_000

  /// Reads a URL.
  /// - Throws: `Invalid`.
  init(url text: String) throws(Invalid) {
    guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty,
      let scheme = parts.scheme, scheme == "smtp" || scheme == "smtps"
    else { throw Invalid(description: "CLIENTELE_SMTP_URL must be smtp://… or smtps://…") }
    let said = parts.queryItems?.first { $0.name == "starttls" }?.value
    let standard = isLoopback(host) ? "optional" : "required"
    guard let startTLS = StartTLS(rawValue: said ?? standard) else {
      throw Invalid(description: "CLIENTELE_SMTP_URL: starttls must be required, optional or off")
    }
    self.startTLS = startTLS
    let port = parts.port.map { ":\($0)" } ?? ""
    server = "\(scheme)://\(host)\(port)"
    user = parts.user.flatMap { $0.isEmpty ? nil : $0 }
    password = parts.password
  }
}
