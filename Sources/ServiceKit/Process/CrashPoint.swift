import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Named places along a path where a test has the process killed, as if the power went.
///
/// In a debug build a process started with `CLIENTELE_CRASH_AT` kills itself the first time it
/// reaches that place; the file `CLIENTELE_CRASH_MARKER` keeps it from doing so again after the
/// restart. With `CLIENTELE_CRASH_ABOUT` instead of a file it does so whenever it gets there with
/// that in hand. In a release build there is nothing.
public enum CrashPoint {
  /// Dies here if a test asked for it.
  /// - Parameter subject: what is in hand, such as a mail's recipient.
  @inlinable
  public static func reach(_ name: StaticString, about subject: @autoclosure () -> String = "") {
    #if DEBUG
      reached(name, subject())
    #endif
  }

  #if DEBUG
    private static let wanted = ProcessInfo.processInfo.environment["CLIENTELE_CRASH_AT"]
    private static let marker = ProcessInfo.processInfo.environment["CLIENTELE_CRASH_MARKER"]

    private static let poison = ProcessInfo.processInfo.environment["CLIENTELE_CRASH_ABOUT"]

    @usableFromInline
    static func reached(_ name: StaticString, _ subject: String) {
      guard wanted == name.description else { return }
      if let poison, poison == subject { kill(getpid(), SIGKILL) }
      guard let marker else { return }
      // Exclusive creation: of two threads that arrive together, one dies for both.
      let file = open(marker, O_CREAT | O_EXCL | O_WRONLY, 0o600)
      guard file >= 0 else { return }
      kill(getpid(), SIGKILL)
    }
  #endif
}
