public import Protobuf
import Synchronization

/// The messages that a server answers with, one after the other.
///
/// For one reader. A reader that is slow, or stops reading, stops the server: no more than a window
/// of bytes waits here (`ChannelSettings.streamWindow`). The call is given up when its reader's
/// task is cancelled, and when nothing refers to the call any more: leaving a loop over the answers
/// is enough.
public struct ResponseStream<Element: Message>: AsyncSequence, Sendable {
  /// A message, with how it came.
  public struct Received: Sendable, Hashable {
    /// The message.
    public let message: Element
    /// Whether it was compressed on the wire.
    public let wasCompressed: Bool

    init(message: Element, wasCompressed: Bool) {
      self.message = message
      self.wasCompressed = wasCompressed
    }
  }

  @usableFromInline let call: CallHandle

  init(_ call: CallHandle) {
    self.call = call
  }

  /// The next message; nil once the call ended well.
  ///
  /// - Throws: `RPCError`: how the call ended when it did not end well; INTERNAL for an answer that
  ///   cannot be read.
  @inlinable public func next() async throws -> Element? {
    guard let received = try await call.next() else { return nil }
    return try call.read(received.bytes)
  }

  /// As `next`, with how the message came.
  public func receive() async throws -> Received? {
    guard let received = try await call.next() else { return nil }
    return Received(
      message: try call.read(received.bytes), wasCompressed: received.wasCompressed)
  }

  /// What the server said before its first answer; waits for it.
  ///
  /// - Throws: `RPCError` when the call fails before.
  public func headers() async throws -> Metadata { try await call.stream.headers() }

  /// What the server said after its last answer; empty before `next` told of the end.
  public var trailers: Metadata { call.stream.trailers }

  /// Gives the call up; whoever waits for it gets CANCELLED. Does nothing after its end.
  public func cancel() { call.stream.cancel() }

  /// Takes one message after the other.
  public struct AsyncIterator: AsyncIteratorProtocol {
    @usableFromInline let stream: ResponseStream

    @usableFromInline init(stream: ResponseStream) {
      self.stream = stream
    }

    /// See `ResponseStream.next`.
    @inlinable public func next() async throws -> Element? {
      try await stream.next()
    }
  }

  /// Every iterator takes from the same stream.
  @inlinable public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(stream: self)
  }
}

/// A call with streams that lasts until somebody saw its end or nobody refers to it.
@usableFromInline final class CallHandle: Sendable {
  let stream: RPCStream
  private let path: String
  /// The end was told to the reader: there is nothing left to give up.
  private let isOver = Atomic(false)

  init(_ stream: RPCStream, _ method: MethodDescriptor) {
    self.stream = stream
    path = method.path
  }

  deinit {
    if !isOver.load(ordering: .relaxed) { stream.cancel() }
  }

  @usableFromInline func next() async throws -> ReceivedMessage? {
    // Also when messages wait: a cancelled reader stops at once.
    guard !Task.isCancelled else { throw abandoned() }
    do {
      if let message = try await stream.next() { return message }
      isOver.store(true, ordering: .relaxed)
      return nil
    } catch {
      if Task.isCancelled { throw abandoned() }
      isOver.store(true, ordering: .relaxed)
      throw error
    }
  }

  func write(_ message: [UInt8], compressed: Bool) async throws {
    guard !Task.isCancelled else { throw abandoned() }
    do {
      try await stream.send(message, compressed: compressed)
    } catch {
      throw Task.isCancelled ? abandoned() : error
    }
  }

  private func abandoned() -> RPCError {
    stream.cancel()
    return RPCError(.cancelled, "the caller's task was cancelled")
  }

  /// Reads an answer; one that cannot be read ends the call.
  @inlinable func read<Response: Message>(_ bytes: [UInt8]) throws(RPCError) -> Response {
    do throws(DecodeError) {
      return try Response(serialized: bytes, limits: decoding)
    } catch {
      throw unreadable(error)
    }
  }

  @usableFromInline var decoding: DecodingLimits { stream.decoding }

  @usableFromInline func unreadable(_ error: DecodeError) -> RPCError {
    stream.cancel()
    stream.noteUnreadable(error)
    return RPCError(.internalError, "an answer of \(path) cannot be read: \(error)")
  }
}
