import HTTP2

/// The fields that every request of a connection shares, made once.
struct RequestHeads {
  private let first: FieldBlock
  private let last: FieldBlock

  init(authority: String, scheme: String) {
    first = FieldBlock([
      (":method", "POST"), (":scheme", scheme), (":authority", authority),
    ])
    last = FieldBlock([
      ("te", "trailers"), ("content-type", "application/grpc"), ("user-agent", "clientele-grpc"),
      ("grpc-accept-encoding", Compression.accepted),
    ])
  }

  func block(for call: ClientCall) -> FieldBlock {
    var block = first
    block.append(":path", call.path)
    block.append(contentsOf: last)
    call.append(to: &block)
    return block
  }
}
