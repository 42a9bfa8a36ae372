import GRPC
import InteropAPI
import Protobuf

/// A case of gRPC's description, by its name there.
enum InteropCase: String, CaseIterable {
  case emptyUnary = "empty_unary"
  case largeUnary = "large_unary"
  case clientCompressedUnary = "client_compressed_unary"
  case serverCompressedUnary = "server_compressed_unary"
  case clientStreaming = "client_streaming"
  case clientCompressedStreaming = "client_compressed_streaming"
  case serverStreaming = "server_streaming"
  case serverCompressedStreaming = "server_compressed_streaming"
  case pingPong = "ping_pong"
  case emptyStream = "empty_stream"
  case customMetadata = "custom_metadata"
  case statusCodeAndMessage = "status_code_and_message"
  case specialStatusMessage = "special_status_message"
  case unimplementedMethod = "unimplemented_method"
  case unimplementedService = "unimplemented_service"
  case cancelAfterBegin = "cancel_after_begin"
  case cancelAfterFirstResponse = "cancel_after_first_response"
  case timeoutOnSleepingServer = "timeout_on_sleeping_server"
  case rpcSoak = "rpc_soak"
  case channelSoak = "channel_soak"
  // Of the description for servers that break HTTP/2 on purpose.
  case goAway = "goaway"
  case maxStreams = "max_streams"
  case ping = "ping"
  case dataFramePadding = "data_frame_padding"
  case resetAfterHeader = "rst_after_header"
  case resetDuringData = "rst_during_data"
  case resetAfterData = "rst_after_data"

  /// Those for servers that behave.
  static var standard: [InteropCase] {
    allCases.filter { one in
      switch one {
      case .goAway, .maxStreams, .ping, .dataFramePadding: false
      case .resetAfterHeader, .resetDuringData, .resetAfterData: false
      default: true
      }
    }
  }

  var name: String { rawValue }

  /// Throws what is not as it should be.
  func run(_ client: InteropClient) async throws {
    if self == .channelSoak { return try await Soak(client).channels() }
    let channel = try client.makeChannel()
    do {
      try await run(client, client.accompanied(channel))
    } catch {
      await channel.close(grace: .zero)
      throw error
    }
    await channel.close()
  }

  private func run(_ client: InteropClient, _ channel: any RPCChannel) async throws {
    let unary = UnaryCases(channel: channel, probes: !client.noCompressionProbe)
    let streams = StreamCases(channel: channel, probes: !client.noCompressionProbe)
    let ends = EndCases(channel: channel)
    switch self {
    case .emptyUnary: try await unary.empty()
    case .largeUnary: try await unary.large()
    case .clientCompressedUnary: try await unary.clientCompressed()
    case .serverCompressedUnary: try await unary.serverCompressed()
    case .clientStreaming: try await streams.client()
    case .clientCompressedStreaming: try await streams.clientCompressed()
    case .serverStreaming: try await streams.server()
    case .serverCompressedStreaming: try await streams.serverCompressed()
    case .pingPong: try await streams.pingPong()
    case .emptyStream: try await streams.empty()
    case .customMetadata: try await ends.customMetadata()
    case .statusCodeAndMessage: try await ends.status("test status message")
    case .specialStatusMessage:
      try await ends.unaryStatus("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")
    case .unimplementedMethod: try await ends.unimplementedMethod()
    case .unimplementedService: try await ends.unimplementedService()
    case .cancelAfterBegin: try await ends.cancelAfterBegin()
    case .cancelAfterFirstResponse: try await ends.cancelAfterFirstResponse()
    case .timeoutOnSleepingServer: try await ends.timeoutOnSleepingServer()
    case .rpcSoak: try await Soak(client).calls(on: channel)
    case .channelSoak: break
    case .goAway: try await unary.goAway()
    case .maxStreams: try await unary.maxStreams()
    case .ping, .dataFramePadding: try await unary.large()
    case .resetAfterHeader, .resetDuringData, .resetAfterData: try await unary.failing()
    }
  }
}

/// Why a case failed.
struct CaseFailure: Error, CustomStringConvertible {
  let description: String
}

/// Fails the case unless both are the same.
func equal<Value: Equatable>(_ found: Value, _ wanted: Value, _ what: String) throws {
  guard found == wanted else {
    throw CaseFailure(description: "\(what): \(found) instead of \(wanted)")
  }
}

/// Fails the case unless the call fails with that code. Returns its error.
@discardableResult
func refused(_ code: StatusCode, _ body: () async throws -> Void) async throws -> RPCError {
  do {
    try await body()
  } catch let error as RPCError {
    try equal(error.code, code, "the code of the refusal \(error)")
    return error
  }
  throw CaseFailure(description: "the call was answered, and not refused with \(code.name)")
}

/// So many zeros.
func zeros(_ count: Int) -> Payload { Payload(body: [UInt8](repeating: 0, count: count)) }

/// Fails the case unless the payload is so many zeros.
func check(_ payload: Payload?, zeros count: Int) throws {
  let body = payload?.body ?? []
  try equal(body.count, count, "bytes of a payload")
  guard body.allSatisfy({ $0 == 0 }) else {
    throw CaseFailure(description: "a payload is not all zeros")
  }
}

/// An answer with what came beside it.
func unary<Request: Message, Response: Message>(
  _ channel: any RPCChannel, _ method: MethodDescriptor, _ request: Request,
  as type: Response.Type, _ options: CallOptions = CallOptions()
) async throws -> (answer: Response, beside: RPCResponse) {
  let response = try await channel.unary(
    path: method.path, request: request.serialized(), options: options)
  return (try response.message.withUnsafeBytes { try Response(serialized: $0) }, response)
}
