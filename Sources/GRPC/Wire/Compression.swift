/// How the bytes of a message are packed on the wire.
public enum Compression: String, Sendable, Hashable, CaseIterable {
  /// As they are.
  case identity
  /// As RFC 1952 says.
  case gzip

  /// The value of `grpc-accept-encoding`: everything above.
  static let accepted = "identity,gzip"

  /// The encoding of that name; nil for one that is not spoken here.
  init?(name: UnsafeRawBufferPointer) {
    if name.is("identity") {
      self = .identity
    } else if name.is("gzip") {
      self = .gzip
    } else {
      return nil
    }
  }

  /// True when a list of names, as `grpc-accept-encoding` carries it, holds this one.
  func isNamed(in list: UnsafeRawBufferPointer) -> Bool {
    list.listElements.contains { Compression(name: $0) == self }
  }

  /// Packs a message.
  ///
  /// - Throws: INTERNAL when memory runs out.
  func pack(_ message: [UInt8]) throws(RPCError) -> [UInt8] {
    switch self {
    case .identity: message
    case .gzip: try Gzip.deflate(message)
    }
  }
}

/// A serialised message as it was received, unpacked.
public struct ReceivedMessage: Sendable, Hashable {
  /// The message.
  public let bytes: [UInt8]
  /// True when it was compressed on the wire.
  public let wasCompressed: Bool

  /// Puts a message together, for channels written elsewhere.
  public init(_ bytes: [UInt8], wasCompressed: Bool = false) {
    self.bytes = bytes
    self.wasCompressed = wasCompressed
  }
}
