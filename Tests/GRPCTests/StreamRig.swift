import BenchAPI
import Synchronization

@testable import GRPC

/// The echo service with a closure for each kind of stream.
struct StreamEcho: EchoProtocol {
  typealias Answers = MessageWriter<EchoResponse>

  var server: @Sendable (EchoStreamRequest, Answers, CallContext) async throws -> Void = {
    request, answers, _ in
    for n in 0..<request.count {
      try await answers.write(
        EchoResponse(payload: request.message?.payload ?? [], n: Int32(n)))
    }
  }
  var client: @Sendable (MessageStream<EchoRequest>, CallContext) async throws -> EchoResponse = {
    requests, _ in
    var sum: Int32 = 0
    for try await request in requests { sum += request.n }
    return EchoResponse(n: sum)
  }
  var both: @Sendable (MessageStream<EchoRequest>, Answers, CallContext) async throws -> Void = {
    requests, answers, _ in
    for try await request in requests {
      try await answers.write(EchoResponse(payload: request.payload, n: request.n))
    }
  }

  func unary(_ request: EchoRequest, in call: CallContext) async throws -> EchoResponse {
    EchoResponse(payload: request.payload, n: request.n)
  }

  func serverStream(
    _ request: EchoStreamRequest, to responses: MessageWriter<EchoResponse>, in call: CallContext
  ) async throws {
    try await server(request, responses, call)
  }

  func clientStream(
    _ requests: MessageStream<EchoRequest>, in call: CallContext
  ) async throws -> EchoResponse {
    try await client(requests, call)
  }

  func bothStream(
    _ requests: MessageStream<EchoRequest>, to responses: MessageWriter<EchoResponse>,
    in call: CallContext
  ) async throws {
    try await both(requests, responses, call)
  }
}

/// Counts, and waits until nobody counts any more.
final class Counter: Sendable {
  private let count = Mutex(0)

  var value: Int { count.withLock { $0 } }

  func add() { count.withLock { $0 += 1 } }

  /// The count once it has not changed for a hundred looks; nil when it never stands still.
  func standstill(above least: Int) async -> Int? {
    var last = -1
    var looks = 0
    let stands = await eventually {
      let now = value
      looks = now == last ? looks + 1 : 0
      last = now
      return looks >= 100 && now > least
    }
    return stands ? last : nil
  }
}
