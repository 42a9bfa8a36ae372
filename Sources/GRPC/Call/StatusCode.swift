/// How a call ended; the numbers are those of the gRPC protocol.
public enum StatusCode: Int, Sendable, Hashable, CaseIterable {
  /// The call did what it was asked to do.
  case ok = 0
  /// The caller gave up.
  case cancelled
  /// An error of unknown kind, mostly from a foreign peer.
  case unknown
  /// The request cannot be right, whatever the state of the system.
  case invalidArgument
  /// Time ran out before the call ended. A change may have happened all the same.
  case deadlineExceeded
  /// There is no such record, or the caller may not know that there is.
  case notFound
  /// What should be created exists.
  case alreadyExists
  /// The caller is known and may not do this.
  case permissionDenied
  /// A limit or a quota is spent, or the message is too large.
  case resourceExhausted
  /// The request is well formed, but the state of the system does not allow it.
  case failedPrecondition
  /// A concurrent change won; read again and retry.
  case aborted
  /// Past the end of what exists.
  case outOfRange
  /// The server does not know the method or cannot read the encoding.
  case unimplemented
  /// A fault of the server. Spelt apart from the keyword.
  case internalError
  /// The server cannot answer now; another attempt may succeed.
  case unavailable
  /// Data are lost or damaged beyond repair.
  case dataLoss
  /// The caller did not say who they are, or not convincingly.
  case unauthenticated

  /// The code as the gRPC documents spell it, such as `INVALID_ARGUMENT`.
  public var name: String {
    switch self {
    case .ok: "OK"
    case .cancelled: "CANCELLED"
    case .unknown: "UNKNOWN"
    case .invalidArgument: "INVALID_ARGUMENT"
    case .deadlineExceeded: "DEADLINE_EXCEEDED"
    case .notFound: "NOT_FOUND"
    case .alreadyExists: "ALREADY_EXISTS"
    case .permissionDenied: "PERMISSION_DENIED"
    case .resourceExhausted: "RESOURCE_EXHAUSTED"
    case .failedPrecondition: "FAILED_PRECONDITION"
    case .aborted: "ABORTED"
    case .outOfRange: "OUT_OF_RANGE"
    case .unimplemented: "UNIMPLEMENTED"
    case .internalError: "INTERNAL"
    case .unavailable: "UNAVAILABLE"
    case .dataLoss: "DATA_LOSS"
    case .unauthenticated: "UNAUTHENTICATED"
    }
  }
}
