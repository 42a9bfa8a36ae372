import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Puts each mail into a folder as an `.eml` file, for development and for machines without a mail
/// server. A mail that comes twice is written over the file it has already.
struct OutboxCarrier: MailCarrier {
  /// The folder; made when missing.
  let folder: String

  var destination: String { "outbox" }

  /// Sorts by time, and is the same each time for one message.
  static func fileName(_ messageID: UUID, _ createdAt: Date) -> String {
    "\(CivilTime(createdAt).compact)-\(messageID.uuidString.lowercased()).eml"
  }

  func handOver(_ mail: OutgoingMail) -> Handover {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: nil)
    } catch {
      return .unreachable("the outbox cannot be made")
    }
    let name = Self.fileName(mail.messageID, mail.createdAt)
    // A leftover of a crash has the same name and is written over too.
    let draft = "\(folder)/.\(name).part"
    guard write(mail.bytes, to: draft), rename(draft, "\(folder)/\(name)") == 0, syncFolder() else {
      return .unreachable("the outbox cannot be written")
    }
    return .taken
  }

  private func write(_ bytes: [UInt8], to path: String) -> Bool {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { return false }
    defer { close(file) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { return false }
      rest = rest.dropFirst(written)
    }
    return fsync(file) == 0
  }

  /// Makes the new name survive a power cut.
  private func syncFolder() -> Bool {
    let file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    return fsync(file) == 0
  }
}
