import GRPC
import InteropAPI

/// Cases of what rides beside messages, and of how calls end.
struct EndCases {
  private static let initialKey = "x-grpc-test-echo-initial"
  private static let initialValue = "test_initial_metadata_value"
  private static let trailingKey = "x-grpc-test-echo-trailing-bin"
  private static let trailingValue: [UInt8] = [0xab, 0xab, 0xab]

  let channel: any RPCChannel

  private var service: TestServiceClient { TestServiceClient(channel) }

  func customMetadata() async throws {
    var metadata = Metadata()
    metadata.append(Self.initialValue, for: Self.initialKey)
    metadata.append(binary: Self.trailingValue, for: Self.trailingKey)
    let options = CallOptions(metadata: metadata)
    let answered = try await unary(
      channel, TestServiceMethods.unaryCall, UnaryCases.largeRequest, as: SimpleResponse.self,
      options)
    try Self.checkEcho(answered.beside.headers, answered.beside.trailers)
    let call = try await service.fullDuplexCall(options: options)
    try await call.requests.write(
      StreamingOutputCallRequest(
        responseParameters: [ResponseParameters(size: Int32(UnaryCases.responseSize))],
        payload: zeros(UnaryCases.requestSize)))
    await call.requests.finish()
    while try await call.responses.next() != nil {}
    try Self.checkEcho(try await call.headers(), call.trailers)
  }

  private static func checkEcho(_ headers: Metadata, _ trailers: Metadata) throws {
    try equal(headers[string: initialKey], [initialValue], "the metadata before the answer")
    try equal(trailers[binary: trailingKey], [trailingValue], "the metadata after the answer")
  }

  func status(_ text: String) async throws {
    try await unaryStatus(text)
    let error = try await refused(.unknown) {
      let call = try await service.fullDuplexCall()
      try await call.requests.write(
        StreamingOutputCallRequest(responseStatus: EchoStatus(code: 2, message: text)))
      await call.requests.finish()
      while try await call.responses.next() != nil {}
    }
    try equal(error.message, text, "the text of the refusal of a stream")
  }

  func unaryStatus(_ text: String) async throws {
    let error = try await refused(.unknown) {
      _ = try await service.unaryCall(
        SimpleRequest(responseStatus: EchoStatus(code: 2, message: text)))
    }
    try equal(error.message, text, "the text of the refusal")
  }

  func unimplementedMethod() async throws {
    try await refused(.unimplemented) { _ = try await service.unimplementedCall(Empty()) }
  }

  func unimplementedService() async throws {
    try await refused(.unimplemented) {
      _ = try await UnimplementedServiceClient(channel).unimplementedCall(Empty())
    }
  }

  func cancelAfterBegin() async throws {
    try await refused(.cancelled) {
      let call = try await service.streamingInputCall()
      call.cancel()
      _ = try await call.response()
    }
  }

  func cancelAfterFirstResponse() async throws {
    try await refused(.cancelled) {
      let call = try await service.fullDuplexCall()
      try await call.requests.write(
        StreamingOutputCallRequest(
          responseParameters: [ResponseParameters(size: 31_415)], payload: zeros(27_182)))
      guard let answer = try await call.responses.next() else {
        throw CaseFailure(description: "an answer is missing")
      }
      try check(answer.payload, zeros: 31_415)
      call.cancel()
      _ = try await call.responses.next()
    }
  }

  func timeoutOnSleepingServer() async throws {
    try await refused(.deadlineExceeded) {
      let call = try await service.fullDuplexCall(
        options: CallOptions(timeout: .milliseconds(1)))
      do {
        try await call.requests.write(StreamingOutputCallRequest(payload: zeros(27_182)))
      } catch let error as RPCError where error.code == .cancelled {
        // The call ended first; its answers say how.
      }
      while try await call.responses.next() != nil {}
    }
  }
}
