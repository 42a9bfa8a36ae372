import BenchAPI
import Protobuf
import Testing

@testable import GRPC

@Suite struct MetricsTests {
  private func value(
    _ server: RPCServer, _ name: String, _ labels: [String: String] = [:]
  ) -> Double? {
    server.metrics.samples().first { sample in
      sample.name == name
        && labels.allSatisfy { key, value in
          sample.labels.contains { $0.name == key && $0.value == value }
        }
    }?.value
  }

  @Test("calls are counted by method and by how they ended, refused ones too")
  func calls() async throws {
    let gate = Gate()
    let service = echo { request, _ in
      if request.n == 1 { throw RPCError(.aborted, "no") }
      if request.n == 2 { try await gate.pass() }
      return EchoResponse()
    }
    let method = ["method": EchoMethods.unary.path]
    try await withServer([service]) { server, channel, _ in
      #expect(value(server, "grpc_server_started_total") == nil)
      for n in [0, 0, 1] as [Int32] {
        _ = await refusal { try await EchoClient(channel).unary(EchoRequest(n: n)) }
      }
      let slow = Task { try await EchoClient(channel).unary(EchoRequest(n: 2)) }
      #expect(await eventually { gate.arrived == 1 })
      #expect(value(server, "grpc_server_started_total", method) == 4)
      #expect(value(server, "grpc_server_in_flight", method) == 1)
      #expect(value(server, "grpc_server_connections") == 1)
      slow.cancel()
      let cancelled = method.merging(["code": "CANCELLED"]) { $1 }
      #expect(await eventually { value(server, "grpc_server_handled_total", cancelled) == 1 })
      let ok = method.merging(["code": "OK"]) { $1 }
      #expect(value(server, "grpc_server_handled_total", ok) == 2)
      let aborted = method.merging(["code": "ABORTED"]) { $1 }
      #expect(value(server, "grpc_server_handled_total", aborted) == 1)
      #expect(value(server, "grpc_server_in_flight", method) == 0)
      _ = await refusal {
        try await channel.unary(path: "/no/Such", request: [], options: CallOptions())
      }
      let unknown = ["method": "unknown", "code": "UNIMPLEMENTED"]
      #expect(value(server, "grpc_server_handled_total", unknown) == 1)
    }
  }

  @Test("times are spread over buckets that only grow, and the last holds all")
  func histogram() {
    let counters = CallCounters(methods: 1)
    for nanoseconds in [-5, 0, 100_000, 100_001, 3_000_000_000, Int64.max] {
      counters.began(0)
      counters.ended(0, .ok, after: nanoseconds)
    }
    var row = CallCounters.Row()
    counters.read(0, into: &row)
    #expect(row.started == 6 && row.ended == 6 && row.inFlight == 0)
    #expect(row.buckets.prefix(2) == [3, 1])
    #expect(row.buckets.reduce(0, +) == 6)
    #expect(row.buckets.last == 1)
  }
}
