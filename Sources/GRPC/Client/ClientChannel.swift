public import NIOCore
import NIOPosix
public import Protobuf
import Synchronization

/// A way to one server or to several that do the same. Connects with the first call and again
/// whenever a connection is lost; calls wait for it until their deadline. Many calls share a
/// connection.
///
/// A call that the server certainly did not look at is sent again; what else is retried, the
/// settings say.
public final class ClientChannel: RPCChannel {
  /// What the channel counts.
  public let metrics: ChannelMetrics

  let core: ChannelCore
  private let settings: ChannelSettings
  private let plans: MethodPlans

  /// A channel to one server that has not connected yet.
  ///
  /// - Parameters:
  ///   - host: an address or a name.
  ///   - tls: TLS; with a trust domain it needs `expectedPeer`, without one the server's
  ///     certificate must name the host.
  ///   - expectedPeer: the service name that the server's certificate must bear, such as
  ///     `identity`. Without TLS nobody checks it.
  ///   - eventLoopGroup: whose thread does the work; those of the process unless said otherwise.
  /// - Throws: when the certificate cannot be read, or TLS lacks the name of the peer.
  public convenience init(
    host: String, port: Int, tls: TLSSettings? = nil, expectedPeer: String? = nil,
    settings: ChannelSettings = ChannelSettings(),
    eventLoopGroup: (any EventLoopGroup)? = nil
  ) throws {
    try self.init(
      [ChannelTarget(host: host, port: port)], policy: .pickFirst, tls: tls,
      expectedPeer: expectedPeer, settings: settings, eventLoopGroup: eventLoopGroup)
  }

  /// A channel to servers that do the same. It has not connected yet.
  ///
  /// - Parameters:
  ///   - targets: where they are: `host:port`, `dns:///name:port`, `ipv4:address:port`,
  ///     `ipv6:[address]:port`. A name stands for every address it has.
  ///   - policy: how the channel chooses among them.
  ///   - tls, expectedPeer, eventLoopGroup: as for one server.
  /// - Throws: INVALID_ARGUMENT for what is no target; when the certificate cannot be read, or TLS
  ///   lacks the name of the peer.
  public convenience init(
    targets: [String], policy: BalancingPolicy = .pickFirst, tls: TLSSettings? = nil,
    expectedPeer: String? = nil, settings: ChannelSettings = ChannelSettings(),
    eventLoopGroup: (any EventLoopGroup)? = nil
  ) throws {
    try self.init(
      try targets.flatMap(ChannelTarget.parse), policy: policy, tls: tls,
      expectedPeer: expectedPeer, settings: settings, eventLoopGroup: eventLoopGroup)
  }

  init(
    _ targets: [ChannelTarget], policy: BalancingPolicy, tls: TLSSettings?, expectedPeer: String?,
    settings: ChannelSettings, eventLoopGroup: (any EventLoopGroup)?,
    lookUp: @escaping Resolver.LookUp = Resolver.system
  ) throws {
    guard !targets.isEmpty else {
      throw RPCError(.invalidArgument, "a channel must lead somewhere")
    }
    self.settings = settings
    plans = MethodPlans(settings.methods)
    core = ChannelCore(
      loop: (eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton).next(), targets: targets,
      policy: policy, settings: settings,
      security: try tls.map {
        try ChannelSecurity($0, expectedPeer: expectedPeer, serverName: settings.serverName)
      }, lookUp: lookUp)
    metrics = core.metrics
  }

  deinit {
    let core = core
    core.loop.execute {
      core.close(OneShot<Void>())
      core.closeNow()
    }
  }

  /// See `RPCChannel`.
  public func unary(
    path: String, request: [UInt8], options: CallOptions
  ) async throws -> RPCResponse {
    let config = plans.config(of: path)
    let deadline = try Self.admit(options, deadline(options, config))
    let result = OneShot<RPCResponse>()
    let call = ClientCall(
      path: path, options: options, deadline: deadline,
      kind: .unary(request: try options.compression.pack(request), result: result),
      settings: settings, config: config, metrics: metrics)
    onLoop { $0.begin(call) }
    return try await withTaskCancellationHandler {
      try await result.take()
    } onCancel: {
      onLoop { $0.cancel(call) }
    }
  }

  /// See `RPCChannel`. Without a deadline in the options or the method's settings the stream may
  /// last for ever.
  public func stream(path: String, options: CallOptions) async throws -> RPCStream {
    let config = plans.config(of: path)
    let isTimed = options.timeout != nil || options.deadline != nil || config?.timeout != nil
    let deadline = try Self.admit(
      options, isTimed ? deadline(options, config) : .distantFuture)
    let opened = OneShot<Void>()
    let core = core
    let box = CallBox(quantum: max(1, Int(settings.streamWindow) / 4))
    let queue = MessageQueue(
      inflatedMax: settings.responseBytesMax,
      onExcess: { [metrics] in metrics.reached(ClientBound.responseBytes) }
    ) { count in
      guard box.note(count) else { return }
      if core.loop.inEventLoop { box.report() } else { core.loop.execute { box.report() } }
    }
    let answer = StreamAnswer()
    let call = ClientCall(
      path: path, options: options, deadline: deadline,
      kind: .stream(opened: opened, queue: queue, answer: answer), settings: settings,
      config: config, metrics: metrics)
    call.outbox = Outbox(limit: settings.retryBytesMax)
    onLoop {
      box.call = call
      $0.begin(call)
    }
    try await withTaskCancellationHandler {
      try await opened.take()
    } onCancel: {
      onLoop { $0.cancel(call) }
    }
    return handle(call, queue, answer)
  }

  private func handle(
    _ call: ClientCall, _ queue: MessageQueue, _ answer: StreamAnswer
  ) -> RPCStream {
    let core = core
    let cancel: @Sendable () -> Void = { core.loop.execute { core.cancel(call) } }
    /// A task that is cancelled takes its call along.
    @Sendable func guarded<Value>(_ body: () async throws -> Value) async throws -> Value {
      do {
        return try await body()
      } catch {
        if Task.isCancelled { cancel() }
        throw error
      }
    }
    var stream = RPCStream(
      send: { bytes, compressed in
        let isPacked = compressed && call.compression != .identity
        let message = Outbox.Message(
          bytes: isPacked ? try call.compression.pack(bytes) : bytes, isPacked: isPacked)
        let room = OneShot<Void>()
        core.loop.execute { core.send(call, message, room) }
        try await withTaskCancellationHandler {
          try await room.take()
        } onCancel: {
          if room.give(.failure(RPCError(.cancelled, "the sender was cancelled"))) { cancel() }
        }
      },
      finish: { core.loop.execute { core.endSending(call) } },
      next: { try await guarded { try await queue.next() } },
      cancel: cancel,
      headers: { try await guarded { try await answer.headers() } },
      trailers: { answer.trailers })
    stream.decoding = settings.decoding
    stream.noteUnreadable = { [metrics] in metrics.unreadable($0) }
    return stream
  }

  /// See `RPCChannel`.
  public var decoding: DecodingLimits { settings.decoding }

  /// See `RPCChannel`.
  public func noteUnreadable(_ error: DecodeError) { metrics.unreadable(error) }

  /// Takes no new calls, finishes those open within the grace, and closes.
  public func close(grace: Duration = .seconds(5)) async {
    let closed = OneShot<Void>()
    onLoop { $0.close(closed) }
    let core = core
    let timer = core.loop.scheduleTask(in: grace.timeAmount) { core.closeNow() }
    try? await closed.take()
    timer.cancel()
  }

  private func onLoop(_ body: @escaping @Sendable (ChannelCore) -> Void) {
    let core = core
    if core.loop.inEventLoop { body(core) } else { core.loop.execute { body(core) } }
  }

  private func deadline(_ options: CallOptions, _ config: MethodConfig?) -> Deadline {
    guard let longest = config?.timeout else {
      return options.deadline(orAfter: settings.defaultDeadline)
    }
    return min(.after(longest), options.deadline(orAfter: longest))
  }

  private static func admit(_ options: CallOptions, _ deadline: Deadline) throws -> Deadline {
    let left = deadline.remaining
    guard left > .zero, left >= options.leastRemaining else {
      throw RPCError(.deadlineExceeded, "no time was left to make the call")
    }
    return deadline
  }

  /// Tells a call how much of its answer was taken: not of each message, for that would cost a turn
  /// of the loop each time, but of a good part of its window.
  ///
  /// Safety: `call` is written and read on the channel's event loop only.
  private final class CallBox: @unchecked Sendable {
    weak var call: ClientCall?
    private let taken = Atomic(0)
    private let quantum: Int

    init(quantum: Int) { self.quantum = quantum }

    /// True when it is time to report.
    func note(_ count: Int) -> Bool {
      let (before, after) = taken.wrappingAdd(count, ordering: .relaxed)
      return before < quantum && after >= quantum
    }

    func report() {
      let count = taken.exchange(0, ordering: .relaxed)
      if let call { call.connection?.taken(call, count) }
    }
  }
}
