import Foundation

/// An SMS provider, from `CLIENTELE_SMS_URL` and its neighbours.
struct SMSSettings: Sendable, Hashable {
  /// What may be said wrong.
  struct Invalid: Error, CustomStringConvertible {
    /// A line for the operator.
    let description: String
  }

  /// `https://…`, or `http://…` on this machine.
  let url: String
  /// What SMS come from: a number in E.164, or 1 to 11 letters and digits.
  let sender: String
  /// For `Authorization: Bearer`; nil without one.
  var token: String?
  /// PEM file of the authorities the provider's certificate may come from; nil means the system's.
  var authorityPath: String?
  /// Time to connect, milliseconds.
  var connectTimeoutMilliseconds = 5_000
  /// Time for one SMS, connecting included, milliseconds; less than the lease of a message.
  var timeoutMilliseconds = 20_000

  /// - Throws: `Invalid`.
  init(url: String, sender: String) throws(Invalid) {
    guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
      parts.scheme == "https" || (parts.scheme == "http" && isLoopback(host))
    else {
      throw Invalid(
        description: "CLIENTELE_SMS_URL must be https://…, or http://… on this machine")
    }
    guard parts.user == nil, parts.password == nil else {
      throw Invalid(
        description: "CLIENTELE_SMS_URL must hold no password; use CLIENTELE_SMS_TOKEN_FILE")
    }
    let isName =
      (1...11).contains(sender.utf8.count)
      && sender.utf8.allSatisfy { $0 == 0x20 || isLetterOrDigit($0) }
    guard isName || MobileNumber.isE164(sender) else {
      throw Invalid(
        description: "CLIENTELE_SMS_FROM must be a number (+…) or 1 to 11 letters and digits")
    }
    self.url = url
    self.sender = sender
  }
}

/// Whether a host named in a URL is this machine.
func isLoopback(_ host: String) -> Bool {
  ["localhost", "127.0.0.1", "[::1]", "::1"].contains(host)
}

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
  default: false
  }
}
