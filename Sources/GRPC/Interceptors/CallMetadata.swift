/// Adds pairs to every call that is made: what tells a server who calls, or whatever else belongs to
/// all of them.
public struct CallMetadata: ClientInterceptor {
  private let pairs: @Sendable () async throws(RPCError) -> Metadata

  /// The same pairs for every call.
  public init(_ pairs: Metadata) {
    self.init { () throws(RPCError) in pairs }
  }

  /// Pairs that are asked for anew for each call, since what a caller shows expires.
  ///
  /// - Parameter pairs: what it throws, the call ends with; nothing is sent then.
  public init(_ pairs: @escaping @Sendable () async throws(RPCError) -> Metadata) {
    self.pairs = pairs
  }

  /// `authorization: Bearer` with a token that is asked for anew for each call. Whoever can read the
  /// connection can use the token: the channel should speak TLS.
  public static func bearer(
    _ token: @escaping @Sendable () async throws(RPCError) -> String
  ) -> CallMetadata {
    CallMetadata { () throws(RPCError) in
      var pairs = Metadata()
      guard pairs.append("Bearer " + (try await token()), for: "authorization") else {
        throw RPCError(.unauthenticated, "the token is not printable ASCII")
      }
      return pairs
    }
  }

  /// Adds them to a call.
  public func intercept(
    unary call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCResponse
  ) async throws -> RPCResponse {
    try await next(try await added(to: options))
  }

  /// Adds them to a stream.
  public func intercept(
    stream call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCStream
  ) async throws -> RPCStream {
    try await next(try await added(to: options))
  }

  private func added(to options: CallOptions) async throws(RPCError) -> CallOptions {
    var options = options
    options.metadata.append(contentsOf: try await pairs())
    return options
  }
}
