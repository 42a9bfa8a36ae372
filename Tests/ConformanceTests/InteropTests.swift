import Testing

/// gRPC's description of its interoperability tests, case by case, with PyPI grpcio as the foreign
/// peer.
@Suite("Interoperability", .timeLimit(.minutes(10)))
struct InteropTests {
  private static let cases = [
    "empty_unary", "large_unary", "client_compressed_unary", "server_compressed_unary",
    "client_streaming", "client_compressed_streaming", "server_streaming",
    "server_compressed_streaming", "ping_pong", "empty_stream", "custom_metadata",
    "status_code_and_message", "special_status_message", "unimplemented_method",
    "unimplemented_service", "cancel_after_begin", "cancel_after_first_response",
    "timeout_on_sleeping_server", "rpc_soak", "channel_soak",
  ]
  /// What else the stock client tries.
  private static let more = [
    "half_duplex", "interval", "slow_reader", "many_at_once", "health_check",
    "health_watch", "reflection",
  ]

  @Test("a stock client against our server", arguments: cases + more, Transport.allCases)
  func foreignClient(name: String, transport: Transport) async throws {
    let problem = try await InteropRuns.foreignClient(transport).problem(name)
    #expect(problem == nil)
  }

  @Test("our client against a stock server", arguments: cases, Transport.allCases)
  func foreignServer(name: String, transport: Transport) async throws {
    let problem = try await InteropRuns.foreignServer(transport).problem(name)
    #expect(problem == nil)
  }

  @Test("our client against our server", arguments: cases, Transport.allCases)
  func ourselves(name: String, transport: Transport) async throws {
    let problem = try await InteropRuns.ourselves(transport).problem(name)
    #expect(problem == nil)
  }
}
