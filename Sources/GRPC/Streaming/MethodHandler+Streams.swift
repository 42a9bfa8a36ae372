public import Protobuf

// The three kinds of methods with streams, in the types of their messages; generated bindings call
// these. Inlinable, so that reading and writing is compiled for the types of each method.
extension MethodHandler {
  /// One request, a stream of answers. The body runs once the request has come whole.
  @inlinable public static func serverStreaming<Request: Message, Response: Message>(
    _ method: MethodDescriptor,
    _ body: @escaping @Sendable (Request, MessageWriter<Response>, CallContext) async throws -> Void
  ) -> MethodHandler {
    .stream(method) { requests, responses, call in
      guard let received = try await requests.next() else {
        throw RPCError(.unimplemented, "the call ended without a request")
      }
      let request: Request = try requests.read(received.bytes)
      guard try await requests.next() == nil else {
        throw RPCError(.unimplemented, "more than one request")
      }
      try await body(request, MessageWriter(responses), call)
    }
  }

  /// A stream of requests, one answer.
  @inlinable public static func clientStreaming<Request: Message, Response: Message>(
    _ method: MethodDescriptor,
    _ body: @escaping @Sendable (MessageStream<Request>, CallContext) async throws -> Response
  ) -> MethodHandler {
    .stream(method) { requests, responses, call in
      let response = try await body(MessageStream(requests), call)
      try await responses.write(response.serialized())
    }
  }

  /// Streams of messages both ways.
  @inlinable public static func bidirectional<Request: Message, Response: Message>(
    _ method: MethodDescriptor,
    _ body:
      @escaping @Sendable (MessageStream<Request>, MessageWriter<Response>, CallContext)
      async throws -> Void
  ) -> MethodHandler {
    .stream(method) { requests, responses, call in
      try await body(MessageStream(requests), MessageWriter(responses), call)
    }
  }
}
