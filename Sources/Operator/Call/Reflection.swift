import CommonAPI
import GRPC
import Protobuf

/// Asks a server what it offers, over `grpc.reflection.v1`.
struct Reflection: Sendable {
  private static let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

  /// What a server would not tell, in its own words.
  struct Refused: Error, CustomStringConvertible {
    let description: String
  }

  let channel: any RPCChannel

  /// Full names of the services, sorted.
  func services() async throws -> [String] {
    let answer = try await ask(.listServices(""))
    guard case .listServicesResponse(let list) = answer else {
      throw Refused(description: "the server did not list its services")
    }
    return list.service.map(\.name).sorted()
  }

  /// The files that declare a service, a message or a method, and all that those need.
  func pool(containing symbol: String) async throws -> DescriptorPool {
    var pool = DescriptorPool()
    let answer = try await ask(.fileContainingSymbol(symbol))
    guard case .fileDescriptorResponse(let files) = answer else {
      throw Refused(description: "the server did not describe \(symbol)")
    }
    for file in files.fileDescriptorProto { try pool.add(file: file) }
    return pool
  }

  private func ask(
    _ question: ServerReflectionRequest.MessageRequest
  ) async throws -> ServerReflectionResponse.MessageResponse? {
    let stream = try await channel.stream(
      path: Self.path, options: CallOptions(timeout: .seconds(5)))
    try await stream.send(ServerReflectionRequest(messageRequest: question).serialized())
    await stream.finish()
    guard let bytes = try await stream.next() else {
      throw Refused(description: "the server ended reflection without an answer")
    }
    let answer = try ServerReflectionResponse(serialized: bytes).messageResponse
    if case .errorResponse(let error) = answer { throw Refused(description: error.errorMessage) }
    return answer
  }
}
