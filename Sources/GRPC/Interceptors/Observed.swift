import Synchronization

/// Makes a call and tells how it ended; nil when it ended well.
func observed<Value>(
  _ body: () async throws -> Value, told: (RPCError?) -> Void
) async throws -> Value {
  do {
    let value = try await body()
    told(nil)
    return value
  } catch {
    told(RPCError(ending: error))
    throw error
  }
}

/// Opens a stream and tells, once, how it ended: when its reader saw the end, or gave it up.
func observedStream(
  _ body: () async throws -> RPCStream, told: @escaping @Sendable (RPCError?) -> Void
) async throws -> RPCStream {
  let ending = Ending(told)
  let inner: RPCStream
  do {
    inner = try await body()
  } catch {
    ending.tell(RPCError(ending: error))
    throw error
  }
  var stream = inner
  stream.nextMessage = {
    do {
      let message = try await inner.next()
      if message == nil { ending.tell(nil) }
      return message
    } catch {
      ending.tell(RPCError(ending: error))
      throw error
    }
  }
  stream.cancelCall = {
    inner.cancel()
    ending.tell(RPCError(.cancelled, "the caller gave up"))
  }
  return stream
}

/// Only the first end counts.
private final class Ending: Sendable {
  private let told: @Sendable (RPCError?) -> Void
  private let isOver = Atomic(false)

  init(_ told: @escaping @Sendable (RPCError?) -> Void) { self.told = told }

  func tell(_ error: RPCError?) {
    if !isOver.exchange(true, ordering: .relaxed) { told(error) }
  }
}

extension RPCError {
  /// What a call ends with for whatever was thrown around it.
  init(ending error: any Error) { self = RPCError(known: error) ?? .unknownCause }

  /// What a call ends with for an error that says so itself; nil for any other.
  init?(known error: any Error) {
    switch error {
    case let error as RPCError: self = error
    case let error as any RPCErrorConvertible: self = error.rpcError
    case is CancellationError: self = RPCError(.cancelled, "the call was cancelled")
    default: return nil
    }
  }

  /// Nothing that a caller could use.
  static let unknownCause = RPCError(.internalError, "internal error")
}
