public import Protobuf

/// A service with the functions that answer its methods; made by generated code.
public struct ServiceBinding: Sendable {
  /// What is known of the service.
  public let descriptor: ServiceDescriptor
  /// One handler a method; a method without one answers UNIMPLEMENTED.
  public let handlers: [MethodHandler]

  /// Binds handlers to a service.
  public init(_ descriptor: ServiceDescriptor, _ handlers: [MethodHandler]) {
    self.descriptor = descriptor
    self.handlers = handlers
  }
}

/// The function that answers a method, with the types of its messages erased.
public struct MethodHandler: Sendable {
  /// Reads a request at once, while the bytes are borrowed, and gives back what answers it.
  @usableFromInline typealias Unary =
    @Sendable (UnsafeRawBufferPointer, any UnaryCall) throws(RPCError) -> UnaryWork
  @usableFromInline typealias Stream =
    @Sendable (RequestMessages, ResponseWriter, CallContext) async throws -> Void

  @usableFromInline enum Kind: Sendable {
    case unary(Unary)
    case stream(Stream)
  }

  /// The method answered.
  public let method: MethodDescriptor
  let kind: Kind

  @usableFromInline init(method: MethodDescriptor, kind: Kind) {
    self.method = method
    self.kind = kind
  }

  /// One request, one answer. Inlinable, so that it is compiled for the types of each method.
  @inlinable public static func unary<Request: Message, Response: Message>(
    _ method: MethodDescriptor,
    _ body: @escaping @Sendable (Request, CallContext) async throws -> Response
  ) -> MethodHandler {
    MethodHandler(
      method: method,
      kind: .unary { (bytes, call) throws(RPCError) in
        let request: Request
        do throws(DecodeError) {
          request = try Request(serialized: bytes, limits: call.decoding)
        } catch {
          throw call.unreadable(error)
        }
        // One function: each that a task awaits asks anew where it is to run.
        return {
          do {
            let interceptors = call.interceptors
            let response =
              interceptors.isEmpty
              ? try await body(request, call.context)
              : try await through(interceptors[...], request, call.context, body)
            call.ended(.success(response.serialized()))
          } catch {
            call.ended(.failure(error))
          }
        }
      })
  }

  /// Streams of serialised messages both ways.
  public static func stream(
    _ method: MethodDescriptor,
    _ body: @escaping @Sendable (RequestMessages, ResponseWriter, CallContext) async throws -> Void
  ) -> MethodHandler {
    MethodHandler(method: method, kind: .stream(body))
  }
}

/// Runs the handler of a unary call, and tells the call how it ended.
@usableFromInline typealias UnaryWork = @Sendable () async -> Void

/// A unary call whose request has come: what its handler is told, and who is told of its end.
@usableFromInline protocol UnaryCall: AnyObject, Sendable {
  var context: CallContext { get }
  var interceptors: [any ServerInterceptor] { get }
  /// What reading the request may cost.
  var decoding: DecodingLimits { get }
  /// What the caller gets for a request that cannot be read.
  func unreadable(_ error: DecodeError) -> RPCError
  /// The handler has ended, wherever it ran.
  func ended(_ result: Result<[UInt8], any Error>)
}

/// Runs the interceptors from the first to the last, and then the handler.
@usableFromInline func through<Request: Message, Response: Message>(
  _ interceptors: ArraySlice<any ServerInterceptor>, _ request: Request, _ call: CallContext,
  _ body: @escaping @Sendable (Request, CallContext) async throws -> Response
) async throws -> Response {
  guard let first = interceptors.first else { return try await body(request, call) }
  let rest = interceptors.dropFirst()
  return try await first.intercept(request, in: call) { request, call in
    try await through(rest, request, call, body)
  }
}

/// Runs the interceptors from the first to the last, and then the handler of a call with streams.
func through(
  _ interceptors: ArraySlice<any ServerInterceptor>, stream call: CallContext,
  _ body: @escaping @Sendable (CallContext) async throws -> Void
) async throws {
  guard let first = interceptors.first else { return try await body(call) }
  let rest = interceptors.dropFirst()
  try await first.intercept(stream: call) { call in
    try await through(rest, stream: call, body)
  }
}

/// The messages a caller sends, one after the other; for one reader.
public struct RequestMessages: Sendable {
  let core: ServerCore
  let pull: @Sendable () async throws -> ReceivedMessage?

  /// The next serialised message; nil once the caller sent the last. Throws `RPCError` when the
  /// call was given up.
  public func next() async throws -> ReceivedMessage? { try await pull() }

  /// Reads one of the messages.
  @inlinable func read<Request: Message>(_ bytes: [UInt8]) throws(RPCError) -> Request {
    do throws(DecodeError) {
      return try Request(serialized: bytes, limits: decoding)
    } catch {
      throw unreadable(error)
    }
  }

  @usableFromInline var decoding: DecodingLimits { core.settings.decoding }

  @usableFromInline func unreadable(_ error: DecodeError) -> RPCError { core.unreadable(error) }
}

/// Takes the messages of an answer.
public struct ResponseWriter: Sendable {
  let push: @Sendable ([UInt8], Bool) async throws -> Void

  /// Sends a serialised message; waits while the caller takes no more. Throws `RPCError` when the
  /// call was given up.
  ///
  /// - Parameter compressed: false sends it as it is, whatever compression the call has.
  public func write(_ message: [UInt8], compressed: Bool = true) async throws {
    try await push(message, compressed)
  }
}
