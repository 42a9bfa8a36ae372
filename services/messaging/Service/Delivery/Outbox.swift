import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A folder that messages go to as files, for development and for machines without a mail server. A
/// message that comes twice is written over the file it has already.
struct Outbox: Sendable {
  /// The folder; made when missing.
  let folder: String

  /// Sorts by time, and is the same each time for one message.
  static func fileName(_ messageID: UUID, _ createdAt: Date, as ending: String) -> String {
    "\(CivilTime(createdAt).compact)-\(messageID.uuidString.lowercased()).\(ending)"
  }

  func put(
    _ bytes: [UInt8], of messageID: UUID, _ createdAt: Date, as ending: String
  ) -> Handover {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: nil)
    } catch {
      return .unreachable("the outbox cannot be made")
    }
    let name = Self.fileName(messageID, createdAt, as: ending)
    // A leftover of a crash has the same name and is written over too.
    let draft = "\(folder)/.\(name).part"
    guard write(bytes, to: draft), rename(draft, "\(folder)/\(name)") == 0, syncFolder() else {
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

/// Puts each mail into the outbox as an `.eml` file.
struct OutboxCarrier: MailCarrier {
  let outbox: Outbox

  var destination: String { "outbox" }

  func handOver(_ mail: OutgoingMail) -> Handover {
    outbox.put(mail.bytes, of: mail.messageID, mail.createdAt, as: "eml")
  }
}
