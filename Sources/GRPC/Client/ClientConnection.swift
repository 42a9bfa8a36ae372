import HTTP2
import NIOCore
import NIOSSL
import NIOTLS

/// The calls on one connection of a channel.
///
/// Safety: every property is touched on the channel's event loop only.
final class ClientConnection: ConnectionDelegate, @unchecked Sendable {
  let session: Session
  let settings: ChannelSettings
  var connection: Connection?
  var tls: NIOSSLClientHandler?
  /// By the index of the stream's handle.
  private var calls: [ClientCall?] = []
  private(set) var openCalls = 0
  /// True from the server's first SETTINGS to its GOAWAY.
  private(set) var takesCalls = false
  private var isRefused = false
  private var pingedAt: Int64?
  private let authority: String
  private let peer: (name: String, trustDomain: String)?
  /// Both refer to each other until the connection is lost.
  private let owner: ChannelCore

  init(
    _ owner: ChannelCore, authority: String, settings: ChannelSettings,
    peer: (name: String, trustDomain: String)?
  ) throws(SessionError) {
    self.owner = owner
    self.authority = authority
    self.settings = settings
    self.peer = peer
    var session = SessionSettings(role: .client)
    session.headerListBytesMax = settings.headerListBytesMax
    session.streamWindow = settings.streamWindow
    session.connectionWindow = settings.connectionWindow
    self.session = try Session(session)
  }

  /// True when another call may be opened.
  var hasRoom: Bool {
    takesCalls && connection?.isLost == false
      && openCalls < min(session.peerStreamsMax, settings.streamsMax)
  }

  private func call(_ stream: StreamHandle) -> ClientCall? {
    guard stream.index < calls.count, let call = calls[stream.index], call.stream == stream else {
      return nil
    }
    return call
  }

  func carries(_ call: ClientCall) -> Bool {
    call.stream.map { self.call($0) === call } ?? false
  }

  // MARK: Commands

  func start(_ call: ClientCall) {
    let stream: StreamHandle
    do {
      stream = try session.request(
        headers: call.requestFields(
          authority: authority, scheme: peer == nil ? "http" : "https"))
    } catch {
      return call.fail(RPCError(.unavailable, "no call can be opened: \(error)"))
    }
    while calls.count <= stream.index { calls.append(nil) }
    calls[stream.index] = call
    call.stream = stream
    openCalls += 1
    switch call.kind {
    case .unary(let request, _):
      session.append(stream, head: MessageAssembler.head(of: request), headCount: 5, request)
      session.finish(stream)
    case .stream(let opened, _):
      opened.give(.success(()))
    }
    connection?.flushSoon()
  }

  /// Gives a call up and tells the server.
  func abandon(_ call: ClientCall, _ error: RPCError) {
    call.fail(error)
    guard let stream = call.stream, self.call(stream) === call else { return }
    session.reset(stream, .cancel)
    connection?.flushSoon()
  }

  func send(_ call: ClientCall, _ message: [UInt8], _ room: OneShot<Void>) {
    guard let stream = call.stream, self.call(stream) === call, !call.isEnded else {
      room.give(.failure(RPCError(.cancelled, "the call has ended")))
      return
    }
    session.append(stream, head: MessageAssembler.head(of: message), headCount: 5, message)
    if session.pendingBytes(stream) <= 64 << 10 {
      room.give(.success(()))
    } else {
      call.writer = room
      session.tellWhenDrained(stream)
    }
    connection?.flushSoon()
  }

  func endSending(_ call: ClientCall) {
    guard let stream = call.stream, self.call(stream) === call else { return }
    session.finish(stream)
    connection?.flushSoon()
  }

  func taken(_ call: ClientCall, _ count: Int) {
    call.untakenBytes -= min(count, call.untakenBytes)
    giveRoom(call)
  }

  /// As on the server's side: see `ServerConnection.giveRoom`.
  private func giveRoom(_ call: ClientCall) {
    guard let stream = call.stream, call.untakenBytes <= Int(settings.streamWindow) / 2 else {
      return
    }
    session.consume(stream, call.withheldBytes)
    call.withheldBytes = 0
    connection?.flushSoon()
  }

  /// Ends what is overdue. Returns the next moment that matters.
  func sweep(_ now: Int64) -> Int64 {
    var next = Int64.max
    for call in calls.lazy.compactMap({ $0 }) where !call.isEnded {
      if call.deadline.nanoseconds <= now {
        abandon(call, RPCError(.deadlineExceeded, "no answer of \(call.path) in time"))
      } else {
        next = min(next, call.deadline.nanoseconds)
      }
    }
    return min(next, keepAlive(now))
  }

  /// Makes sure that a server with calls of ours open is still there.
  private func keepAlive(_ now: Int64) -> Int64 {
    guard openCalls > 0, let connection else { return .max }
    let quietUntil =
      connection.lastReadAt &+ settings.keepaliveAfter.clampedNanoseconds
    if quietUntil > now {
      pingedAt = nil
      return quietUntil
    }
    let pinged = pingedAt ?? now
    if pingedAt == nil {
      pingedAt = now
      session.ping()
      connection.flushSoon()
    }
    let patience = pinged &+ settings.keepaliveTimeout.clampedNanoseconds
    if patience <= now {
      connection.close("the server does not answer")
      return .max
    }
    return patience
  }

  /// Takes no more calls and closes once those open have ended.
  func drain() {
    takesCalls = false
    session.stopAccepting()
    connection?.flushSoon()
  }

  // MARK: What the session tells

  func connectionOpened() {}

  func connectionStalled() {}

  func connectionEvent(_ event: Any) {
    guard let peer, case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent else { return }
    let name = tls?.peerCertificate.flatMap {
      PeerName.read($0, trustDomain: peer.trustDomain)
    }
    guard name != peer.name else { return }
    isRefused = true
    connection?.close("the server is \(name ?? "nobody we know"), not \(peer.name)")
  }

  func settingsArrived() {
    guard !takesCalls, !isRefused else { return }
    takesCalls = true
    owner.becameReady(self)
  }

  func goAwayArrived(_ code: ErrorCode) {
    takesCalls = false
    isRefused = true
    owner.isLeaving(self)
  }

  func pongArrived() {
    pingedAt = nil
  }

  func connectionClosed(_ reason: String?) {
    connection = nil
    tls = nil
    takesCalls = false
    owner.lost(self, reason)
  }

  func headersArrived(_ stream: StreamHandle, _ fields: ReceivedFields, end: Bool) {
    guard let call = call(stream), !call.isEnded else { return }
    let received = ResponseFields(fields)
    if call.headers == nil, !end {
      guard received.isGRPC, received.httpStatus == 200 else {
        // Interim answers carry nothing; whatever else is no gRPC says so by its status.
        if let status = received.httpStatus, status < 200 { return }
        call.httpStatus = received.httpStatus ?? 0
        return abandon(
          call, RPCError(ResponseFields.code(ofHTTP: call.httpStatus), "the peer speaks no gRPC"))
      }
      if let encoding = received.encoding, encoding != "identity" {
        return abandon(call, RPCError(.internalError, "the answer is encoded as \(encoding)"))
      }
      call.headers = received.metadata
      return
    }
    if end { call.finish(received) }
  }

  func dataArrived(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer, end: Bool) {
    guard let call = call(stream), !call.isEnded else {
      return session.consume(stream, bytes.count)
    }
    var complete: [ReceivedMessage] = []
    do throws(RPCError) {
      try call.assembler.add(bytes) {
        complete.append(ReceivedMessage(Array($0), wasCompressed: $1))
      }
    } catch {
      return abandon(call, error)
    }
    switch call.kind {
    case .unary:
      session.consume(stream, bytes.count)
      if complete.count + (call.message == nil ? 0 : 1) > 1 {
        return abandon(call, RPCError(.internalError, "more than one answer"))
      }
      call.message = complete.first?.bytes ?? call.message
    case .stream(_, let queue):
      call.withheldBytes += bytes.count
      for message in complete {
        call.untakenBytes += message.bytes.count &+ MessageQueue.messageCost
        queue.push(message)
      }
      giveRoom(call)
    }
    if end { call.fail(RPCError(.internalError, "the answer has no status")) }
  }

  func streamDrained(_ stream: StreamHandle) {
    guard let call = call(stream) else { return }
    call.writer?.give(.success(()))
    call.writer = nil
  }

  func streamClosed(_ stream: StreamHandle, _ code: ErrorCode, unprocessed: Bool) {
    guard let call = call(stream) else { return }
    calls[stream.index] = nil
    call.stream = nil
    openCalls -= 1
    if !call.isEnded {
      // What a call with streams has sent already is not kept, so it cannot go out again.
      if unprocessed, case .unary = call.kind {
        owner.again(call)
      } else {
        call.fail(Self.error(code))
      }
    }
    owner.roomOpened(self)
  }

  private static func error(_ code: ErrorCode) -> RPCError {
    switch code {
    case .connectionLost: RPCError(.unavailable, "the connection was lost")
    case .refusedStream: RPCError(.unavailable, "the server refused the call")
    case .cancel: RPCError(.cancelled, "the server gave the call up")
    case .enhanceYourCalm: RPCError(.resourceExhausted, "the server wants fewer calls")
    default: RPCError(.internalError, "the call was reset with HTTP/2 error \(code.rawValue)")
    }
  }
}
