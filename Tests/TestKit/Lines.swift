public import Logging
import Synchronization

/// Lines that were logged.
public final class Lines: Sendable {
  private let kept = Mutex<[String]>([])

  /// None yet.
  public init() {}

  /// Level, message and facts of each, oldest first: `info said a=1 b=2`.
  public var all: [String] { kept.withLock { $0 } }

  fileprivate func add(_ line: String) { kept.withLock { $0.append(line) } }
}

/// Keeps the lines of a logger.
public struct LinesHandler: LogHandler {
  private let lines: Lines
  /// See `LogHandler`.
  public var logLevel = Logger.Level.trace
  /// See `LogHandler`.
  public var metadata = Logger.Metadata()

  /// Keeps them there.
  public init(_ lines: Lines) { self.lines = lines }

  /// See `LogHandler`.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// See `LogHandler`.
  public func log(event: LogEvent) {
    let facts = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    lines.add("\(event.level) \(event.message) \(facts.joined(separator: " "))")
  }
}
