import HTTP2

/// The fields that every answer shares, made once.
struct WireFields: Sendable {
  /// Before the first message of an answer.
  let head = FieldBlock([
    (":status", "200"), ("content-type", "application/grpc"),
    ("grpc-accept-encoding", Compression.accepted),
  ])
  /// After the last message of a call that went well.
  let ok = FieldBlock([("grpc-status", "0")])

  /// Before the first message of an answer that says more than others.
  func head(_ compression: Compression, _ metadata: Metadata) -> FieldBlock {
    if compression == .identity, metadata.isEmpty { return head }
    var block = head
    if compression != .identity { block.append("grpc-encoding", compression.rawValue) }
    Self.append(metadata, to: &block)
    return block
  }

  private static let messageBytesMax = 1 << 10
  private let detailBytesMax: Int
  private let bounds: BoundCounters

  init(_ settings: ServerSettings, _ bounds: BoundCounters) {
    detailBytesMax = settings.statusDetailBytesMax
    self.bounds = bounds
  }

  /// Fields that say how a call ended, with the metadata that follows the answer.
  func status(_ error: RPCError?, trailers: Metadata, into block: inout FieldBlock) {
    guard let error else {
      block.append("grpc-status", "0")
      return Self.append(trailers, to: &block)
    }
    block.append("grpc-status", "\(error.code.rawValue)")
    if !error.message.isEmpty {
      block.append("grpc-message", bytes: PercentText.encode(Self.short(error.message)))
    }
    if !error.details.isEmpty {
      let encoded = WireBase64.encode(StatusDetails.status(of: error))
      if encoded.count <= detailBytesMax {
        block.append("grpc-status-details-bin", bytes: encoded)
      } else {
        bounds.add(.statusDetailBytes)
      }
    }
    Self.append(trailers, to: &block)
  }

  static func append(_ metadata: Metadata, to block: inout FieldBlock) {
    for entry in metadata.entries {
      switch entry.value {
      case .text(let text): block.append(entry.key, text)
      case .binary(let bytes): block.append(entry.key, bytes: WireBase64.encode(bytes))
      }
    }
  }

  private static func short(_ message: String) -> String {
    guard message.utf8.count > messageBytesMax else { return message }
    var start = Array(message.utf8.prefix(messageBytesMax + 1))
    // Not within a character.
    while let last = start.popLast(), last & 0xC0 == 0x80 {}
    return String(decoding: start, as: UTF8.self)
  }

  /// An answer that is an error and nothing else.
  func trailersOnly(_ error: RPCError, trailers: Metadata) -> FieldBlock {
    var block = FieldBlock([(":status", "200"), ("content-type", "application/grpc")])
    if error.code == .unimplemented {
      block.append("grpc-accept-encoding", Compression.accepted)
    }
    status(error, trailers: trailers, into: &block)
    return block
  }
}
