public import NIOCore
import NIOPosix
import NIOSSL

/// A way to one server. Connects with the first call and again whenever the connection is lost;
/// calls wait for it until their deadline. Many calls share the connection.
///
/// A call that the server certainly did not look at is sent again; nothing else is retried.
public final class ClientChannel: RPCChannel {
  private let core: ChannelCore
  private let settings: ChannelSettings

  /// A channel that has not connected yet.
  ///
  /// - Parameters:
  ///   - host: an address or a name.
  ///   - tls: mutual TLS; needs `expectedPeer`.
  ///   - expectedPeer: the service name that the server's certificate must bear, such as
  ///     `identity`. Without TLS nobody checks it.
  ///   - eventLoopGroup: whose thread does the work; those of the process unless said otherwise.
  /// - Throws: when the certificate cannot be read, or TLS lacks the name of the peer.
  public init(
    host: String, port: Int, tls: TLSSettings? = nil, expectedPeer: String? = nil,
    settings: ChannelSettings = ChannelSettings(),
    eventLoopGroup: (any EventLoopGroup)? = nil
  ) throws {
    if tls != nil, expectedPeer == nil {
      throw RPCError(.invalidArgument, "a channel over TLS must know the name of its peer")
    }
    self.settings = settings
    core = ChannelCore(
      loop: (eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton).next(),
      target: ChannelTarget(
        host: host, port: port, peerName: expectedPeer ?? "",
        trustDomain: tls?.trustDomain ?? ""),
      settings: settings, security: try tls?.context(server: false))
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
    let deadline = try Self.admit(options, options.deadline(orAfter: settings.defaultDeadline))
    let result = OneShot<RPCResponse>()
    let call = ClientCall(
      path: path, metadata: options.metadata, deadline: deadline,
      kind: .unary(request: request, result: result),
      responseBytesMax: settings.responseBytesMax)
    onLoop { $0.submit(call) }
    return try await withTaskCancellationHandler {
      try await result.take()
    } onCancel: {
      onLoop { $0.cancel(call) }
    }
  }

  /// See `RPCChannel`. Without a deadline in the options the stream may last for ever.
  public func stream(path: String, options: CallOptions) async throws -> RPCStream {
    let isTimed = options.timeout != nil || options.deadline != nil
    let deadline = try Self.admit(
      options, isTimed ? options.deadline(orAfter: .zero) : .distantFuture)
    let opened = OneShot<Void>()
    let core = core
    let box = CallBox()
    let queue = MessageQueue { count in
      core.loop.execute {
        if let call = box.call { core.connection(of: call)?.taken(call, count) }
      }
    }
    let call = ClientCall(
      path: path, metadata: options.metadata, deadline: deadline,
      kind: .stream(opened: opened, queue: queue), responseBytesMax: settings.responseBytesMax)
    onLoop {
      box.call = call
      $0.submit(call)
    }
    try await withTaskCancellationHandler {
      try await opened.take()
    } onCancel: {
      onLoop { $0.cancel(call) }
    }
    return handle(call, queue)
  }

  private func handle(_ call: ClientCall, _ queue: MessageQueue) -> RPCStream {
    let core = core
    return RPCStream(
      send: { message, _ in
        let room = OneShot<Void>()
        core.loop.execute {
          if let connection = core.connection(of: call) {
            connection.send(call, message, room)
          } else {
            room.give(.failure(RPCError(.cancelled, "the call has ended")))
          }
        }
        try await withTaskCancellationHandler {
          try await room.take()
        } onCancel: {
          room.give(.failure(RPCError(.cancelled, "the sender was cancelled")))
        }
      },
      finish: { core.loop.execute { core.connection(of: call)?.endSending(call) } },
      next: { try await queue.next() },
      cancel: { core.loop.execute { core.cancel(call) } })
  }

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

  private static func admit(_ options: CallOptions, _ deadline: Deadline) throws -> Deadline {
    let left = deadline.remaining
    guard left > .zero, left >= options.leastRemaining else {
      throw RPCError(.deadlineExceeded, "no time was left to make the call")
    }
    return deadline
  }

  /// Safety: written and read on the channel's event loop only.
  private final class CallBox: @unchecked Sendable {
    weak var call: ClientCall?
  }
}
