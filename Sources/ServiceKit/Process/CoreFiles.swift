#if canImport(Glibc)
  import Glibc
#endif

/// Passwords, tokens and keys pass through a process's memory: when it crashes, that is to end up in
/// no file.
public enum CoreFiles {
  /// Forbids core files to this process unless `CLIENTELE_CORE_FILES` is `on`.
  ///
  /// A limit of 0 does not bind a program that the system hands crashes to; one byte does, and is too
  /// little for a file.
  public static func forbid(unless settings: inout ServiceSettings) {
    guard !settings.flag("CLIENTELE_CORE_FILES", default: false) else { return }
    let resource = __rlimit_resource_t(RLIMIT_CORE.rawValue)
    var limit = rlimit()
    getrlimit(resource, &limit)
    limit.rlim_max = min(limit.rlim_max, 1)
    limit.rlim_cur = limit.rlim_max
    setrlimit(resource, &limit)
  }
}
