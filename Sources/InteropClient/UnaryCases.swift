import GRPC
import InteropAPI

/// Cases of calls with one request and one answer.
struct UnaryCases {
  static let requestSize = 271_828
  static let responseSize = 314_159

  let channel: any RPCChannel
  /// Whether the server can see how a request came.
  let probes: Bool

  static var largeRequest: SimpleRequest {
    SimpleRequest(responseSize: Int32(responseSize), payload: zeros(requestSize))
  }

  func empty() async throws {
    let answered = try await unary(
      channel, TestServiceMethods.emptyCall, Empty(), as: Empty.self)
    try equal(answered.beside.message.count, 0, "bytes of the answer")
  }

  func large() async throws {
    let answer = try await TestServiceClient(channel).unaryCall(Self.largeRequest)
    try check(answer.payload, zeros: Self.responseSize)
  }

  func clientCompressed() async throws {
    let client = TestServiceClient(channel)
    var request = Self.largeRequest
    request.expectCompressed = BoolValue(value: true)
    if probes {
      try await refused(.invalidArgument) { _ = try await client.unaryCall(request) }
    }
    var options = CallOptions()
    options.compression = .gzip
    let first = try await client.unaryCall(request, options: options)
    try check(first.payload, zeros: Self.responseSize)
    request.expectCompressed = BoolValue(value: false)
    let second = try await client.unaryCall(request)
    try check(second.payload, zeros: Self.responseSize)
  }

  func serverCompressed() async throws {
    for compressed in [true, false] {
      var request = Self.largeRequest
      request.responseCompressed = BoolValue(value: compressed)
      let answered = try await unary(
        channel, TestServiceMethods.unaryCall, request, as: SimpleResponse.self)
      try equal(answered.beside.wasCompressed, compressed, "whether the answer was compressed")
      try check(answered.answer.payload, zeros: Self.responseSize)
    }
  }

  // MARK: Servers that break HTTP/2 on purpose

  /// The server sends GOAWAY after its first answer: the second call goes to a new connection.
  func goAway() async throws {
    try await large()
    try await Task.sleep(for: .seconds(1))
    try await large()
  }

  /// The server allows fewer streams than there are calls.
  func maxStreams() async throws {
    try await large()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<15 { group.addTask { try await large() } }
      try await group.waitForAll()
    }
  }

  /// The server resets the stream: the call fails, with whatever code.
  func failing() async throws {
    do {
      try await large()
    } catch is RPCError {
      return
    }
    throw CaseFailure(description: "the call was answered")
  }
}
