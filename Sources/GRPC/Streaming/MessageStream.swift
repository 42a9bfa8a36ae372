public import Protobuf

/// The messages that a caller sends to a handler, one after the other.
///
/// For one reader. A reader that is slow, or stops reading, stops the caller: no more than a window
/// of bytes waits here (`ServerSettings.streamWindow`).
public struct MessageStream<Element: Message>: AsyncSequence, Sendable {
  /// A message, with how it came.
  public struct Received: Sendable, Hashable {
    /// The message.
    public let message: Element
    /// Whether it was compressed on the wire.
    public let wasCompressed: Bool

    @usableFromInline init(message: Element, wasCompressed: Bool) {
      self.message = message
      self.wasCompressed = wasCompressed
    }
  }

  @usableFromInline let raw: RequestMessages

  @usableFromInline init(_ raw: RequestMessages) {
    self.raw = raw
  }

  /// The next message; nil once the caller sent the last.
  ///
  /// - Throws: `RPCError`: INVALID_ARGUMENT with the reason MALFORMED_MESSAGE for what cannot be
  ///   read, CANCELLED or DEADLINE_EXCEEDED when the call has ended otherwise.
  @inlinable public func next() async throws -> Element? {
    guard let received = try await raw.next() else { return nil }
    return try raw.read(received.bytes)
  }

  /// As `next`, with how the message came.
  public func receive() async throws -> Received? {
    guard let received = try await raw.next() else { return nil }
    return Received(
      message: try raw.read(received.bytes), wasCompressed: received.wasCompressed)
  }

  /// Takes one message after the other.
  public struct AsyncIterator: AsyncIteratorProtocol {
    @usableFromInline let stream: MessageStream

    @usableFromInline init(stream: MessageStream) {
      self.stream = stream
    }

    /// See `MessageStream.next`.
    @inlinable public func next() async throws -> Element? {
      try await stream.next()
    }
  }

  /// Every iterator takes from the same stream.
  @inlinable public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(stream: self)
  }
}

/// Takes the messages that a handler answers with, of one task or of several: each goes out whole,
/// and who finds no room waits in turn.
public struct MessageWriter<Element: Message>: Sendable {
  @usableFromInline let raw: ResponseWriter

  @usableFromInline init(_ raw: ResponseWriter) {
    self.raw = raw
  }

  /// Sends a message; waits while the caller takes no more.
  ///
  /// - Parameter compressed: false sends it as it is, whatever `setResponseCompression` said.
  /// - Throws: `RPCError`: CANCELLED when the call has ended, RESOURCE_EXHAUSTED for a message that
  ///   is too large.
  @inlinable public func write(_ message: Element, compressed: Bool = true) async throws {
    try await raw.write(message.serialized(), compressed: compressed)
  }
}
