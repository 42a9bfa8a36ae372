public import Protobuf

/// A way to a server: over a connection, or inside the process.
public protocol RPCChannel: Sendable {
  /// One request, one answer, as bytes.
  ///
  /// - Parameter path: `/package.Service/Method`.
  /// - Throws: `RPCError`, and nothing else.
  func unary(path: String, request: [UInt8], options: CallOptions) async throws -> RPCResponse

  /// Opens a call with streams of messages both ways.
  ///
  /// - Throws: `RPCError`, and nothing else.
  func stream(path: String, options: CallOptions) async throws -> RPCStream

  /// What reading an answer of one message may cost; `DecodingLimits.standard` unless written
  /// otherwise.
  var decoding: DecodingLimits { get }

  /// Told of an answer of one message that cannot be read, for whoever counts. Does nothing unless
  /// written otherwise.
  func noteUnreadable(_ error: DecodeError)
}

extension RPCChannel {
  /// `DecodingLimits.standard`.
  public var decoding: DecodingLimits { .standard }

  /// Does nothing.
  public func noteUnreadable(_ error: DecodeError) {}
}

/// The bytes of an answer, with what came beside it.
public struct RPCResponse: Sendable, Hashable {
  /// The serialised answer.
  public let message: [UInt8]
  /// What came before it.
  public let headers: Metadata
  /// What came after it.
  public let trailers: Metadata
  /// True when the answer was compressed on the wire.
  public let wasCompressed: Bool

  /// Puts an answer together, for channels written elsewhere.
  public init(
    message: [UInt8], headers: Metadata = Metadata(), trailers: Metadata = Metadata(),
    wasCompressed: Bool = false
  ) {
    self.message = message
    self.headers = headers
    self.trailers = trailers
    self.wasCompressed = wasCompressed
  }
}

/// A call with streams of messages both ways. Several tasks may send, one reads; a task that is
/// cancelled while it waits here gives the call up.
public struct RPCStream: Sendable {
  let sendMessage: @Sendable ([UInt8], Bool) async throws -> Void
  let endSending: @Sendable () async -> Void
  var nextMessage: @Sendable () async throws -> ReceivedMessage?
  var cancelCall: @Sendable () -> Void
  let awaitHeaders: @Sendable () async throws -> Metadata
  let endTrailers: @Sendable () -> Metadata
  /// What reading an answer may cost.
  var decoding = DecodingLimits.standard
  /// Told of an answer that cannot be read.
  var noteUnreadable: @Sendable (DecodeError) -> Void = { _ in }

  /// Puts a stream together, for channels and interceptors written elsewhere; each function does
  /// what the method of its name does.
  public init(
    send: @escaping @Sendable (_ message: [UInt8], _ compressed: Bool) async throws -> Void,
    finish: @escaping @Sendable () async -> Void,
    next: @escaping @Sendable () async throws -> ReceivedMessage?,
    cancel: @escaping @Sendable () -> Void,
    headers: @escaping @Sendable () async throws -> Metadata = { Metadata() },
    trailers: @escaping @Sendable () -> Metadata = { Metadata() }
  ) {
    sendMessage = send
    endSending = finish
    nextMessage = next
    cancelCall = cancel
    awaitHeaders = headers
    endTrailers = trailers
  }

  /// Sends a message; waits while the peer takes no more. Throws `RPCError`.
  ///
  /// - Parameter compressed: false sends it as it is, whatever compression the call has.
  public func send(_ message: [UInt8], compressed: Bool = true) async throws {
    try await sendMessage(message, compressed)
  }

  /// Says that no more messages follow.
  public func finish() async { await endSending() }

  /// The next message; nil once the call ended well. Throws `RPCError` when it did not.
  public func next() async throws -> ReceivedMessage? { try await nextMessage() }

  /// What came before the first message; waits for it. Empty when the call ended without. Throws
  /// `RPCError` when it failed before.
  public func headers() async throws -> Metadata { try await awaitHeaders() }

  /// What came after the last message; empty until the call has ended, well or not.
  public var trailers: Metadata { endTrailers() }

  /// Gives the call up.
  public func cancel() { cancelCall() }
}

extension RPCChannel {
  /// One request, one answer; what generated clients call.
  ///
  /// - Throws: `RPCError`; INTERNAL when the answer cannot be read.
  public func unary<Request: Message, Response: Message>(
    _ method: MethodDescriptor, _ request: Request, options: CallOptions
  ) async throws -> Response {
    let response = try await unary(
      path: method.path, request: request.serialized(), options: options)
    do throws(DecodeError) {
      return try Response(serialized: response.message, limits: decoding)
    } catch {
      noteUnreadable(error)
      throw RPCError(.internalError, "the answer of \(method.path) cannot be read: \(error)")
    }
  }
}
