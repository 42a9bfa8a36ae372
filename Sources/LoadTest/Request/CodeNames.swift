import GRPC

/// gRPC codes by name.
enum CodeNames {
  static let all = StatusCode.allCases.map(\.name)

  /// Room for every code in an array.
  static let count = StatusCode.allCases.count

  static func name(_ index: Int) -> String { StatusCode(rawValue: index)?.name ?? "UNKNOWN" }
}
