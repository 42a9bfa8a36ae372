import Foundation
public import ServiceKit

/// Every bound and choice of the gateway, with the value it has unless said otherwise.
public struct GatewaySettings: Sendable {
  /// Where it listens.
  public var host = "127.0.0.1"
  /// The port; 0 takes any.
  public var port = 8080
  /// How browsers reach it; https except on the machine itself.
  public var publicURL = "http://127.0.0.1:8080"
  /// Addresses or blocks of proxies whose `X-Forwarded-For` is believed.
  public var trustedProxies: [String] = []

  /// Time for a call, the attempts and pauses in it included.
  public var deadline = Duration.seconds(5)
  /// Bytes of a request body.
  public var bodyBytesMax = 1 << 20
  /// Time for a body to arrive.
  public var bodyTimeout = Duration.seconds(10)
  /// Time without a request, or without more of its body, after which a connection is closed.
  public var idleTimeout = Duration.seconds(60)
  /// Time for the headers of a request from their first byte on; then the connection is closed.
  public var headerTimeout = Duration.seconds(5)
  /// Time without 32 KiB taken of an answer that waits, after which the connection is closed.
  public var writeIdleTimeout = Duration.seconds(20)
  /// Open connections; further ones are closed at once.
  public var connectionsMax = 10_000
  /// Open connections from one address that is no trusted proxy; further ones are closed.
  public var connectionsPerAddressMax = 100
  /// File descriptors that connections leave to the rest of the process, at most a quarter of its
  /// limit; while no more are free, further connections wait to be accepted.
  public var descriptorsKept = 64
  /// Bytes of the target and of all header fields of a request, names and values.
  public var headerBytesMax = 16 << 10
  /// Bytes of one header field, name and value.
  public var headerFieldBytesMax = 8 << 10
  /// Header fields of a request.
  public var headerFieldsMax = 64

  /// Calls from one address.
  public var addressRate = Rate(perSecond: 100, burst: 200)
  /// Calls of one session.
  public var sessionRate = Rate(perSecond: 50, burst: 100)
  /// Calls without a session from one address: sign-in, invitations.
  public var publicRate = Rate(perSecond: 0.5, burst: 30)

  /// The values above.
  public init() {}

  /// Reads the variables of the environment; what is wrong is noted in `settings`.
  public init(_ settings: inout ServiceSettings) {
    host = settings.string("CLIENTELE_HOST", default: host)
    port = settings.int("CLIENTELE_PORT", default: port, in: 0...65535)
    publicURL = settings.string("CLIENTELE_PUBLIC_URL", default: "http://127.0.0.1:\(port)")
    trustedProxies = settings.string("CLIENTELE_TRUSTED_PROXIES", default: "")
      .split(separator: ",").map { $0.trimmed }
    deadline = .milliseconds(
      settings.int("CLIENTELE_DEADLINE_MS", default: 5_000, in: 100...30_000))
    addressRate = Self.rate("CLIENTELE_ADDRESS", addressRate, &settings)
    sessionRate = Self.rate("CLIENTELE_SESSION", sessionRate, &settings)
    // By the minute: these are rare.
    publicRate.perSecond =
      Double(settings.int("CLIENTELE_PUBLIC_CALLS_PER_MINUTE", default: 30, in: 1...1_000_000)) / 60
    publicRate.burst = settings.int("CLIENTELE_PUBLIC_BURST", default: 30, in: 1...1_000_000)
    connectionsMax = settings.int(
      "CLIENTELE_CONNECTIONS_MAX", default: connectionsMax, in: 1...1_000_000)
    connectionsPerAddressMax = settings.int(
      "CLIENTELE_CONNECTIONS_PER_ADDRESS_MAX", default: connectionsPerAddressMax, in: 1...1_000_000)
    for problem in problems { settings.note(problem) }
  }

  private static func rate(
    _ name: String, _ standard: Rate, _ settings: inout ServiceSettings
  ) -> Rate {
    Rate(
      perSecond: Double(
        settings.int(
          "\(name)_CALLS_PER_SECOND", default: Int(standard.perSecond), in: 1...1_000_000)),
      burst: settings.int("\(name)_BURST", default: standard.burst, in: 1...1_000_000))
  }

  /// What cannot be used, a line each.
  var problems: [String] {
    var problems: [String] = []
    for proxy in trustedProxies where AddressBlock(proxy) == nil {
      problems.append("CLIENTELE_TRUSTED_PROXIES: \(proxy) is no address and no block")
    }
    guard let url = URL(string: publicURL), let scheme = url.scheme, let host = url.host,
      scheme == "https" || scheme == "http"
    else { return problems + ["CLIENTELE_PUBLIC_URL must be an http or https address"] }
    if scheme == "http", !["127.0.0.1", "localhost", "::1", "[::1]"].contains(host) {
      problems.append("CLIENTELE_PUBLIC_URL must be https: sessions would travel in the clear")
    }
    return problems
  }

  /// True when browsers come over https.
  var isSecure: Bool { publicURL.lowercased().hasPrefix("https://") }

  /// `scheme://authority` of the public address.
  var publicOrigin: String {
    let parts = publicURL.lowercased().split(
      separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    return parts.count >= 3 ? "\(parts[0])//\(parts[2])" : publicURL
  }
}
