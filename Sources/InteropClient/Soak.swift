import GRPC
import InteropAPI

/// Cases that go on: large calls one after the other, on one connection or each on its own.
struct Soak {
  private let client: InteropClient
  private let options: SoakOptions

  init(_ client: InteropClient) {
    self.client = client
    options = client.soak
  }

  func calls(on channel: any RPCChannel) async throws {
    try await soak { try await call(channel) }
  }

  func channels() async throws {
    try await soak {
      let channel = try client.makeChannel()
      do {
        try await call(client.accompanied(channel))
      } catch {
        await channel.close(grace: .zero)
        throw error
      }
      await channel.close()
    }
  }

  private func call(_ channel: any RPCChannel) async throws {
    let answer = try await TestServiceClient(channel).unaryCall(
      SimpleRequest(responseSize: options.responseSize, payload: zeros(options.requestSize)))
    try check(answer.payload, zeros: Int(options.responseSize))
  }

  private func soak(_ body: @escaping @Sendable () async throws -> Void) async throws {
    let start = ContinuousClock.now
    var failures: [String] = []
    var done = 0
    await withTaskGroup { group in
      for _ in 0..<options.threads { group.addTask { await part(since: start, body) } }
      for await part in group {
        failures += part.failures
        done += part.done
      }
    }
    try equal(done, options.iterations, "calls made in \(options.overall) s")
    guard failures.count <= options.maxFailures else {
      let first = failures.prefix(3).joined(separator: "; ")
      throw CaseFailure(description: "\(failures.count) calls failed: \(first)")
    }
  }

  /// The part of one of those who share the calls, one call after the other.
  private func part(
    since start: ContinuousClock.Instant, _ body: @Sendable () async throws -> Void
  ) async -> (done: Int, failures: [String]) {
    var failures: [String] = []
    var done = 0
    while done < options.iterations / options.threads,
      ContinuousClock.now - start < .seconds(options.overall)
    {
      let begun = ContinuousClock.now
      do {
        try await body()
        let took = ContinuousClock.now - begun
        if took > .milliseconds(options.maxLatency) { failures.append("call \(done): \(took)") }
      } catch {
        failures.append("call \(done): \(error)")
      }
      done += 1
      let next = begun + .milliseconds(options.pause)
      if next > .now { try? await Task.sleep(until: next, clock: .continuous) }
    }
    return (done, failures)
  }
}
