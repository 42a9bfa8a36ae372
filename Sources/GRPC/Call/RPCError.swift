public import CommonAPI

/// Why a call failed: what the caller of an rpc gets, and what a handler throws.
///
/// The text and the details leave the process; put nothing in them that the caller may not read.
public struct RPCError: Error, Sendable, Hashable {
  /// The gRPC code; never `.ok` on an error that was received.
  public var code: StatusCode
  /// A sentence for a developer. Clients decide by `code` and `reason`, never by this text.
  public var message: String
  /// The details of `google.rpc.Status`; they ride in `grpc-status-details-bin`.
  public var details: [ProtoAny]

  /// An error with a code and a text, and details already packed.
  public init(_ code: StatusCode, _ message: String, details: [ProtoAny] = []) {
    self.code = code
    self.message = message
    self.details = details
  }

  /// An error with a reason that programs can tell apart.
  ///
  /// - Parameters:
  ///   - reason: UPPER_SNAKE_CASE, unique in the domain `clientele`.
  ///   - metadata: facts that belong to the reason, such as a limit.
  ///   - violations: each bad field of the request.
  ///   - resolutions: what the caller may do next, the most promising first.
  public init(
    _ code: StatusCode, reason: String, _ message: String, metadata: [String: String] = [:],
    violations: [FieldViolation] = [], resolutions: [Resolution] = []
  ) {
    self.init(code, message)
    details.append(StatusDetails.errorInfo(reason: reason, metadata: metadata))
    if !violations.isEmpty { details.append(StatusDetails.badRequest(violations)) }
    if !resolutions.isEmpty { details.append(StatusDetails.resolutions(resolutions)) }
  }

  /// The reason of the `ErrorInfo` detail, if there is one.
  public var reason: String? { StatusDetails.errorInfo(in: details)?.reason }

  /// The reason of DEADLINE_EXCEEDED when the call waited for a connection all the while: nobody was
  /// asked, and the text says why.
  public static let noConnection = "NO_CONNECTION"

  /// The facts of the `ErrorInfo` detail; empty without one.
  public var errorInfoMetadata: [String: String] {
    StatusDetails.errorInfo(in: details)?.metadata ?? [:]
  }

  /// The bad fields named by the `BadRequest` detail; empty without one.
  public var violations: [FieldViolation] { StatusDetails.violations(in: details) }

  /// The ways out named by the `Resolutions` detail; empty without one.
  public var resolutions: [Resolution] { StatusDetails.resolutions(in: details) }
}

extension RPCError: CustomStringConvertible {
  /// Code, reason and text on one line, for logs and test failures.
  public var description: String {
    let said = message.isEmpty ? "" : ": \(message)"
    return reason.map { "\(code.name) (\($0))\(said)" } ?? "\(code.name)\(said)"
  }
}

/// An error that knows how it is told to the caller.
///
/// What a handler throws and is neither this nor `RPCError` is logged, and the caller gets INTERNAL
/// with no text of it.
public protocol RPCErrorConvertible: Error {
  /// What the caller gets.
  var rpcError: RPCError { get }
}

extension RPCError: RPCErrorConvertible {
  /// Itself.
  public var rpcError: RPCError { self }
}

/// One bad field of a request.
public struct FieldViolation: Sendable, Hashable {
  /// The path of the field in the request, such as `contact_points[1].email`.
  public var field: String
  /// A sentence that says what is wrong with it.
  public var description: String

  /// Names the field and what is wrong with it.
  public init(field: String, description: String) {
    self.field = field
    self.description = description
  }
}
