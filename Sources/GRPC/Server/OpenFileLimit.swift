#if canImport(Glibc)
  import Glibc
#endif

/// How many file descriptors this process may have open (`RLIMIT_NOFILE`).
package enum OpenFileLimit {
  /// The limit that holds now.
  package static var now: Int {
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0 else { return .max }
    return Int(clamping: limit.rlim_cur)
  }

  /// Raises the limit to what the system allows. Systems start processes with 1 024, for the sake of
  /// `select`, which nothing here uses.
  package static func raise() {
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(resource, &limit)
  }

  private static var resource: __rlimit_resource_t { .init(RLIMIT_NOFILE.rawValue) }
}
