/// Turns the fuzzer's bytes into HTTP/2 frames whose lengths are right, so that it need not find
/// that out for itself; raw bytes are one of the things it may send.
enum FrameGrammar {
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  /// The pieces that arrive one after the other.
  ///
  /// - Parameter heads: blocks of headers that a request, or an answer, may have.
  static func pieces(_ input: inout FuzzInput, heads: [[UInt8]]) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var piece: [UInt8] = []
    // More would only repeat what fewer show, and make each try slow.
    for _ in 0..<256 where !input.isEmpty {
      let kind = input.byte()
      piece += step(kind & 0x0F, stream: UInt32(kind >> 4), heads, &input)
      if kind & 0x0F == 15 {
        pieces.append(piece)
        piece = []
      }
    }
    return pieces + [piece]
  }

  private static func step(
    _ kind: UInt8, stream: UInt32, _ heads: [[UInt8]], _ input: inout FuzzInput
  ) -> [UInt8] {
    switch kind {
    case 0, 1, 2:
      let head = heads.isEmpty ? [] : heads[Int(input.byte()) % heads.count]
      return frame(1, flags: kind == 2 ? 5 : 4, stream, head)
    case 3: return frame(1, flags: input.byte(), stream, input.bytes(Int(input.byte())))
    case 4: return frame(9, flags: input.byte(), stream, input.bytes(Int(input.byte())))
    case 5, 6: return frame(0, flags: kind == 6 ? 1 : 0, stream, message(&input))
    case 7: return frame(0, flags: input.byte(), stream, input.bytes(Int(input.byte())))
    case 8: return frame(3, flags: 0, stream, [0, 0, 0, input.byte()])
    case 9: return frame(4, flags: input.byte() & 1, 0, settings(&input))
    case 10: return frame(6, flags: input.byte() & 1, 0, [UInt8](repeating: 0, count: 8))
    case 11:
      let wide = UInt32(truncatingIfNeeded: input.number()) << 15
      return frame(8, flags: 0, stream, big(wide | UInt32(input.byte())))
    case 12: return frame(2, flags: 0, stream, big(UInt32(input.byte())) + [input.byte()])
    case 13: return frame(7, flags: 0, 0, big(UInt32(input.byte())) + big(UInt32(input.byte())))
    case 14: return input.bytes(Int(input.byte()))
    default: return []
    }
  }

  /// A gRPC message with its prefix, or one whose prefix says something else.
  private static func message(_ input: inout FuzzInput) -> [UInt8] {
    let control = input.byte()
    let bytes = input.bytes(Int(input.byte()))
    let length = control & 0x0E == 0 ? UInt32(bytes.count) : UInt32(input.number())
    return [control & 1] + big(length) + bytes
  }

  private static func settings(_ input: inout FuzzInput) -> [UInt8] {
    (0..<(input.byte() & 3)).flatMap { _ -> [UInt8] in
      let wide = UInt32(truncatingIfNeeded: input.number()) << 15
      return [0, input.byte() & 7] + big(wide | UInt32(input.byte()))
    }
  }

  /// Streams 1, 3, 5, …; 15 stands for the connection.
  private static func frame(
    _ type: UInt8, flags: UInt8, _ stream: UInt32, _ payload: [UInt8]
  ) -> [UInt8] {
    let id = stream == 15 ? 0 : stream * 2 + 1
    return rawFrame(type, flags: flags, type == 4 || type == 6 || type == 7 ? 0 : id, payload)
  }

  static func rawFrame(
    _ type: UInt8, flags: UInt8, _ stream: UInt32, _ payload: [UInt8]
  ) -> [UInt8] {
    big(UInt32(payload.count)).dropFirst() + [type, flags] + big(stream) + payload
  }

  static func big(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
  }

  /// Fields written out one by one, none into the table.
  static func block(_ fields: [(String, String)]) -> [UInt8] {
    fields.flatMap { name, value -> [UInt8] in
      [0, UInt8(truncatingIfNeeded: name.utf8.count)] + Array(name.utf8)
        + [UInt8(truncatingIfNeeded: value.utf8.count)] + Array(value.utf8)
    }
  }

  /// The head of a gRPC call.
  static func request(_ path: String, _ more: [(String, String)] = []) -> [UInt8] {
    [0x83, 0x86]
      + block(
        [(":path", path), (":authority", "x"), ("content-type", "application/grpc")] + more)
  }
}
