public import Protobuf

/// A call under way that sends a stream of messages.
///
/// Write from as many tasks as you like: each message goes out whole. Read from one. The call is
/// given up when a task that waits for it is cancelled, and when nothing refers to it any more.
public struct StreamingCall<Request: Message, Response: Message>: Sendable {
  /// Takes what is sent.
  public let requests: RequestWriter<Request>
  /// What is answered.
  public let responses: ResponseStream<Response>

  init(_ call: CallHandle) {
    requests = RequestWriter(call)
    responses = ResponseStream(call)
  }

  /// The one answer of a method that has one; waits for it, and for the end of the call.
  ///
  /// - Throws: `RPCError`: how the call ended when it did not end well; UNIMPLEMENTED when there was
  ///   no answer, or more than one.
  public func response() async throws -> Response {
    guard let response = try await responses.next() else {
      throw RPCError(.unimplemented, "the call ended without an answer")
    }
    guard try await responses.next() == nil else {
      cancel()
      throw RPCError(.unimplemented, "more than one answer")
    }
    return response
  }

  /// What the server said before its first answer; waits for it.
  ///
  /// - Throws: `RPCError` when the call fails before.
  public func headers() async throws -> Metadata { try await responses.headers() }

  /// What the server said after its last answer; empty before the reader was told of the end.
  public var trailers: Metadata { responses.trailers }

  /// Gives the call up; whoever waits for it gets CANCELLED. Does nothing after its end.
  public func cancel() { responses.cancel() }
}

/// Takes the messages that a caller sends.
public struct RequestWriter<Element: Message>: Sendable {
  private let call: CallHandle

  init(_ call: CallHandle) {
    self.call = call
  }

  /// Sends a message; waits while the server takes no more.
  ///
  /// - Parameter compressed: false sends it as it is, whatever `CallOptions.compression` says.
  /// - Throws: `RPCError`: CANCELLED when the call has ended; `responses` tells how.
  public func write(_ message: Element, compressed: Bool = true) async throws {
    try await call.write(message.serialized(), compressed: compressed)
  }

  /// Says that no more messages follow.
  public func finish() async { await call.stream.finish() }
}

extension RPCChannel {
  /// One request, a stream of answers; what generated clients call.
  ///
  /// - Throws: `RPCError`. How the call ends is told by the stream.
  public func serverStreaming<Request: Message, Response: Message>(
    _ method: MethodDescriptor, _ request: Request, options: CallOptions
  ) async throws -> ResponseStream<Response> {
    let call = CallHandle(try await stream(path: method.path, options: options), method)
    do {
      try await call.write(request.serialized(), compressed: true)
    } catch let error as RPCError where error.code == .cancelled && !Task.isCancelled {
      // The server was done before it had the request: the reader is told how.
    }
    await call.stream.finish()
    return ResponseStream(call)
  }

  /// A stream of requests; what generated clients call for one answer and for many.
  ///
  /// - Throws: `RPCError`. How the call ends is told by its answers.
  public func streaming<Request: Message, Response: Message>(
    _ method: MethodDescriptor, options: CallOptions
  ) async throws -> StreamingCall<Request, Response> {
    StreamingCall(CallHandle(try await stream(path: method.path, options: options), method))
  }
}
