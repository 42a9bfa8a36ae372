import Foundation
public import Logging

/// How a process tells its supervisor that it does its work: a file with its id, from when it is
/// ready until it takes no more connections.
public struct ReadyFile: Sendable {
  private let path: String?
  private let logger: Logger

  /// Reads `CLIENTELE_READY_FILE`; without it nothing is written.
  public init(_ settings: ServiceSettings, logger: Logger) {
    path = settings.optional("CLIENTELE_READY_FILE")
    self.logger = logger
  }

  /// Says that the process is ready.
  public func write() {
    guard let path else { return }
    let text = Data("\(ProcessInfo.processInfo.processIdentifier)\n".utf8)
    do {
      try text.write(to: URL(filePath: path), options: .atomic)
    } catch {
      logger.error("cannot say that it is ready", metadata: ["error": "\(error)"])
    }
  }

  /// Says that it takes no more connections.
  public func remove() {
    if let path { try? FileManager.default.removeItem(atPath: path) }
  }
}
