import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// The seals of a service outside the database, a line of JSON each: what was cut off there is
/// still told here. Nothing of it is ever changed; a file on another machine or a medium that can
/// only be appended to is better still.
public struct SealFile: Sendable {
  /// Why the file cannot be used.
  public struct Unusable: Error, CustomStringConvertible {
    /// What is wrong.
    public let description: String

    init(_ description: String) { self.description = description }

    init(_ what: String, _ code: Int32) { self.init("\(what): \(String(cString: strerror(code)))") }
  }

  private let path: String

  /// The folder is made when it is missing.
  public init(path: String) { self.path = path }

  /// Every seal; none when there is no file yet. A line that a power cut left half is passed over:
  /// its seal stands whole in a later one, or its number is missing.
  /// - Throws: `Unusable` for a file that cannot be read.
  public func seals() throws -> [AuditSeal] {
    guard let file = try opened() else { return [] }
    return Self.seals(in: try file.readToEnd() ?? Data())
  }

  /// Writes the seals up to a number into another file, as they are, and answers how many that were.
  public func copy(upTo number: Int64, to path: String) throws -> Int {
    let part = try seals().filter { $0.number <= number }
    guard try SealFile(path: path).append(part) else { throw Unusable("\(path) is locked") }
    return part.count
  }

  private static func seals(in lines: Data) -> [AuditSeal] {
    let decoder = JSONDecoder()
    return lines.split(separator: UInt8(ascii: "\n")).compactMap {
      try? decoder.decode(AuditSeal.self, from: Data($0))
    }
  }

  /// The file to be read, nil when there is none yet. One that cannot be read is no empty one: its
  /// seals would be missed, and appended again and again.
  private func opened() throws -> FileHandle? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      guard errno == ENOENT else { throw Unusable("\(path) cannot be read", errno) }
      return nil
    }
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  /// The number of the last seal, 0 when there is none, and whether its line was ended. The end
  /// of the file is read alone.
  private func end() throws -> (number: Int64, isWhole: Bool) {
    guard let file = try opened() else { return (0, true) }
    let size = try file.seekToEnd()
    try file.seek(toOffset: size > Self.tailBytes ? size - Self.tailBytes : 0)
    let tail = try file.readToEnd() ?? Data()
    return (
      Self.seals(in: tail).last?.number ?? 0, tail.last.map { $0 == UInt8(ascii: "\n") } ?? true
    )
  }

  /// The number of the last seal, 0 when there is none.
  func lastNumber() throws -> Int64 { try end().number }

  /// More than a line takes: a seal has at most a thousand gaps.
  private static let tailBytes: UInt64 = 256 * 1024

  /// Appends those that another process has not appended meanwhile, and waits for the disk.
  /// - Returns: false when somebody has the file locked: nothing was appended.
  func append(_ seals: [AuditSeal]) throws -> Bool {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Unusable("\(path) cannot be appended to", errno) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    // Never waited for here: this thread is of Swift's pool, and there are few.
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      guard errno == EWOULDBLOCK else { throw Unusable("\(path) cannot be locked", errno) }
      return false
    }
    let last = try end()
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var lines = Data((last.isWhole ? "" : "\n").utf8)
    for seal in seals where seal.number > last.number {
      lines += try encoder.encode(seal) + [UInt8(ascii: "\n")]
    }
    try file.write(contentsOf: lines)
    try file.synchronize()
    return true
  }
}
