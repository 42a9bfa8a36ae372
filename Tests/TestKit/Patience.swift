import Foundation

/// How much longer tests wait where everything is several times slower, as with a sanitizer.
public enum Patience {
  /// How many times as long as usual, 1 to 100: `CLIENTELE_TEST_PATIENCE`, 1 when that says nothing.
  public static let factor: Int = {
    let setting = ProcessInfo.processInfo.environment["CLIENTELE_TEST_PATIENCE"]
    return min(max(setting.flatMap { Int($0) } ?? 1, 1), 100)
  }()
}

extension Duration {
  /// What a test waits at most for something that is given this long in an ordinary build.
  public var patient: Duration { self * Patience.factor }
}
