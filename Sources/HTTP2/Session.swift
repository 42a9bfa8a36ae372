import CNGHTTP2

/// One end of an HTTP/2 connection, without the connection: bytes in, events out; commands in,
/// bytes out. Not thread-safe; its owner calls it from one thread.
///
/// The C library must not be entered from one of its own callbacks. So callbacks only note what
/// happened, in `turn`, and whoever drives the session acts on it after `receive` or `send`
/// returned.
public final class Session {
  struct Stream {
    var id: Int32
    var out = OutboundBody()
    var sentHeaders = false
    var receivedEnd = false
    var receivedHead = false
  }

  /// The bounds it was made with.
  public let settings: SessionSettings

  // Exclusivity of the state that every field and frame touches is not checked at run time: one
  // thread has it, and the C library, which is never entered twice, stands between the accesses.
  @exclusivity(unchecked) var raw: OpaquePointer?
  private let memory = SessionMemory()
  @exclusivity(unchecked) var turn = Turn()
  @exclusivity(unchecked) var streams = Slab<Stream>()
  @exclusivity(unchecked) var now: Int64 = 0
  /// True while the library runs; it must not be entered then.
  @exclusivity(unchecked) var isInLibrary = false
  /// Set when the peer went over a rate; the connection ends once the library has returned.
  @exclusivity(unchecked) var tooMuch: SessionBound?
  /// The peer gave up so many streams that it is to open no more.
  @exclusivity(unchecked) var wantsNoMore = false
  private var saidNoMore = false
  @exclusivity(unchecked) var unconsumedOnConnection = 0
  @exclusivity(unchecked) var waitingBytes = 0
  /// Bytes of bodies that have been sent, of all streams there ever were.
  @exclusivity(unchecked) public internal(set) var sentBytes = 0
  /// When the open block of headers began.
  @exclusivity(unchecked) var blockBeganAt: Int64 = 0
  /// What the open block of headers came to so far; only one can be open at a time.
  @exclusivity(unchecked) var blockBytes = 0
  @exclusivity(unchecked) var blockFields = 0
  /// The stream the open block of headers belongs to.
  @exclusivity(unchecked) var blockStream: Int32 = 0
  /// Streams whose answer has gone while the request has not ended.
  @exclusivity(unchecked) var answeredEarly: [StreamHandle] = []

  var resetsReceived: RateBucket
  /// Of any stream, four times as many; the library's own bound ends with the first GOAWAY.
  var resetsEndured: RateBucket
  @exclusivity(unchecked) var resetsSent: RateBucket
  @exclusivity(unchecked) var pings: RateBucket
  @exclusivity(unchecked) var settingsFrames: RateBucket
  @exclusivity(unchecked) var priorities: RateBucket
  @exclusivity(unchecked) var emptyData: RateBucket
  @exclusivity(unchecked) var cheapFrames: RateBucket

  /// A session whose first bytes, its SETTINGS, wait to be sent.
  public init(_ settings: SessionSettings) throws(SessionError) {
    self.settings = settings
    resetsReceived = RateBucket(settings.resetsReceived)
    resetsEndured = RateBucket(
      Rate(
        burst: settings.resetsReceived.burst &* Self.resetsFactor,
        perSecond: settings.resetsReceived.perSecond * Double(Self.resetsFactor)))
    resetsSent = RateBucket(settings.resetsSent)
    pings = RateBucket(settings.pings)
    settingsFrames = RateBucket(settings.settingsFrames)
    priorities = RateBucket(settings.priorities)
    emptyData = RateBucket(settings.emptyData)
    cheapFrames = RateBucket(settings.cheapFrames)
    raw = try Self.make(
      settings, memory: memory, owner: Unmanaged.passUnretained(self).toOpaque())
    try submitSettings()
  }

  deinit {
    nghttp2_session_del(raw)
  }

  private static func make(
    _ settings: SessionSettings, memory: SessionMemory, owner: UnsafeMutableRawPointer
  ) throws(SessionError) -> OpaquePointer? {
    var option: OpaquePointer?
    var callbacks: OpaquePointer?
    guard nghttp2_option_new(&option) == 0, nghttp2_session_callbacks_new(&callbacks) == 0 else {
      nghttp2_option_del(option)
      throw .failed("out of memory")
    }
    defer {
      nghttp2_option_del(option)
      nghttp2_session_callbacks_del(callbacks)
    }
    nghttp2_option_set_no_auto_window_update(option, 1)
    // A server remembers the streams that closed last: whoever goes on sending on them breaks a
    // rule, and has to be told.
    if settings.role == .client { nghttp2_option_set_no_closed_streams(option, 1) }
    // Where the library takes no more, in the middle of what is read; who reaches the bound itself
    // is asked to stop.
    nghttp2_option_set_stream_reset_rate_limit(
      option, UInt64(clamping: settings.resetsReceived.burst &* Self.resetsFactor),
      UInt64(clamping: Int64(min(settings.resetsReceived.perSecond, 1e9)))
        &* UInt64(Self.resetsFactor))
    // gRPC's own library sends messages of errors as they are, spaces at their ends included. In a
    // request they are malformed (RFC 9113, section 8.2.1).
    if settings.role == .client {
      nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1)
    }
    // What is larger would be dropped without a word; the layer above has a bound far below.
    nghttp2_option_set_max_send_header_block_length(option, 1 << 20)
    nghttp2_option_set_max_continuations(option, max(0, settings.continuationsMax))
    // Frames of types that nobody knows mean nothing; a server counts them all the same.
    if settings.role == .server {
      for type in UInt8(10)...255 { nghttp2_option_set_user_recv_extension_type(option, type) }
    }
    installCallbacks(callbacks)

    var session: OpaquePointer?
    var functions = memory.functions
    let made =
      settings.role == .server
      ? nghttp2_session_server_new3(&session, callbacks, owner, option, &functions)
      : nghttp2_session_client_new3(&session, callbacks, owner, option, &functions)
    memory.seal()
    guard made == 0 else { throw .failed(describe(made)) }
    return session
  }

  /// How far beyond the bound on resets the connection ends.
  private static let resetsFactor = 4

  private func submitSettings() throws(SessionError) {
    var entries = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
        value: UInt32(clamping: settings.streamWindow)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(clamping: settings.headerListBytesMax)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
        value: settings.streamsMax),
    ]
    if settings.role == .client {
      entries.append(
        nghttp2_settings_entry(
          settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0))
    }
    let result = nghttp2_submit_settings(
      raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), entries, entries.count)
    guard result == 0 else { throw .failed(describe(result)) }
    nghttp2_session_set_local_window_size(
      raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, settings.connectionWindow)
  }

  // MARK: Bytes in

  /// Reads what the peer sent. Afterwards, act on `drainEvents`.
  ///
  /// - Parameter now: nanoseconds on any monotonic clock.
  /// - Throws: `.broken` when the connection must be closed; what `send` still gives may be sent
  ///   before.
  public func receive(_ bytes: UnsafeRawBufferPointer, now: Int64) throws(SessionError) {
    self.now = now
    assert(!isInLibrary, "the C library was entered from one of its callbacks")
    isInLibrary = true
    let read = nghttp2_session_mem_recv(
      raw, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    isInLibrary = false
    guard read >= 0 else {
      if read == Int(NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue) { reached(.continuations) }
      throw .broken(describe(Int32(clamping: read)))
    }
    if nghttp2_session_get_outbound_queue_size(raw) > settings.outboundFramesMax {
      tooMuch = tooMuch ?? .outboundFrames
    }
    calmIfTooMuch()
    askForCalm()
  }

  /// Ends the connection of a peer that does too much of something. Returns true when there is
  /// something to send for it.
  @discardableResult
  private func calmIfTooMuch() -> Bool {
    guard let bound = tooMuch else { return false }
    tooMuch = nil
    reached(bound)
    guard nghttp2_session_want_read(raw) != 0 else { return false }
    // Once to say why, which the frame that ends a session cannot.
    sayCalm(bound)
    terminate(.enhanceYourCalm)
    return true
  }

  private func sayCalm(_ bound: SessionBound) {
    let told = Array(bound.told.utf8)
    nghttp2_submit_goaway(
      raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), nghttp2_session_get_last_proc_stream_id(raw),
      ErrorCode.enhanceYourCalm.rawValue, told, told.count)
  }

  /// Asks a peer that gave up many streams to open no more here; those it has are finished.
  private func askForCalm() {
    guard wantsNoMore, !saidNoMore, nghttp2_session_want_read(raw) != 0 else { return }
    saidNoMore = true
    reached(.resetsReceived)
    sayCalm(.resetsReceived)
  }

  func reached(_ bound: SessionBound) {
    turn.events.append(.reached(bound))
  }

  // MARK: Bytes out

  /// Hands out what is to be sent, piece by piece, up to about `limit` bytes. Afterwards, act on
  /// `drainEvents`.
  ///
  /// - Returns: true when there was nothing more that could be sent.
  public func send(
    limit: Int, now: Int64, _ write: (UnsafeRawBufferPointer) -> Void
  ) throws(SessionError) -> Bool {
    self.now = now
    assert(!isInLibrary, "the C library was entered from one of its callbacks")
    var sent = 0
    while sent < limit {
      var pointer: UnsafePointer<UInt8>?
      isInLibrary = true
      let count = nghttp2_session_mem_send(raw, &pointer)
      isInLibrary = false
      guard count >= 0 else { throw .broken(describe(Int32(clamping: count))) }
      guard count > 0, let pointer else {
        if dismissAnsweredEarly() || calmIfTooMuch() { continue }
        return true
      }
      write(UnsafeRawBufferPointer(start: pointer, count: count))
      sent &+= count
    }
    calmIfTooMuch()
    return false
  }

  /// Tells peers whose requests were answered before they ended that no more of them is wanted.
  private func dismissAnsweredEarly() -> Bool {
    guard !answeredEarly.isEmpty else { return false }
    for stream in answeredEarly where streams[stream]?.pointee.receivedEnd == false {
      reset(stream, .noError)
    }
    answeredEarly.removeAll()
    return true
  }

  /// False once nothing the peer could still send matters and nothing is left to send.
  public var isAlive: Bool {
    nghttp2_session_want_read(raw) != 0 || nghttp2_session_want_write(raw) != 0
  }

  /// Bytes of bodies that wait to be sent, of all streams.
  public var outboundBytes: Int { waitingBytes }

  /// Streams open on this session.
  public var openStreams: Int { streams.count }

  /// False once the peer or we have reset the stream, also before `streamClosed` says so.
  public func isOpen(_ stream: StreamHandle) -> Bool { streams[stream] != nil }

  /// When the block of headers began whose end has not come; nil between blocks.
  public var insideHeadersSince: Int64? { turn.openBlock == nil ? nil : blockBeganAt }

  /// Streams the peer allows us to have open.
  public var peerStreamsMax: Int {
    Int(nghttp2_session_get_remote_settings(raw, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
  }

  /// Gives back the memory of earlier turns.
  func rest() {
    memory.rest()
    if turn.events.isEmpty, turn.openBlock == nil { turn = Turn() }
  }

  // MARK: Events

  /// Hands every noted event to `receiver` in order.
  public func drainEvents(to receiver: some SessionEvents) {
    if unconsumedOnConnection > 0 {
      nghttp2_session_consume_connection(raw, unconsumedOnConnection)
      unconsumedOnConnection = 0
    }
    while !turn.events.isEmpty {
      var noted = Turn()
      swap(&noted, &turn)
      noted.bytes.withUnsafeBytes { bytes in
        noted.fields.withUnsafeBufferPointer { fields in
          for event in noted.events { deliver(event, fields, bytes, to: receiver) }
        }
      }
      noted.clear()
      // Whatever was noted meanwhile names no bytes: it came from sending or from the end.
      noted.events.append(contentsOf: turn.events)
      swap(&noted, &turn)
    }
  }

  private func deliver(
    _ event: Turn.Event, _ fields: UnsafeBufferPointer<Turn.Extent>,
    _ bytes: UnsafeRawBufferPointer, to receiver: some SessionEvents
  ) {
    switch event {
    case .headers(let stream, let range, let end):
      let extents = UnsafeBufferPointer(rebasing: fields[range])
      receiver.headersArrived(stream, ReceivedFields(bytes: bytes, extents: extents), end: end)
    case .data(let stream, let range, let end):
      receiver.dataArrived(stream, UnsafeRawBufferPointer(rebasing: bytes[range]), end: end)
    case .end(let stream):
      receiver.dataArrived(stream, UnsafeRawBufferPointer(start: nil, count: 0), end: true)
    case .drained(let stream):
      receiver.streamDrained(stream)
    case .closed(let stream, let code, let unprocessed):
      receiver.streamClosed(stream, code, unprocessed: unprocessed)
      streams.reuse(stream)
    case .goAway(let code, let told):
      receiver.goAwayArrived(code, told: told)
    case .settings:
      receiver.settingsArrived()
    case .pong(let tag):
      receiver.pongArrived(tag)
    case .reached(let bound):
      receiver.boundReached(bound)
    }
  }
}

/// Who acts on what a session noted.
public protocol SessionEvents {
  /// Headers, or trailers, are complete.
  func headersArrived(_ stream: StreamHandle, _ fields: ReceivedFields, end: Bool)
  /// Part of a body, or only its end. Call `consume` once the bytes take no room any more.
  func dataArrived(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer, end: Bool)
  /// What waited on the stream has been sent but for a little; asked for with `tellWhenDrained`.
  func streamDrained(_ stream: StreamHandle)
  /// The stream is gone; `unprocessed` when the peer certainly did nothing about it.
  func streamClosed(_ stream: StreamHandle, _ code: ErrorCode, unprocessed: Bool)
  /// The peer takes no new streams; `told` is how it explains itself.
  func goAwayArrived(_ code: ErrorCode, told: String)
  /// The peer's settings changed.
  func settingsArrived()
  /// A ping was answered; `tag` is the one it was sent with.
  func pongArrived(_ tag: UInt64)
  /// The peer reached a bound; what it costs the peer happens by itself.
  func boundReached(_ bound: SessionBound)
}

extension SessionEvents {
  /// Tells nobody.
  public func boundReached(_ bound: SessionBound) {}
}

func describe(_ code: Int32) -> String {
  nghttp2_strerror(code).map { String(cString: $0) } ?? "error \(code)"
}
