import Crypto
import Foundation

/// Name-based ids (RFC 9562 §5.8, version 8 over SHA-256).
enum DerivedID {
  static func make(from id: UUID, label: String) -> UUID {
    var hash = SHA256()
    withUnsafeBytes(of: id.uuid) { hash.update(bufferPointer: $0) }
    hash.update(data: Data(label.utf8))
    var bytes = [UInt8](hash.finalize().prefix(16))
    bytes[6] = (bytes[6] & 0x0f) | 0x80
    bytes[8] = (bytes[8] & 0x3f) | 0x80
    return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }
}
