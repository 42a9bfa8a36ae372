import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Named places along a path where a test has the process killed, as if the power went.
///
/// In a debug build a process started with `CLIENTELE_CRASH_AT` kills itself the first time it
/// reaches that place; the file `CLIENTELE_CRASH_MARKER` keeps it from doing so again after the
/// restart. In a release build there is nothing.
public enum CrashPoint {
  /// Dies here if a test asked for it.
  @inlinable
  public static func reach(_ name: StaticString) {
    #if DEBUG
      reached(name)
    #endif
  }

  #if DEBUG
    private static let wanted = ProcessInfo.processInfo.environment["CLIENTELE_CRASH_AT"]
    private static let marker = ProcessInfo.processInfo.environment["CLIENTELE_CRASH_MARKER"]

    @usableFromInline
    static func reached(_ name: StaticString) {
      guard let wanted, let marker, wanted == name.description else { return }
      // Exclusive creation: of two threads that arrive together, one dies for both.
      let file = open(marker, O_CREAT | O_EXCL | O_WRONLY, 0o600)
      guard file >= 0 else { return }
      kill(getpid(), SIGKILL)
    }
  #endif
}
