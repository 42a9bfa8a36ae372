public import Protobuf

/// What is called, as a client's interceptors see it.
public struct ClientCallInfo: Sendable, Hashable {
  /// `/package.Service/Method`.
  public let path: String

  /// Names a call.
  public init(path: String) { self.path = path }

  /// The full name of the service; empty when the path has none.
  public var service: String {
    guard path.hasPrefix("/"), let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
      return ""
    }
    return String(path[path.index(after: path.startIndex)..<slash])
  }

  /// The name of the method.
  public var method: String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }
}

/// What every call of an `InterceptedChannel` passes through: traces, logs, credentials.
public protocol ClientInterceptor: Sendable {
  /// Calls `next`, once or, for a call that may be made twice, more often; or throws instead. What
  /// `next` is given is what the call goes on with.
  func intercept(
    unary call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCResponse
  ) async throws -> RPCResponse

  /// As for unary calls, around the opening of the stream; the stream that comes back may be
  /// wrapped in another.
  func intercept(
    stream call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCStream
  ) async throws -> RPCStream
}

extension ClientInterceptor {
  /// Does nothing.
  public func intercept(
    unary call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCResponse
  ) async throws -> RPCResponse {
    try await next(options)
  }

  /// Does nothing.
  public func intercept(
    stream call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCStream
  ) async throws -> RPCStream {
    try await next(options)
  }
}

/// A channel whose calls pass through interceptors, the first outermost.
public struct InterceptedChannel: RPCChannel {
  private let channel: any RPCChannel
  private let interceptors: [any ClientInterceptor]

  /// Puts interceptors before a channel.
  public init(_ channel: any RPCChannel, _ interceptors: [any ClientInterceptor]) {
    self.channel = channel
    self.interceptors = interceptors
  }

  /// See `RPCChannel`.
  public func unary(
    path: String, request: [UInt8], options: CallOptions
  ) async throws -> RPCResponse {
    guard !interceptors.isEmpty else {
      return try await channel.unary(path: path, request: request, options: options)
    }
    return try await unary(interceptors[...], ClientCallInfo(path: path), request, options)
  }

  private func unary(
    _ left: ArraySlice<any ClientInterceptor>, _ call: ClientCallInfo, _ request: [UInt8],
    _ options: CallOptions
  ) async throws -> RPCResponse {
    guard let first = left.first else {
      return try await channel.unary(path: call.path, request: request, options: options)
    }
    return try await first.intercept(unary: call, options: options) { options in
      try await unary(left.dropFirst(), call, request, options)
    }
  }

  /// See `RPCChannel`.
  public func stream(path: String, options: CallOptions) async throws -> RPCStream {
    try await stream(interceptors[...], ClientCallInfo(path: path), options)
  }

  /// See `RPCChannel`.
  public var decoding: DecodingLimits { channel.decoding }

  /// See `RPCChannel`.
  public func noteUnreadable(_ error: DecodeError) { channel.noteUnreadable(error) }

  private func stream(
    _ left: ArraySlice<any ClientInterceptor>, _ call: ClientCallInfo, _ options: CallOptions
  ) async throws -> RPCStream {
    guard let first = left.first else {
      return try await channel.stream(path: call.path, options: options)
    }
    return try await first.intercept(stream: call, options: options) { options in
      try await stream(left.dropFirst(), call, options)
    }
  }
}
