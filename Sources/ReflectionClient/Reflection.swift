import CommonAPI
public import GRPC
public import Protobuf

/// Asks a server what it offers, over `grpc.reflection.v1`.
public struct Reflection: Sendable {
  private static let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

  /// What a server would not tell, in its own words.
  public struct Refused: Error, CustomStringConvertible {
    /// A sentence, from the server or about it.
    public let description: String
  }

  private let channel: any RPCChannel

  /// Questions go over this channel.
  public init(channel: any RPCChannel) {
    self.channel = channel
  }

  /// Full names of the services, sorted. Throws `RPCError` or `Refused`.
  public func services() async throws -> [String] {
    let answer = try await ask(.listServices(""))
    guard case .listServicesResponse(let list) = answer else {
      throw Refused(description: "the server did not list its services")
    }
    return list.service.map(\.name).sorted()
  }

  /// The files that declare a service, a message or a method, and all that those need. Throws
  /// `RPCError`, `Refused`, or `DecodeError` for descriptors that cannot be read.
  public func pool(containing symbol: String) async throws -> DescriptorPool {
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
    guard let message = try await stream.next() else {
      throw Refused(description: "the server ended reflection without an answer")
    }
    let answer = try ServerReflectionResponse(serialized: message.bytes).messageResponse
    if case .errorResponse(let error) = answer { throw Refused(description: error.errorMessage) }
    return answer
  }
}
