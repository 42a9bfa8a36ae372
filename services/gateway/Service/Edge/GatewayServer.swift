import GRPC
import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import ServiceKit
public import ServiceLifecycle

/// Carries HTTP/1.1 between the network and the gateway.
public struct GatewayServer: ServiceLifecycle.Service {
  private let gateway: Gateway
  private let logger: Logger
  private let onRunning: @Sendable (Int) async -> Void

  /// - Parameter onRunning: called with the port once it listens.
  public init(
    _ gateway: Gateway, logger: Logger,
    onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
  ) {
    self.gateway = gateway
    self.logger = logger
    self.onRunning = onRunning
  }

  /// Serves until the process is asked to stop; then answers what was begun.
  public func run() async throws {
    let settings = gateway.settings
    let watch = gateway.watch
    let bounds = gateway.bounds
    let responder = EdgeResponder(
      gateway: gateway, watch: watch, bodyTimeout: settings.bodyTimeout)
    let channels = HTTP1Channel.Configuration(
      additionalChannelHandlers: [
        ConnectionWatchHandler(watch, bounds), ConnectionTimes(settings, bounds),
      ],
      // The gateway itself refuses what is too much, and says why. Reading stops at twice that.
      httpDecoderConfiguration: .init(
        maxHeaderFieldSize: settings.headerBytesMax * 2,
        maxHeaderListSize: settings.headerBytesMax * 2,
        maxHeaderFieldCount: settings.headerFieldsMax * 2))
    let application = Application(
      responder: responder,
      server: HTTPServerBuilder { responder in
        HeldHTTP1Channel(base: HTTP1Channel(responder: responder, configuration: channels))
      },
      configuration: ApplicationConfiguration(
        address: .hostname(settings.host, port: settings.port), serverName: nil, backlog: 1_024),
      onServerRunning: { channel in
        try? await channel.eventLoop.submit {
          try channel.pipeline.syncOperations.addHandler(
            AcceptRest(keeping: settings.descriptorsKept) { bounds.add(.descriptors) },
            position: .first)
        }.get()
        let port = channel.localAddress?.port ?? settings.port
        logger.notice("listening", metadata: ["host": "\(settings.host)", "port": "\(port)"])
        await onRunning(port)
      },
      logger: logger)
    try await application.run()
  }
}

/// Where a request came from.
struct EdgeContext: InitializableFromSource, Sendable {
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    channel = source.channel
  }
}

/// Hands requests to the gateway, and its answers back.
struct EdgeResponder: HTTPResponder {
  let gateway: Gateway
  let watch: ConnectionWatch
  let bodyTimeout: Duration

  /// How long a client may go on sending a body that nobody reads.
  private static let linger = TimeAmount.seconds(1)
  /// Bytes of an answer that are written at once.
  private static let pieceBytes = 64 << 10

  func respond(to request: Request, context: EdgeContext) async throws -> Response {
    let edge = Self.edge(request, context, bodyTimeout: bodyTimeout)
    let work = Task { await gateway.respond(to: edge) }
    let stopWaiting = watch.whenGone(context.channel) { work.cancel() }
    defer { stopWaiting() }
    let answer = await withTaskCancellationHandler {
      await work.value
    } onCancel: {
      work.cancel()
    }
    if answer.endsConnection {
      let channel = context.channel
      channel.eventLoop.scheduleTask(in: Self.linger) { channel.close(promise: nil) }
    }
    return Self.response(answer)
  }

  private static func edge(
    _ request: Request, _ context: EdgeContext, bodyTimeout: Duration
  ) -> EdgeRequest {
    let target = request.head.path ?? "/"
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var headers = request.headers.map {
      EdgeRequest.Header($0.name.canonicalName, $0.value)
    }
    if let authority = request.head.authority { headers.append(.init("host", authority)) }
    let body = request.body
    return EdgeRequest(
      method: request.method.rawValue, path: parts.first.map(String.init) ?? "/",
      query: parts.count == 2 ? String(parts[1]) : "", headers: headers,
      peerAddress: context.channel.remoteAddress?.ipAddress ?? "unknown"
    ) { bytesMax in
      try await read(body, bytesMax: bytesMax, within: bodyTimeout)
    }
  }

  /// The whole body, unless it is too large or too slow.
  private static func read(
    _ body: RequestBody, bytesMax: Int, within timeout: Duration
  ) async throws -> [UInt8] {
    try await withThrowingTaskGroup(of: [UInt8].self) { group in
      group.addTask {
        var bytes: [UInt8] = []
        do {
          for try await chunk in body {
            guard bytes.count + chunk.readableBytes <= bytesMax else {
              throw BodyRefusal.tooLarge
            }
            bytes.append(contentsOf: chunk.readableBytesView)
          }
        } catch let refusal as BodyRefusal {
          throw refusal
        } catch {
          throw BodyRefusal.lost
        }
        return bytes
      }
      group.addTask {
        try await Task.sleep(for: timeout)
        throw BodyRefusal.tooSlow
      }
      defer { group.cancelAll() }
      return try await group.next() ?? []
    }
  }

  private static func response(_ answer: EdgeResponse) -> Response {
    var headers = HTTPFields()
    for header in answer.headers {
      guard let name = HTTPField.Name(header.name) else { continue }
      headers.append(HTTPField(name: name, value: header.value))
    }
    if answer.endsConnection { headers[.connection] = "close" }
    return Response(
      status: HTTPResponse.Status(code: answer.status), headers: headers, body: body(answer.body))
  }

  /// In pieces, so that a client who takes them slowly can be told from one who takes none.
  private static func body(_ bytes: [UInt8]) -> ResponseBody {
    guard bytes.count > pieceBytes else {
      return ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
    }
    return ResponseBody(contentLength: bytes.count) { writer in
      for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
        try await writer.write(ByteBuffer(bytes: bytes[start...].prefix(pieceBytes)))
      }
      try await writer.finish(nil)
    }
  }
}
