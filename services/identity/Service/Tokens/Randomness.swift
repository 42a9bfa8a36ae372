/// Where unpredictable bytes come from; handed in so that tests can repeat themselves.
public struct Randomness: Sendable {
  let bytes: @Sendable (Int) -> [UInt8]

  /// Chance from elsewhere; the function answers as many bytes as asked.
  public init(bytes: @escaping @Sendable (Int) -> [UInt8]) {
    self.bytes = bytes
  }

  /// The kernel's generator.
  public static let system = Randomness { count in
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
  }
}
