import GRPC
import InteropAPI

/// `grpc.testing.TestService` as gRPC's description of its interoperability tests has it.
struct TestService: TestServiceProtocol {
  /// Bytes of the largest payload that is made for anybody.
  static let payloadMax = 4_000_000

  func emptyCall(_ request: Empty, in call: CallContext) async throws -> Empty {
    Empty()
  }

  func unaryCall(_ request: SimpleRequest, in call: CallContext) async throws -> SimpleResponse {
    try Self.check(request.expectCompressed, found: call.requestWasCompressed)
    if let status = request.responseStatus, let error = Self.error(status) { throw error }
    if request.responseCompressed?.value == true { call.setResponseCompression(.gzip) }
    return SimpleResponse(payload: try Self.payload(request.responseSize))
  }

  func cacheableUnaryCall(
    _ request: SimpleRequest, in call: CallContext
  ) async throws -> SimpleResponse {
    call.setHeader("max-age=60, public", for: "cache-control")
    let now = ContinuousClock.now - Self.start
    return SimpleResponse(payload: Payload(body: Array("\(now / .nanoseconds(1))".utf8)))
  }

  private static let start = ContinuousClock.now

  func streamingOutputCall(
    _ request: StreamingOutputCallRequest,
    to responses: MessageWriter<StreamingOutputCallResponse>, in call: CallContext
  ) async throws {
    if request.responseParameters.contains(where: { $0.compressed?.value == true }) {
      call.setResponseCompression(.gzip)
    }
    _ = try await Self.serve(request, to: responses)
  }

  func streamingInputCall(
    _ requests: MessageStream<StreamingInputCallRequest>, in call: CallContext
  ) async throws -> StreamingInputCallResponse {
    var sum = 0
    while let received = try await requests.receive() {
      try Self.check(received.message.expectCompressed, found: received.wasCompressed)
      sum += received.message.payload?.body.count ?? 0
    }
    return StreamingInputCallResponse(aggregatedPayloadSize: Int32(clamping: sum))
  }

  func fullDuplexCall(
    _ requests: MessageStream<StreamingOutputCallRequest>,
    to responses: MessageWriter<StreamingOutputCallResponse>, in call: CallContext
  ) async throws {
    // What later requests ask for is not known yet; each message says itself what it is.
    call.setResponseCompression(.gzip)
    for try await request in requests {
      guard try await Self.serve(request, to: responses) else { return }
    }
  }

  /// Requests that wait for their turn, at most.
  private static let keptMax = 1_000

  func halfDuplexCall(
    _ requests: MessageStream<StreamingOutputCallRequest>,
    to responses: MessageWriter<StreamingOutputCallResponse>, in call: CallContext
  ) async throws {
    var kept: [StreamingOutputCallRequest] = []
    for try await request in requests {
      guard kept.count < Self.keptMax else {
        throw RPCError(.resourceExhausted, "at most \(Self.keptMax) requests are kept")
      }
      var request = request
      request.payload = nil
      kept.append(request)
    }
    for request in kept {
      guard try await Self.serve(request, to: responses) else { return }
    }
  }

  func unimplementedCall(_ request: Empty, in call: CallContext) async throws -> Empty {
    throw RPCError(.unimplemented, "this method is here to be missing")
  }

  // MARK: Parts

  /// Answers as the request asks. Returns false when the call shall end well with it.
  private static func serve(
    _ request: StreamingOutputCallRequest,
    to responses: MessageWriter<StreamingOutputCallResponse>
  ) async throws -> Bool {
    if let status = request.responseStatus {
      if let error = error(status) { throw error }
      return false
    }
    for wanted in request.responseParameters {
      if wanted.intervalUs > 0 {
        try await Task.sleep(for: .microseconds(Int64(wanted.intervalUs)))
      }
      try await responses.write(
        StreamingOutputCallResponse(payload: payload(wanted.size)),
        compressed: wanted.compressed?.value == true)
    }
    return true
  }

  private static func payload(_ size: Int32) throws -> Payload {
    guard (0...payloadMax).contains(Int(size)) else {
      throw RPCError(.invalidArgument, "a payload has 0 to \(payloadMax) bytes")
    }
    return Payload(body: [UInt8](repeating: 0, count: Int(size)))
  }

  /// How the call shall end; nil for well.
  private static func error(_ status: EchoStatus) -> RPCError? {
    guard status.code != 0 else { return nil }
    return RPCError(StatusCode(rawValue: Int(status.code)) ?? .unknown, status.message)
  }

  private static func check(_ expected: BoolValue?, found: Bool) throws {
    guard let expected, expected.value != found else { return }
    throw RPCError(
      .invalidArgument,
      found ? "the request is compressed and should not be" : "the request is not compressed")
  }
}

/// Sends back the pairs that callers send for it, before and after the answer of whatever they call.
struct MetadataEcho: ServerInterceptor {
  private static let initial = "x-grpc-test-echo-initial"
  private static let trailing = "x-grpc-test-echo-trailing-bin"

  func intercept<Request, Response>(
    _ request: Request, in call: CallContext,
    next: @Sendable (Request, CallContext) async throws -> Response
  ) async throws -> Response {
    echo(call)
    return try await next(request, call)
  }

  func intercept(
    stream call: CallContext, next: @Sendable (CallContext) async throws -> Void
  ) async throws {
    echo(call)
    try await next(call)
  }

  private func echo(_ call: CallContext) {
    for text in call.metadata[string: Self.initial] { call.setHeader(text, for: Self.initial) }
    for bytes in call.metadata[binary: Self.trailing] {
      call.setTrailer(binary: bytes, for: Self.trailing)
    }
  }
}
