import Synchronization

// Calls with streams inside the process: bounded both ways as on the wire, a writer waits while its
// reader takes nothing.
extension InProcessChannel {
  /// See `RPCChannel`.
  public func stream(path: String, options: CallOptions) async throws -> RPCStream {
    let route = try route(path)
    guard case .stream(let body) = core.router.handlers[route].kind else {
      throw RPCError(.unimplemented, "\(path) is a unary call")
    }
    guard core.admit(route: route) else {
      throw RPCError(.resourceExhausted, reason: "OVERLOADED", "server is full")
    }
    let stream = InProcessStream(core, context(route, options, streaming: true))
    stream.start(core.interceptors(route: route), body)
    return RPCStream(
      send: { message, compressed in
        let isCompressed = compressed && options.compression != .identity
        try await stream.send(ReceivedMessage(message, wasCompressed: isCompressed))
      },
      finish: { stream.requests.finish(.success(())) },
      next: { try await stream.next() },
      cancel: { stream.end(RPCError(.cancelled, "the caller gave up")) },
      headers: { try await stream.headers() },
      trailers: { stream.trailers })
  }
}

/// One call with streams, from the server's side and the caller's.
private final class InProcessStream: Sendable {
  private struct State {
    var work: Task<Void, Never>?
    var timer: Task<Void, Never>?
    var isOver = false
    var failure: RPCError?
    var trailers = Metadata()
    var headers: Metadata?
    var headersWaiter: OneShot<Void>?
  }

  let requests = MessagePipe()
  private let answers = MessagePipe()
  private let core: ServerCore
  private let call: CallContext
  private let state = Mutex(State())

  init(_ core: ServerCore, _ call: CallContext) {
    self.core = core
    self.call = call
  }

  func start(_ interceptors: [any ServerInterceptor], _ body: @escaping MethodHandler.Stream) {
    let requests = RequestMessages(core: core) { try await self.requests.next() }
    let responses = ResponseWriter { message, compressed in
      try await self.answer(message, compressed)
    }
    let work = Task {
      do {
        try await through(interceptors[...], stream: self.call) { call in
          try await body(requests, responses, call)
        }
        self.over(nil)
      } catch {
        self.over(self.core.explain(error, self.call.method))
      }
      self.core.release()
    }
    let timer = Task {
      guard (try? await Task.sleep(for: self.call.deadline.remaining)) != nil else { return }
      self.end(RPCError(.deadlineExceeded, "the deadline has passed"))
    }
    let isOver = state.withLock { state in
      state.work = work
      state.timer = timer
      return state.isOver
    }
    if isOver { stop() }
  }

  // MARK: The handler's side

  private func answer(_ message: [UInt8], _ compressed: Bool) async throws {
    guard message.count <= core.settings.responseBytesMax else {
      throw RPCError(.resourceExhausted, "the answer is too large")
    }
    showHeaders()
    let isCompressed = compressed && call.said.compression != .identity
    try await answers.write(ReceivedMessage(message, wasCompressed: isCompressed))
  }

  private func showHeaders() {
    let waiter = state.withLock { state -> OneShot<Void>? in
      guard state.headers == nil else { return nil }
      state.headers = call.headers
      return state.headersWaiter
    }
    waiter?.give(.success(()))
  }

  /// The call is over, by its handler or from outside; only the first counts.
  private func over(_ error: RPCError?) {
    let told = error.map(InProcessChannel.told)
    let (isFirst, waiter) = state.withLock { state -> (Bool, OneShot<Void>?) in
      guard !state.isOver else { return (false, nil) }
      state.isOver = true
      state.failure = told
      state.trailers = call.trailers
      if error == nil, state.headers == nil { state.headers = call.headers }
      return (true, state.headersWaiter)
    }
    guard isFirst else { return }
    let end: Result<Void, RPCError> = told.map { .failure($0) } ?? .success(())
    waiter?.give(end.mapError { $0 })
    answers.finish(end)
    requests.finish(.failure(told ?? RPCError(.cancelled, "the call has ended")), dropping: true)
    state.withLock { $0.timer }?.cancel()
  }

  /// Ends the call before its handler did.
  func end(_ error: RPCError) {
    over(error)
    stop()
  }

  private func stop() {
    let (work, timer) = state.withLock { ($0.work, $0.timer) }
    work?.cancel()
    timer?.cancel()
  }

  // MARK: The caller's side

  func send(_ message: ReceivedMessage) async throws {
    guard message.bytes.count <= core.settings.requestBytesMax else {
      return end(RPCError(.resourceExhausted, "the request is too large"))
    }
    do {
      try await requests.write(message)
    } catch {
      if Task.isCancelled { end(RPCError(.cancelled, "the caller gave up")) }
      throw error
    }
  }

  func next() async throws -> ReceivedMessage? {
    do {
      return try await answers.next()
    } catch {
      if Task.isCancelled { end(RPCError(.cancelled, "the caller gave up")) }
      throw error
    }
  }

  func headers() async throws -> Metadata {
    let waiter = OneShot<Void>()
    let isThere = state.withLock { state in
      if state.headers == nil, !state.isOver { state.headersWaiter = waiter }
      return state.headers != nil || state.isOver
    }
    if !isThere {
      try await withTaskCancellationHandler {
        try await waiter.take()
      } onCancel: {
        self.end(RPCError(.cancelled, "the caller gave up"))
      }
    }
    let (headers, failure) = state.withLock { ($0.headers, $0.failure) }
    if headers == nil, let failure { throw failure }
    return headers ?? Metadata()
  }

  var trailers: Metadata { state.withLock { $0.trailers } }
}

/// Messages on their way between the two ends of a call. With too much unread the writer waits.
private final class MessagePipe: Sendable {
  /// What is unread and who waits for less of it.
  private final class Room: Sendable {
    private struct State {
      var unread = 0
      var isOver = false
      var writers: [OneShot<Void>] = []
    }

    private static let unreadMax = 64 << 10
    private let state = Mutex(State())

    /// Counts a message in. Returns what to wait for when there is too much already.
    func enter(_ count: Int) throws(RPCError) -> OneShot<Void>? {
      let (isOver, turn) = state.withLock { state -> (Bool, OneShot<Void>?) in
        guard !state.isOver else { return (true, nil) }
        state.unread += count
        guard state.unread > Self.unreadMax else { return (false, nil) }
        let turn = OneShot<Void>()
        state.writers.append(turn)
        return (false, turn)
      }
      if isOver { throw RPCError(.cancelled, "the call has ended") }
      return turn
    }

    func leave(_ count: Int) {
      let writers = state.withLock { state -> [OneShot<Void>] in
        state.unread -= count
        guard state.unread <= Self.unreadMax else { return [] }
        defer { state.writers = [] }
        return state.writers
      }
      for writer in writers { writer.give(.success(())) }
    }

    func close() {
      let writers = state.withLock { state in
        state.isOver = true
        defer { state.writers = [] }
        return state.writers
      }
      for writer in writers { writer.give(.failure(RPCError(.cancelled, "the call has ended"))) }
    }
  }

  private let room = Room()
  private let queue: MessageQueue

  init() {
    queue = MessageQueue(onTake: { [room] count in room.leave(count) })
  }

  func write(_ message: ReceivedMessage) async throws {
    let turn = try room.enter(message.bytes.count + MessageQueue.messageCost)
    queue.push(message)
    guard let turn else { return }
    try await withTaskCancellationHandler {
      try await turn.take()
    } onCancel: {
      turn.give(.failure(RPCError(.cancelled, "the writer was cancelled")))
    }
  }

  func next() async throws -> ReceivedMessage? { try await queue.next() }

  func finish(_ end: Result<Void, RPCError>, dropping: Bool = false) {
    room.close()
    queue.finish(end, dropping: dropping)
  }
}
