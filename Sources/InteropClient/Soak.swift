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

  func calls(on channel: ClientChannel) async throws {
    try await soak { try await call(channel) }
  }

  func channels() async throws {
    try await soak {
      let channel = try client.makeChannel()
      do {
        try await call(channel)
      } catch {
        await channel.close(grace: .zero)
        throw error
      }
      await channel.close()
    }
  }

  private func call(_ channel: ClientChannel) async throws {
    let answer = try await TestServiceClient(channel).unaryCall(
      SimpleRequest(responseSize: options.responseSize, payload: zeros(options.requestSize)))
    try check(answer.payload, zeros: Int(options.responseSize))
  }

  private func soak(_ body: () async throws -> Void) async throws {
    let start = ContinuousClock.now
    var failures: [String] = []
    var done = 0
    while done < options.iterations, ContinuousClock.now - start < .seconds(options.overall) {
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
      if next > .now { try await Task.sleep(until: next, clock: .continuous) }
    }
    try equal(done, options.iterations, "calls made in \(options.overall) s")
    guard failures.count <= options.maxFailures else {
      let first = failures.prefix(3).joined(separator: "; ")
      throw CaseFailure(description: "\(failures.count) calls failed: \(first)")
    }
  }
}
