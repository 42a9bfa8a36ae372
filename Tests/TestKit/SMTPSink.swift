public import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A mail server of its own process (aiosmtpd), which misbehaves as told; see scripts/smtp-sink.py.
public final class SMTPSink {
  /// Where it listens, on 127.0.0.1.
  public let port: Int
  /// Where it keeps the mails.
  public let folder: URL
  private let process: Process

  /// It did not say where it listens.
  public struct NotStarted: Error, CustomStringConvertible {
    /// What to do.
    public let description: String
  }

  /// - Parameter script: an answer a mail, such as `["451", "ok"]`; `ok` once they are used up.
  public init(_ script: [String] = []) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "sink-\(UUID().uuidString)")
    let python =
      ProcessInfo.processInfo.environment["CLIENTELE_PYTHON"]
      ?? Checkout.root.appending(path: ".venv/bin/python").path
    process = Process()
    process.executableURL = URL(filePath: python)
    process.arguments = [
      Checkout.root.appending(path: "scripts/smtp-sink.py").path, folder.path,
      script.joined(separator: ","),
    ]
    process.standardInput = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    var line = Data()
    while let byte = try output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8) {
      line += byte
    }
    guard let port = Int(String(decoding: line, as: UTF8.self)) else {
      throw NotStarted(
        description: "\(python) did not start the mail server; `make setup` makes it")
    }
    self.port = port
  }

  /// For `CLIENTELE_SMTP_URL`.
  public var url: String { "smtp://127.0.0.1:\(port)" }

  /// The mails taken, in order: two lines of envelope, then the mail itself.
  public var mails: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted { $0.compare($1, options: .numeric) == .orderedAscending }.compactMap {
      FileManager.default.contents(atPath: folder.appending(path: $0).path)
        .map { String(decoding: $0, as: UTF8.self) }
    }
  }

  /// The `Message-ID` of each mail taken.
  public var messageIDs: [String] {
    mails.compactMap { mail in
      mail.split(separator: "\r\n").first { $0.hasPrefix("Message-ID: ") }.map(String.init)
    }
  }

  deinit {
    // Not SIGTERM: a process started from one of Swift's threads inherits that signal blocked.
    kill(process.processIdentifier, SIGKILL)
    try? FileManager.default.removeItem(at: folder)
  }
}
