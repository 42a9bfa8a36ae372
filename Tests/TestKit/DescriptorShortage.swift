#if canImport(Glibc)
  import Glibc
#endif

/// A process whose file descriptors are nearly all taken; for a process of its own.
public struct DescriptorShortage: ~Copyable {
  /// How many the process may have open meanwhile. A quarter is what servers leave free at most.
  public static let limit = 128

  private let taken: [Int32]

  /// Lowers the limit, and takes all but a few of those that connections may have.
  public init() {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    getrlimit(resource, &limit)
    limit.rlim_cur = rlim_t(Self.limit)
    setrlimit(resource, &limit)
    var taken: [Int32] = []
    while taken.last ?? 0 < Self.limit * 3 / 4 - 3 {
      let next = dup(STDERR_FILENO)
      guard next >= 0 else { break }
      taken.append(next)
    }
    self.taken = taken
  }

  /// Gives back what was taken.
  public consuming func end() { for descriptor in taken { close(descriptor) } }
}
