/// How long a message waits for its next try: 1 s, 2 s, 4 s …, at most an hour, a fifth more or less
/// so that messages which failed together do not come back together.
struct Backoff: Sendable {
  /// The pause after the first try, seconds.
  var first = 1.0
  /// The longest pause, seconds.
  var longest = 3600.0

  /// - Parameters:
  ///   - attempts: tries so far, 1 or more.
  ///   - chance: 0 to 1; random unless a test says otherwise.
  func seconds(after attempts: Int, chance: Double = .random(in: 0...1)) -> Double {
    var pause = first
    for _ in stride(from: 1, to: min(attempts, 32), by: 1) { pause = min(pause * 2, longest) }
    return min(pause, longest) * (0.8 + 0.4 * chance)
  }
}
