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

  /// How many of them connections may have that leave so many to everything else, or a quarter of
  /// the limit where that is less.
  package static func leaving(_ kept: Int) -> Int { now - min(kept, now / 4) }

  /// How many connections one address may have: at most half of those that there may be, so that
  /// nobody takes the last descriptor alone where the limit is low.
  ///
  /// - Parameters:
  ///   - most: what the settings allow.
  ///   - kept: descriptors that connections leave free.
  package static func connectionsPerAddress(_ most: Int, keeping kept: Int) -> Int {
    min(most, leaving(kept) / 2)
  }

  private static var resource: __rlimit_resource_t { .init(RLIMIT_NOFILE.rawValue) }
}
