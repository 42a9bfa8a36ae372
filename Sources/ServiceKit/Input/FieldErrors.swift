public import GRPC

/// Collects every bad field of a request, so that a caller learns of all of them at once.
public struct FieldErrors: Sendable {
  /// What was found so far.
  public private(set) var violations: [FieldViolation] = []

  /// Nothing found yet.
  public init() {}

  /// True while nothing was found.
  public var isEmpty: Bool { violations.isEmpty }

  /// Notes a bad field.
  ///
  /// - Parameters:
  ///   - field: its path in the request, such as `given_name`.
  ///   - why: a sentence for a developer, in words safe to show.
  public mutating func add(_ field: String, _ why: String) {
    violations.append(FieldViolation(field: field, description: why))
  }

  /// Throws INVALID_ARGUMENT with every bad field, when there is one.
  public func throwIfAny(_ reason: String = "FIELDS_INVALID") throws {
    guard !violations.isEmpty else { return }
    let names = violations.map(\.field).joined(separator: ", ")
    throw RPCError(
      .invalidArgument, reason: reason, "invalid: \(names)", violations: violations)
  }
}
