import CommonAPI
public import GRPC
import Protobuf

/// A service behind the gateway.
public struct Backend: Sendable {
  /// Its name, such as `client-directory`.
  public let name: String
  /// Its gRPC services whose methods are shown.
  public let services: [ServiceDescriptor]
  /// The way to it.
  public let channel: any RPCChannel
  let budget = RetryBudget()

  /// - Parameters:
  ///   - name: such as `client-directory`.
  ///   - services: whose methods are shown.
  ///   - channel: the way to it.
  public init(name: String, services: [ServiceDescriptor], channel: any RPCChannel) {
    self.name = name
    self.services = services
    self.channel = channel
  }

  /// Attempts of a call that may be repeated.
  static let attemptsMax = 3

  /// Calls a method. An unavailable service is tried again, if the call may be repeated and the
  /// budget allows; nothing behind the gateway retries, so that attempts do not multiply. One that
  /// there was no connection to is unavailable too, and not slow.
  func call(
    _ path: String, _ request: [UInt8], isRepeatable: Bool, metadata: Metadata, deadline: Deadline
  ) async throws -> [UInt8] {
    var pause = Duration.milliseconds(25)
    for attempt in 1... {
      do {
        let options = CallOptions(metadata: metadata, deadline: deadline)
        let answer = try await channel.unary(path: path, request: request, options: options)
        budget.succeeded()
        return answer.message
      } catch let error as RPCError where error.code == .unavailable || error.hasNoConnection {
        let mayRetry = budget.failed() && isRepeatable && attempt < Self.attemptsMax
        guard mayRetry, deadline.remaining > pause * 2 else {
          throw error.hasNoConnection ? RPCError(.unavailable, error.message) : error
        }
        try await Task.sleep(for: pause * Double.random(in: 0.5...1.5))
        pause *= 3
      }
    }
    throw RPCError(.unavailable, "\(name) cannot be reached")
  }
}

extension RPCError {
  fileprivate var hasNoConnection: Bool { code == .deadlineExceeded && reason == Self.noConnection }
}
