import CNGHTTP2

// Every function here runs inside the C library: it notes, counts and returns. None may call
// anything of the library that sends, receives or frees; the documented exceptions are setting a
// stream's user data and submitting trailers from the function that reads a body.

private let carryOn: Int32 = 0

/// Lends the session that a callback belongs to. The session outlives every call into the library,
/// so nothing is counted; `other` is for the pointer that is never nil.
@inline(__always)
private func lend<Result>(
  _ pointer: UnsafeMutableRawPointer?, or other: Result, _ body: (Session) -> Result
) -> Result {
  guard let pointer else { return other }
  return Unmanaged<Session>.fromOpaque(pointer)._withUnsafeGuaranteedRef { body($0) }
}

func installCallbacks(_ callbacks: OpaquePointer?) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { raw, frame, owner in
    guard let frame else { return carryOn }
    return lend(owner, or: carryOn) { $0.headersBegan(raw, frame) }
  }
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, owner in
    guard let header else { return carryOn }
    lend(owner, or: ()) { $0.frameBegan(header.pointee) }
    return carryOn
  }
  nghttp2_session_callbacks_set_on_header_callback(callbacks) {
    _, _, name, nameCount, value, valueCount, _, owner in
    lend(owner, or: carryOn) {
      $0.fieldArrived(
        UnsafeRawBufferPointer(start: name, count: nameCount),
        UnsafeRawBufferPointer(start: value, count: valueCount))
    }
  }
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
    raw, _, id, bytes, count, owner in
    lend(owner, or: ()) { $0.dataArrived(raw, id, bytes, count) }
    return carryOn
  }
  nghttp2_session_callbacks_set_unpack_extension_callback(callbacks) { _, payload, _, _ in
    payload?.pointee = nil
    return carryOn
  }
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { raw, frame, owner in
    guard let frame else { return carryOn }
    lend(owner, or: ()) { $0.frameArrived(raw, frame) }
    return carryOn
  }
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { raw, frame, owner in
    guard let frame else { return carryOn }
    lend(owner, or: ()) { $0.frameWasSent(raw, frame) }
    return carryOn
  }
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { raw, id, code, owner in
    lend(owner, or: ()) { $0.streamClosed(raw, id, code) }
    return carryOn
  }
}

extension Session {
  private func handle(_ raw: OpaquePointer?, _ id: Int32) -> StreamHandle? {
    StreamHandle(bits: nghttp2_session_get_stream_user_data(raw, id))
  }

  fileprivate func headersBegan(
    _ raw: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>
  ) -> Int32 {
    turn.openBlock = turn.fields.count
    blockBeganAt = now
    blockBytes = 0
    blockFields = 0
    let id = frame.pointee.hd.stream_id
    blockStream = id
    if settings.role == .server, frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
      let stream = streams.insert(Stream(id: id))
      nghttp2_session_set_stream_user_data(raw, id, stream.bits)
    }
    return carryOn
  }

  /// Counts before anything is copied: a few bytes on the wire may stand for megabytes here.
  fileprivate func fieldArrived(
    _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) -> Int32 {
    let count = name.count &+ value.count
    blockFields += Self.values(name, value)
    blockBytes = blockBytes &+ count &+ 32
    guard
      count <= settings.headerFieldBytesMax, blockBytes <= settings.headerListBytesMax,
      blockFields <= settings.headerFieldsMax
    else {
      closeBlock(keeping: false)
      reached(
        count > settings.headerFieldBytesMax
          ? .headerFieldBytes
          : blockFields > settings.headerFieldsMax ? .headerFields : .headerListBytes)
      if settings.role == .server {
        // Tells the caller that it asked for too much; the library's own code would say that we are
        // at fault.
        nghttp2_submit_rst_stream(
          raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), blockStream, ErrorCode.enhanceYourCalm.rawValue)
      }
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }
    turn.fields.append(
      Turn.Extent(start: turn.bytes.count, name: name.count, value: value.count))
    turn.bytes.append(name)
    turn.bytes.append(value)
    return carryOn
  }

  /// How many values a field stands for: gRPC lets peers join those of a key that ends in `-bin`
  /// with commas, and each costs as much as one that came by itself.
  private static func values(
    _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) -> Int {
    // Most names differ in their last letter already.
    guard name.last == UInt8(ascii: "n"), name.suffix(4).elementsEqual("-bin".utf8) else {
      return 1
    }
    return 1 + value.count { $0 == UInt8(ascii: ",") }
  }

  private func closeBlock(keeping: Bool) {
    if !keeping, let start = turn.openBlock { turn.fields.removeSubrange(start...) }
    turn.openBlock = nil
  }

  fileprivate func dataArrived(
    _ raw: OpaquePointer?, _ id: Int32, _ bytes: UnsafePointer<UInt8>?, _ count: Int
  ) {
    unconsumedOnConnection += count
    guard let stream = handle(raw, id) else { return }
    let start = turn.bytes.count
    turn.bytes.append(UnsafeRawBufferPointer(start: bytes, count: count))
    turn.events.append(.data(stream, bytes: start..<turn.bytes.count, end: false))
  }

  /// Counts what costs the peer as little as it is worth. Some of these frames nobody hears of when
  /// they end.
  fileprivate func frameBegan(_ header: nghttp2_frame_hd) {
    switch UInt32(header.type) {
    case NGHTTP2_HEADERS.rawValue:
      cheapFrames.give(4)
    case NGHTTP2_DATA.rawValue:
      let end = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
      if !end, (1..<Self.headBytes).contains(header.length) { count(&cheapFrames, .cheapFrames) }
    case NGHTTP2_PING.rawValue:
      guard header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 else { return }
      count(&cheapFrames, .cheapFrames)
    case NGHTTP2_WINDOW_UPDATE.rawValue, NGHTTP2_RST_STREAM.rawValue, NGHTTP2_GOAWAY.rawValue:
      count(&cheapFrames, .cheapFrames)
    default:
      break
    }
  }

  /// Bytes of the head of a message.
  private static let headBytes = 5

  fileprivate func frameArrived(_ raw: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>) {
    let header = frame.pointee.hd
    let end = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    let isAnswer = header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0
    switch nghttp2_frame_type(UInt32(header.type)) {
    case NGHTTP2_HEADERS:
      headersEnded(raw, header.stream_id, end: end)
    case NGHTTP2_DATA:
      let bytes = header.length &- frame.pointee.data.padlen
      if end {
        bodyEnded(raw, header.stream_id)
      } else if bytes == 0 {
        count(&emptyData, .emptyData)
      } else if bytes >= Self.headBytes {
        cheapFrames.give(1)
      } else if header.length >= Self.headBytes {
        count(&cheapFrames, .cheapFrames)
      }
    case NGHTTP2_SETTINGS:
      if !isAnswer {
        count(&settingsFrames, .settingsFrames)
        turn.events.append(.settings)
      }
    case NGHTTP2_PING:
      if isAnswer { pongArrived(frame.pointee.ping) } else { count(&pings, .pings) }
    case NGHTTP2_PRIORITY:
      count(&priorities, .priorities)
    case NGHTTP2_RST_STREAM:
      resetArrived(raw, header.stream_id)
    case NGHTTP2_WINDOW_UPDATE:
      break
    case NGHTTP2_GOAWAY:
      goAwayArrived(frame.pointee.goaway)
    default:
      // Of a type that nobody knows.
      count(&cheapFrames, .cheapFrames)
    }
  }

  private func count(_ bucket: inout RateBucket, _ bound: SessionBound) {
    if settings.role == .server, !bucket.take(at: now) { tooMuch = tooMuch ?? bound }
  }

  /// Counts only streams that are open: a peer that gives up what has just been answered is honest.
  private func resetArrived(_ raw: OpaquePointer?, _ id: Int32) {
    count(&resetsEndured, .resetsReceived)
    guard settings.role == .server, handle(raw, id) != nil else { return }
    if !resetsReceived.take(at: now) { wantsNoMore = true }
  }

  /// Longer explanations are cut.
  private static let toldMax = 256

  private func goAwayArrived(_ farewell: nghttp2_goaway) {
    let told = UnsafeBufferPointer(
      start: farewell.opaque_data, count: min(farewell.opaque_data_len, Self.toldMax))
    turn.events.append(
      .goAway(
        ErrorCode(rawValue: farewell.error_code), told: String(decoding: told, as: UTF8.self)))
  }

  private func pongArrived(_ ping: nghttp2_ping) {
    var tag: UInt64 = 0
    withUnsafeMutableBytes(of: &tag) { target in
      withUnsafeBytes(of: ping.opaque_data) { target.copyMemory(from: $0) }
    }
    turn.events.append(.pong(tag))
  }

  private func headersEnded(_ raw: OpaquePointer?, _ id: Int32, end: Bool) {
    guard let start = turn.openBlock else { return }
    turn.openBlock = nil
    guard let stream = handle(raw, id), let state = streams[stream] else { return }
    if settings.role == .server, state.pointee.receivedHead {
      // Trailers of a request: only their end means something.
      turn.fields.removeSubrange(start...)
      if end { bodyEnded(raw, id) }
      return
    }
    state.pointee.receivedHead = true
    if end { state.pointee.receivedEnd = true }
    turn.events.append(.headers(stream, fields: start..<turn.fields.count, end: end))
  }

  private func bodyEnded(_ raw: OpaquePointer?, _ id: Int32) {
    guard let stream = handle(raw, id) else { return }
    streams[stream]?.pointee.receivedEnd = true
    // The usual case, one frame with all of the body, becomes one event.
    if case .data(stream, let bytes, false)? = turn.events.last {
      turn.events[turn.events.count - 1] = .data(stream, bytes: bytes, end: true)
    } else {
      turn.events.append(.end(stream))
    }
  }

  fileprivate func frameWasSent(_ raw: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>) {
    switch nghttp2_frame_type(UInt32(frame.pointee.hd.type)) {
    case NGHTTP2_HEADERS, NGHTTP2_DATA:
      bodyPartWasSent(raw, frame.pointee.hd)
    case NGHTTP2_RST_STREAM:
      // A peer that makes us reset stream after stream costs as much as one that resets them.
      let code = ErrorCode(rawValue: frame.pointee.rst_stream.error_code)
      if code != .noError { count(&resetsSent, .resetsSent) }
      noteRefusal(code)
    case NGHTTP2_GOAWAY:
      let farewell = frame.pointee.goaway
      noteRefusal(ErrorCode(rawValue: farewell.error_code), endsAll: true)
      let said = UnsafeBufferPointer(start: farewell.opaque_data, count: farewell.opaque_data_len)
      if String(decoding: said, as: UTF8.self).hasSuffix(Self.tooManyStreams) { reached(.streams) }
    default:
      break
    }
  }

  /// How the library explains itself to a peer that knew better.
  private static let tooManyStreams = "max concurrent streams exceeded"

  /// Notes the bounds that the library itself keeps, by the code it answers with.
  private func noteRefusal(_ code: ErrorCode, endsAll: Bool = false) {
    guard settings.role == .server else { return }
    switch code {
    case .refusedStream: reached(.streams)
    case .flowControlError: reached(.windows)
    case .frameSizeError: reached(.frameBytes)
    // The library ends a session with this code for resets above their rate and nothing else.
    case .internalError where endsAll: tooMuch = tooMuch ?? .resetsReceived
    default: break
    }
  }

  private func bodyPartWasSent(_ raw: OpaquePointer?, _ header: nghttp2_frame_hd) {
    if settings.role == .client {
      guard UInt32(header.type) == NGHTTP2_HEADERS.rawValue else { return }
      if let stream = handle(raw, header.stream_id) { streams[stream]?.pointee.sentHeaders = true }
      return
    }
    // Foreign clients measure the connection by pings while answers flow; that is no flood.
    pings.refill()
    // Whoever is sent something may say twice that there is room again, and more.
    cheapFrames.give(4)
    guard header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 else { return }
    if let stream = handle(raw, header.stream_id), streams[stream]?.pointee.receivedEnd == false {
      answeredEarly.append(stream)
    }
  }

  fileprivate func streamClosed(_ raw: OpaquePointer?, _ id: Int32, _ code: UInt32) {
    // A block that the library itself refused ends without another word.
    if turn.openBlock != nil, blockStream == id { closeBlock(keeping: false) }
    guard let stream = handle(raw, id), let state = streams.remove(stream) else { return }
    waitingBytes -= state.out.count
    let code = ErrorCode(rawValue: code)
    let unprocessed = code == .refusedStream || (settings.role == .client && !state.sentHeaders)
    turn.events.append(.closed(stream, code, unprocessed: unprocessed))
  }

  /// Fills a DATA frame; called by the library while it sends.
  func readBody(
    _ raw: OpaquePointer?, _ id: Int32, into target: UnsafeMutablePointer<UInt8>?,
    capacity: Int, flags: UnsafeMutablePointer<UInt32>?
  ) -> Int {
    guard let handle = handle(raw, id), let target, let flags, let stream = streams[handle] else {
      return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    var part = OutboundBody.Part()
    stream.pointee.out.produce(into: target, capacity: capacity, &part)
    waitingBytes -= part.count
    sentBytes &+= part.count
    if part.isDrained { turn.events.append(.drained(handle)) }
    switch part.then {
    case .more:
      return part.count
    case .waits:
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    case .ends(let trailers):
      flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
      if let trailers {
        flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        _ = trailers.withNameValues { nghttp2_submit_trailer(raw, id, $0, $1) }
      }
      return part.count
    }
  }
}
