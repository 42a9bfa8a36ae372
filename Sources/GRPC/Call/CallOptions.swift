/// What a caller says beside the request.
public struct CallOptions: Sendable, Hashable {
  /// Pairs to send.
  public var metadata: Metadata
  /// How long to wait; counts from the start of the call. The channel's default without it.
  public var timeout: Duration?
  /// Until when to wait; the earlier of this and `timeout` holds.
  public var deadline: Deadline?
  /// The call is refused with DEADLINE_EXCEEDED, unsent, when less time than this is left.
  public var leastRemaining: Duration = .zero
  /// How requests are packed. Answers may come packed whatever is said here.
  public var compression: Compression
  /// True: the call waits for a connection until its deadline, and ends with DEADLINE_EXCEEDED,
  /// reason NO_CONNECTION, when none came. False: it fails with UNAVAILABLE once every server was
  /// tried in vain. As the method's or the channel's settings say without it.
  public var waitsForReady: Bool?

  /// Options; all of them may be left out.
  public init(
    metadata: Metadata = Metadata(), timeout: Duration? = nil, deadline: Deadline? = nil,
    compression: Compression = .identity, waitsForReady: Bool? = nil
  ) {
    self.metadata = metadata
    self.timeout = timeout
    self.deadline = deadline
    self.compression = compression
    self.waitsForReady = waitsForReady
  }

  func deadline(orAfter standard: Duration) -> Deadline {
    switch (timeout, deadline) {
    case (nil, nil): .after(standard)
    case (let timeout?, nil): .after(timeout)
    case (nil, let deadline?): deadline
    case (let timeout?, let deadline?): min(.after(timeout), deadline)
    }
  }
}
