import Configuration
public import GRPC
public import Logging

/// What a process is told from outside: variables that begin with `CLIENTELE_`.
///
/// Reads never fail on the spot; what is missing or malformed is noted, and `check()` lists all of
/// it at once, so that an operator mends a deployment in one go.
public struct ServiceSettings: Sendable {
  /// Every bad variable.
  public struct Invalid: Error, CustomStringConvertible {
    /// One line a variable.
    public let problems: [String]
    /// The lines, joined.
    public var description: String {
      "settings:\n" + problems.map { "  " + $0 }.joined(separator: "\n")
    }
  }

  /// The domain in `spiffe://<trust-domain>/svc/<name>` unless `CLIENTELE_TRUST_DOMAIN` says otherwise.
  public static let trustDomain = "clientele.local"

  private let reader: ConfigReader
  private var problems: [String] = []

  /// Settings from the environment.
  public init() {
    reader = ConfigReader(provider: EnvironmentVariablesProvider())
  }

  /// Settings from a table, for tests.
  public init(_ values: [String: String]) {
    reader = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: values))
  }

  private func value(_ name: String) -> String? {
    let key = ConfigKey(name.lowercased().split(separator: "_").map(String.init))
    let value = reader.string(forKey: key, isSecret: true)
    return value?.isEmpty == true ? nil : value
  }

  /// A variable that may be left out.
  public func optional(_ name: String) -> String? { value(name) }

  /// A variable with a value it has unless said otherwise.
  public func string(_ name: String, default standard: String) -> String {
    value(name) ?? standard
  }

  /// A variable that must be there; noted when it is not.
  public mutating func required(_ name: String, _ meaning: String) -> String {
    guard let value = value(name) else {
      problems.append("\(name) is missing: \(meaning)")
      return ""
    }
    return value
  }

  /// A whole number within a range; noted when it is not.
  public mutating func int(
    _ name: String, default standard: Int, in range: ClosedRange<Int> = 0...Int.max
  ) -> Int {
    guard let text = value(name) else { return standard }
    guard let number = Int(text), range.contains(number) else {
      problems.append("\(name) must be a whole number in \(range)")
      return standard
    }
    return number
  }

  /// A switch, `on` or `off`; noted when it is neither.
  public mutating func flag(_ name: String, default standard: Bool) -> Bool {
    switch value(name) {
    case nil: return standard
    case "on": return true
    case "off": return false
    default:
      problems.append("\(name) must be on or off")
      return standard
    }
  }

  /// Notes a problem found elsewhere, such as a key file that cannot be read.
  public mutating func note(_ problem: String) {
    problems.append(problem)
  }

  /// Tries something and notes what it throws.
  public mutating func attempt<T>(_ body: () throws -> T) -> T? {
    do {
      return try body()
    } catch {
      problems.append("\(error)")
      return nil
    }
  }

  /// Throws `Invalid` with everything noted so far.
  public func check() throws {
    guard problems.isEmpty else { throw Invalid(problems: problems) }
  }

  // MARK: What every process has

  /// The certificate, its key, and the authority; noted when one is missing.
  public mutating func tls() -> TLSSettings {
    TLSSettings(
      certificatePath: required("CLIENTELE_TLS_CERTIFICATE", "PEM file of the certificate"),
      keyPath: required("CLIENTELE_TLS_KEY", "PEM file of its private key"),
      authorityPath: required("CLIENTELE_TLS_CA", "PEM file of the private authority"),
      trustDomain: string("CLIENTELE_TRUST_DOMAIN", default: Self.trustDomain))
  }

  /// `host:port` of a service, from a variable such as `CLIENTELE_CLIENT_DIRECTORY`.
  public mutating func address(of service: String) -> (host: String, port: Int) {
    let name = "CLIENTELE_" + service.uppercased().split(separator: "-").joined(separator: "_")
    let text = required(name, "host:port of \(service)")
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
      (1...65535).contains(port), colon != text.startIndex
    else {
      if !text.isEmpty { problems.append("\(name) must be host:port") }
      return ("", 0)
    }
    let host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    return (String(isBracketed ? host.dropFirst().dropLast() : host), port)
  }

  /// A logger at the level of `CLIENTELE_LOG_LEVEL`, `info` unless said otherwise.
  public mutating func logger(_ label: String) -> Logger {
    var logger = Logger(label: label)
    let text = string("CLIENTELE_LOG_LEVEL", default: "info")
    if let level = Logger.Level(rawValue: text) {
      logger.logLevel = level
    } else {
      problems.append(
        "CLIENTELE_LOG_LEVEL must be one of trace, debug, info, notice, warning, error")
    }
    return logger
  }
}
