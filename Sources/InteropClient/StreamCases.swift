import GRPC
import InteropAPI

/// Cases of calls with streams of messages.
struct StreamCases {
  /// What is asked for and what is sent, in the order of gRPC's description.
  private static let answers = [31_415, 9, 2_653, 58_979]
  private static let requests = [27_182, 8, 1_828, 45_904]

  let channel: any RPCChannel
  /// Whether the server can see how a request came.
  let probes: Bool

  private var service: TestServiceClient { TestServiceClient(channel) }

  func client() async throws {
    let call = try await service.streamingInputCall()
    for size in Self.requests {
      try await call.requests.write(StreamingInputCallRequest(payload: zeros(size)))
    }
    await call.requests.finish()
    try equal(try await call.response().aggregatedPayloadSize, 74_922, "the sum of all payloads")
  }

  func clientCompressed() async throws {
    let compressed = StreamingInputCallRequest(
      payload: zeros(27_182), expectCompressed: BoolValue(value: true))
    if probes {
      try await refused(.invalidArgument) {
        let call = try await service.streamingInputCall()
        try await call.requests.write(compressed)
        await call.requests.finish()
        _ = try await call.response()
      }
    }
    var options = CallOptions()
    options.compression = .gzip
    let call = try await service.streamingInputCall(options: options)
    try await call.requests.write(compressed)
    let plain = StreamingInputCallRequest(
      payload: zeros(45_904), expectCompressed: BoolValue(value: false))
    try await call.requests.write(plain, compressed: false)
    await call.requests.finish()
    try equal(try await call.response().aggregatedPayloadSize, 73_086, "the sum of all payloads")
  }

  func server() async throws {
    let request = StreamingOutputCallRequest(
      responseParameters: Self.answers.map { ResponseParameters(size: Int32($0)) })
    var sizes: [Int] = []
    for try await answer in try await service.streamingOutputCall(request) {
      let size = answer.payload?.body.count ?? 0
      try check(answer.payload, zeros: size)
      sizes.append(size)
    }
    try equal(sizes, Self.answers, "the sizes of the answers")
  }

  func serverCompressed() async throws {
    let wanted = [(true, 31_415), (false, 92_653)]
    let request = StreamingOutputCallRequest(
      responseParameters: wanted.map {
        ResponseParameters(size: Int32($0.1), compressed: BoolValue(value: $0.0))
      })
    let answers = try await service.streamingOutputCall(request)
    for (compressed, size) in wanted {
      guard let received = try await answers.receive() else {
        throw CaseFailure(description: "an answer is missing")
      }
      try equal(received.wasCompressed, compressed, "whether an answer was compressed")
      try check(received.message.payload, zeros: size)
    }
    try equal(try await answers.next() == nil, true, "whether that was all")
  }

  func pingPong() async throws {
    let call = try await service.fullDuplexCall()
    for (size, answer) in zip(Self.requests, Self.answers) {
      try await call.requests.write(
        StreamingOutputCallRequest(
          responseParameters: [ResponseParameters(size: Int32(answer))], payload: zeros(size)))
      guard let received = try await call.responses.next() else {
        throw CaseFailure(description: "an answer is missing")
      }
      try check(received.payload, zeros: answer)
    }
    await call.requests.finish()
    try equal(try await call.responses.next() == nil, true, "whether that was all")
  }

  func empty() async throws {
    let call = try await service.fullDuplexCall()
    await call.requests.finish()
    try equal(try await call.responses.next() == nil, true, "whether there were no answers")
  }
}
