import CLibPQ
import Glibc

/// What this room adds to a caller's connection string.
enum ConnectionString {
  /// Defaults that the caller's own words override: libpq takes the last of a keyword.
  private static let defaults: [(String, String)] = [
    ("client_encoding", "UTF8"),
    ("gssencmode", "disable"),
    ("sslmode", "verify-full"),
    ("fallback_application_name", "clientele"),
    // A host that is cut off is given up after about five seconds.
    ("keepalives_idle", "2"),
    ("keepalives_interval", "1"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "5000"),
  ]

  /// Starts a connection to one host without blocking; nil when memory is short.
  static func start(_ settings: DatabaseSettings, _ target: HostTarget) -> OpaquePointer? {
    var ours: [(String, String)] = []
    if let host = target.host { ours.append(("host", host)) }
    if let address = target.address { ours.append(("hostaddr", address)) }
    if let port = target.port { ours.append(("port", port)) }
    if settings.prologue == .setLocal {
      // Without it Citus keeps what SET LOCAL says from the nodes that hold the shards.
      let options = option("options", of: settings.connection).map { $0 + " " } ?? ""
      ours.append(("options", options + "-c citus.propagate_set_commands=local"))
    }
    return withArrays(settings.connection, ours) { PQconnectStartParams($0, $1, 1) }
  }

  /// Connects and blocks until done; nil when memory is short.
  static func connect(_ connection: String) -> OpaquePointer? {
    withArrays(connection, []) { PQconnectdbParams($0, $1, 1) }
  }

  /// Whether libpq can read it.
  static func isReadable(_ connection: String) -> Bool {
    guard let options = PQconninfoParse(connection, nil) else { return false }
    PQconninfoFree(options)
    return true
  }

  /// One word of a connection string.
  private static func option(_ keyword: String, of connection: String) -> String? {
    guard let options = PQconninfoParse(connection, nil) else { return nil }
    defer { PQconninfoFree(options) }
    var option = options
    while let name = option.pointee.keyword {
      if String(cString: name) == keyword { return option.pointee.val.map { String(cString: $0) } }
      option += 1
    }
    return nil
  }

  private static func withArrays(
    _ connection: String, _ ours: [(String, String)],
    _ body: (
      UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>
    ) -> OpaquePointer?
  ) -> OpaquePointer? {
    let pairs = defaults + [("dbname", connection)] + ours
    let keywords = pairs.map { strdup($0.0) }
    let values = pairs.map { strdup($0.1) }
    defer { for pointer in keywords + values { free(pointer) } }
    return body(
      keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil])
  }
}
