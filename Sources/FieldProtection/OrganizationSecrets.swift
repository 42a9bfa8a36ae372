import Crypto
import Dispatch
public import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A folder with a secret for each organisation, 32 random bytes in a file of its own.
///
/// It stands outside the database and its backups: once an organisation's file is gone, nothing of what
/// was ever encrypted for it opens, wherever copies of the database are. A file is made once and
/// never changed.
public struct OrganizationSecrets: Sendable {
  private static let bytes = 32
  private let folder: String

  /// Throws `ProtectionFailure.secretsUnusable` unless the folder is there, and nobody else's.
  public init(folder: String) throws(ProtectionFailure) {
    self.folder = folder
    var status = stat()
    guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw .secretsUnusable("there is no folder \(folder)")
    }
    guard status.st_mode & 0o077 == 0 else {
      throw .secretsUnusable("others than its owner may enter the folder \(folder): chmod 0700")
    }
  }

  private func path(_ organization: UUID) -> String {
    "\(folder)/\(organization.uuidString.lowercased()).secret"
  }

  /// The secret of an organisation; nil when there is none.
  public func secret(of organization: UUID) throws(ProtectionFailure) -> [UInt8]? {
    let path = path(organization)
    guard let data = FileManager.default.contents(atPath: path) else {
      guard access(path, F_OK) != 0, errno == ENOENT else {
        throw .secretsUnusable("\(path) cannot be read")
      }
      return nil
    }
    guard data.count == Self.bytes else { throw .secretsUnusable("\(path) is damaged") }
    return [UInt8](data)
  }

  /// The secret of an organisation, made now unless there is one; on disk before it is answered.
  /// Waits for the disk on a thread of its own.
  public func make(for organization: UUID) async throws -> [UInt8] {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(with: Result { try write(for: organization) })
      }
    }
  }

  /// Whoever links the name first wins, so that two processes have one secret.
  private func write(for organization: UUID) throws -> [UInt8] {
    if let secret = try secret(of: organization) { return secret }
    let draft = "\(folder)/.\(UUID().uuidString)"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw ProtectionFailure.secretsUnusable("\(folder) cannot be written to")
    }
    defer { unlink(draft) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try file.write(contentsOf: SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) })
    try file.synchronize()
    guard link(draft, path(organization)) == 0 || errno == EEXIST else {
      throw ProtectionFailure.secretsUnusable("\(folder) cannot be written to")
    }
    try synchronizeFolder()
    guard let secret = try secret(of: organization) else {
      throw ProtectionFailure.secretsUnusable("\(folder) lost what was written")
    }
    return secret
  }

  /// Destroys the secret of an organisation, for good. Answers whether there was one.
  public func destroy(of organization: UUID) throws -> Bool {
    let path = path(organization)
    guard unlink(path) == 0 else {
      guard errno == ENOENT else {
        throw ProtectionFailure.secretsUnusable("\(path) cannot be removed")
      }
      return false
    }
    try synchronizeFolder()
    return true
  }

  private func synchronizeFolder() throws {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw ProtectionFailure.secretsUnusable("\(folder) cannot be opened")
    }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw ProtectionFailure.secretsUnusable("\(folder) does not reach the disk")
    }
  }
}
