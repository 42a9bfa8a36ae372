@testable import HTTP2

/// Blocks of compressed headers, one request each: whatever a few bytes unpack to, no more than
/// the bounds is let in.
enum HeadersTarget {
  static func run(_ bytes: [UInt8]) throws {
    var input = FuzzInput(bytes)
    guard let session = try? Session(SessionSettings(role: .server)) else { return }
    let reader = Reader(session.settings)
    var wire = FrameGrammar.preface + FrameGrammar.rawFrame(4, flags: 0, 0, [])
    for stream in 0..<UInt32(16) where !input.isEmpty {
      let shape = input.byte()
      // The request's own fields first, when the fuzzer wants to be let in.
      let opening = shape & 1 == 1 ? FrameGrammar.request("/a/B") : []
      let block = opening + input.bytes(shape & 2 == 0 ? Int(input.byte()) : input.number())
      let id = stream * 2 + 1
      // In as many frames as a peer may cut it into, or more.
      let pieces = Int(shape >> 4) + 1
      let size = max(1, (block.count + pieces - 1) / pieces)
      var rest = block[...]
      var type: UInt8 = 1
      repeat {
        let part = Array(rest.prefix(size))
        rest = rest.dropFirst(size)
        let flags: UInt8 = (rest.isEmpty ? 4 : 0) | (type == 1 ? 1 : 0)
        wire += FrameGrammar.rawFrame(type, flags: flags, id, part)
        type = 9
      } while !rest.isEmpty
    }
    _ = try? wire.withUnsafeBytes { try session.receive($0, now: 0) }
    session.drainEvents(to: reader)
    _ = try? session.send(limit: 1 << 20, now: 0) { _ in }
    session.drainEvents(to: reader)
    if let finding = reader.finding { throw finding }
  }

  private final class Reader: SessionEvents {
    private let settings: SessionSettings
    private(set) var finding: Finding?

    init(_ settings: SessionSettings) { self.settings = settings }

    func headersArrived(_ stream: StreamHandle, _ fields: ReceivedFields, end: Bool) {
      var bytes = 0
      var count = 0
      fields.forEach { name, value in
        count += 1
        bytes += name.count + value.count + 32
        if name.count + value.count > settings.headerFieldBytesMax {
          finding = Finding(description: "a field of \(name.count + value.count) bytes")
        }
      }
      if bytes > settings.headerListBytesMax || count > settings.headerFieldsMax {
        finding = Finding(description: "\(count) fields of \(bytes) bytes were let in")
      }
    }

    func dataArrived(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer, end: Bool) {}
    func streamDrained(_ stream: StreamHandle) {}
    func streamClosed(_ stream: StreamHandle, _ code: ErrorCode, unprocessed: Bool) {}
    func goAwayArrived(_ code: ErrorCode, told: String) {}
    func settingsArrived() {}
    func pongArrived(_ tag: UInt64) {}
  }
}
