import Foundation
public import Logging
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Writes log lines to standard output, one `write` each: the moment, the level, the label, the
/// message, and the facts in order of their names. A thread of its own does so: see `LineWriter`.
///
/// A line has 8 KiB at most, and a process writes at most 1,000 a second; what is beyond is cut, or
/// dropped and counted, so that a flood of failures does not become one of the disk's.
public struct LineLog: LogHandler {
  /// Bytes of a line, its end included.
  public static let lineBytesMax = 8_192
  /// Lines of a process within a second.
  public static let linesPerSecondMax = 1_000

  /// What is not written.
  public var logLevel = Logger.Level.info
  /// Facts of every line.
  public var metadata = Logger.Metadata()
  /// Facts of the moment.
  public var metadataProvider: Logger.MetadataProvider?

  private let label: String
  private let budget: LineBudget
  private let write: @Sendable ([UInt8]) -> Void

  /// A log of the process.
  public init(label: String) {
    self.init(label: label, budget: .process) { LineWriter.standardOutput.write($0) }
  }

  init(label: String, budget: LineBudget, write: @escaping @Sendable ([UInt8]) -> Void) {
    self.label = label
    self.budget = budget
    self.write = write
  }

  /// Makes this the log of every `Logger` of the process. Once, before the first of them.
  public static func install() {
    LoggingSystem.bootstrap { LineLog(label: $0) }
    // However the process ends by itself, its last lines say why.
    atexit { LineWriter.standardOutput.finish() }
  }

  /// Lines of the process that were not written.
  static var dropped: UInt64 { LineBudget.process.dropped + LineWriter.standardOutput.dropped }

  /// One fact of every line.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes one line.
  public func log(event: LogEvent) {
    guard budget.take() else { return }
    var facts = metadata
    if let provider = metadataProvider { facts.merge(provider.get()) { $1 } }
    if let own = event.metadata { facts.merge(own) { $1 } }
    write(Self.line(event.level, label, "\(event.message)", facts, at: Date()))
  }

  /// The line, its newline included.
  static func line(
    _ level: Logger.Level, _ label: String, _ message: String, _ facts: Logger.Metadata,
    at moment: Date
  ) -> [UInt8] {
    var text = moment.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    text += " \(level.rawValue) \(label) \(message)"
    for (key, value) in facts.sorted(by: { $0.key < $1.key }) {
      text += " \(key)=\(value)"
      if text.utf8.count > lineBytesMax { break }
    }
    // Nobody's text begins a line of its own or moves a terminal's cursor.
    var line = text.utf8.prefix(lineBytesMax).map { $0 < 0x20 || $0 == 0x7f ? 0x20 : $0 }
    if line.count > lineBytesMax - 1 {
      line.removeLast(line.count - lineBytesMax + 4)
      // No half character before the mark.
      while let last = line.last, last & 0xC0 == 0x80 { line.removeLast() }
      if let last = line.last, last >= 0xC0 { line.removeLast() }
      line += Array("…".utf8)
    }
    return line + [0x0A]
  }
}

/// How many lines may still be written within this second.
final class LineBudget: Sendable {
  /// Of this process.
  static let process = LineBudget(perSecond: LineLog.linesPerSecondMax)

  private struct State {
    var second: Int64 = 0
    var left: Int
  }

  private let perSecond: Int
  private let seconds: @Sendable () -> Int64
  private let state: Mutex<State>
  private let lost = Atomic<UInt64>(0)

  /// - Parameter seconds: a clock that counts whole seconds, for tests.
  init(
    perSecond: Int,
    seconds: @escaping @Sendable () -> Int64 = {
      LineBudget.start.duration(to: .now).components.seconds
    }
  ) {
    self.perSecond = perSecond
    self.seconds = seconds
    state = Mutex(State(left: perSecond))
  }

  private static let start = ContinuousClock.now

  /// Lines that were not written.
  var dropped: UInt64 { lost.load(ordering: .relaxed) }

  /// Takes the place of one line, if there is one.
  func take() -> Bool {
    let second = seconds()
    let isFree = state.withLock { state in
      if state.second != second {
        state.second = second
        state.left = perSecond
      }
      guard state.left > 0 else { return false }
      state.left -= 1
      return true
    }
    if !isFree { lost.wrappingAdd(1, ordering: .relaxed) }
    return isFree
  }
}
