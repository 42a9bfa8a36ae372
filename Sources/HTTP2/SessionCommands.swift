import CNGHTTP2

// What the owner of a session may ask of it. Nothing leaves before the next `send`. A command for
// a stream that is gone does nothing.
extension Session {
  private static let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)

  private static var bodyReader: nghttp2_data_provider {
    nghttp2_data_provider(
      source: nghttp2_data_source(ptr: nil),
      read_callback: { raw, id, target, capacity, flags, _, owner in
        guard let owner else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
        return Unmanaged<Session>.fromOpaque(owner)._withUnsafeGuaranteedRef {
          $0.readBody(raw, id, into: target, capacity: capacity, flags: flags)
        }
      })
  }

  /// Answers with headers only, and ends the stream.
  public func respond(_ stream: StreamHandle, trailersOnly fields: FieldBlock) {
    guard let id = streams[stream]?.pointee.id else { return }
    _ = fields.withNameValues { nghttp2_submit_response(raw, id, $0, $1, nil) }
  }

  /// Answers with headers; the body follows by `append` and `finish`, before or after this.
  public func respond(_ stream: StreamHandle, headers: FieldBlock) {
    guard let id = streams[stream]?.pointee.id else { return }
    var reader = Self.bodyReader
    _ = headers.withNameValues { nghttp2_submit_response(raw, id, $0, $1, &reader) }
  }

  /// Answers all at once: headers, a body of `headCount` bytes of `head`, the lowest first, and
  /// `bytes`, and trailers.
  public func respond(
    _ stream: StreamHandle, headers: FieldBlock, head: UInt64, headCount: Int, _ bytes: [UInt8],
    trailers: FieldBlock
  ) {
    guard let state = streams[stream] else { return }
    state.pointee.out.append(head: head, headCount: headCount, bytes)
    state.pointee.out.trailers = trailers
    state.pointee.out.isComplete = true
    waitingBytes += state.pointee.out.count
    var reader = Self.bodyReader
    _ = headers.withNameValues { nghttp2_submit_response(raw, state.pointee.id, $0, $1, &reader) }
  }

  /// Opens a stream; the body follows by `append` and `finish`.
  ///
  /// - Throws: `.failed` when the session can open none.
  public func request(headers: FieldBlock) throws(SessionError) -> StreamHandle {
    var reader = Self.bodyReader
    let stream = streams.insert(Stream(id: 0))
    let id = headers.withNameValues {
      nghttp2_submit_request(raw, nil, $0, $1, &reader, stream.bits)
    }
    guard id > 0 else {
      if streams.remove(stream) != nil { streams.reuse(stream) }
      throw .failed(describe(id))
    }
    streams[stream]?.pointee.id = id
    return stream
  }

  /// Adds to the body: `headCount` bytes of `head`, the lowest first, then `bytes`.
  public func append(
    _ stream: StreamHandle, head: UInt64 = 0, headCount: Int = 0, _ bytes: [UInt8]
  ) {
    guard let state = streams[stream] else { return }
    let before = state.pointee.out.count
    state.pointee.out.append(head: head, headCount: headCount, bytes)
    waitingBytes += state.pointee.out.count - before
    resume(state)
  }

  /// Ends the body, with trailers or without.
  public func finish(_ stream: StreamHandle, trailers: FieldBlock? = nil) {
    guard let state = streams[stream] else { return }
    state.pointee.out.trailers = trailers
    state.pointee.out.isComplete = true
    resume(state)
  }

  private func resume(_ stream: UnsafeMutablePointer<Stream>) {
    guard stream.pointee.out.isDeferred else { return }
    stream.pointee.out.isDeferred = false
    nghttp2_session_resume_data(raw, stream.pointee.id)
  }

  /// Ends the stream at once. Its state goes when the reset has been sent.
  public func reset(_ stream: StreamHandle, _ code: ErrorCode) {
    guard let id = streams[stream]?.pointee.id else { return }
    nghttp2_submit_rst_stream(raw, Self.none, id, code.rawValue)
  }

  /// Bytes that wait to be sent on the stream.
  public func pendingBytes(_ stream: StreamHandle) -> Int {
    streams[stream]?.pointee.out.count ?? 0
  }

  /// Asks for `streamDrained` once little waits on the stream.
  public func tellWhenDrained(_ stream: StreamHandle) {
    streams[stream]?.pointee.out.tellsWhenDrained = true
  }

  /// Says that received bytes take no room any more: the peer may send as many again on this
  /// stream. The connection's own window opens by itself.
  public func consume(_ stream: StreamHandle, _ count: Int) {
    guard count > 0, let state = streams[stream], !state.pointee.receivedEnd else { return }
    nghttp2_session_consume_stream(raw, state.pointee.id, count)
  }

  /// Asks the peer for a sign of life.
  ///
  /// - Parameter tag: comes back with the answer.
  public func ping(tag: UInt64 = 0) {
    withUnsafeBytes(of: tag) { bytes in
      _ = nghttp2_submit_ping(
        raw, Self.none, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
  }

  /// First step of a drain: warns the peer, and still takes what is under way.
  public func announceShutdown() {
    nghttp2_submit_shutdown_notice(raw)
  }

  /// Second step: streams opened so far are finished, later ones were not looked at.
  public func stopAccepting() {
    nghttp2_submit_goaway(
      raw, Self.none, nghttp2_session_get_last_proc_stream_id(raw), ErrorCode.noError.rawValue,
      nil, 0)
  }

  /// Ends the session; nothing more is read.
  public func terminate(_ code: ErrorCode) {
    nghttp2_session_terminate_session(raw, code.rawValue)
  }

  /// Forgets every stream after the connection was lost, and notes that each closed.
  public func abandonStreams() {
    for stream in streams.handles {
      guard let state = streams.remove(stream) else { continue }
      waitingBytes -= state.out.count
      nghttp2_session_set_stream_user_data(raw, state.id, nil)
      let unprocessed = settings.role == .client && !state.sentHeaders
      turn.events.append(.closed(stream, .connectionLost, unprocessed: unprocessed))
    }
  }
}
