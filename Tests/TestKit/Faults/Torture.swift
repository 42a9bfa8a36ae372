import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// How much of something a run does: little in `make test`, more in `make torture`.
public enum Setting {
  /// The number that a variable of the environment names, else the standard.
  public static func count(_ name: String, _ standard: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? standard
  }

  /// What a figure is held against: the target itself where `CLIENTELE_TARGETS` is `on`, as in
  /// `make torture`, which has a machine to itself; elsewhere what a machine with more to do may need.
  public static func bound<Figure>(_ target: Figure, orElse roomy: Figure) -> Figure {
    ProcessInfo.processInfo.environment["CLIENTELE_TARGETS"] == "on" ? target : roomy
  }
}

/// What a run came to, in words that `make test` prints beneath the room, and that `make torture`
/// gathers and adds up: see `scripts/torture.sh`. They hold only what was counted.
public enum Report {
  /// Prints it with a mark in front of each line.
  public static func say(_ words: String) {
    // Lines of their own: what stands in the buffer is written before, and these at once.
    fflush(nil)
    print(words.split(separator: "\n").map { "report: \($0)" }.joined(separator: "\n"))
    fflush(nil)
  }
}
