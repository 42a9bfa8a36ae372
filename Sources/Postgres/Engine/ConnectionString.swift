import CLibPQ
import Glibc

/// What this room adds to a caller's connection string.
enum ConnectionString {
  /// Defaults that the caller's own words override: libpq takes the last of a keyword.
  private static let defaults: [(String, String)] = [
    ("client_encoding", "UTF8"),
    ("gssencmode", "disable"),
    ("fallback_application_name", "clientele"),
    ("keepalives_idle", "5"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "2"),
    ("tcp_user_timeout", "10000"),
  ]

  /// Starts a connection without blocking; nil when memory is short.
  static func start(_ connection: String) -> OpaquePointer? {
    withArrays(connection) { PQconnectStartParams($0, $1, 1) }
  }

  /// Connects and blocks until done; nil when memory is short.
  static func connect(_ connection: String) -> OpaquePointer? {
    withArrays(connection) { PQconnectdbParams($0, $1, 1) }
  }

  private static func withArrays(
    _ connection: String,
    _ body: (
      UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>
    ) -> OpaquePointer?
  ) -> OpaquePointer? {
    let pairs = defaults + [("dbname", connection)]
    let keywords = pairs.map { strdup($0.0) }
    let values = pairs.map { strdup($0.1) }
    defer { for pointer in keywords + values { free(pointer) } }
    return body(
      keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil])
  }
}
