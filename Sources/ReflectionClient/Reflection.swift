import CommonAPI
public import GRPC
public import Protobuf

/// Asks a server what it offers, over `grpc.reflection.v1`, or v1alpha where a server has only
/// that.
public struct Reflection: Sendable {
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
    try await converse { talk in
      guard case .listServicesResponse(let list)? = try await talk.ask(.listServices("")) else {
        throw Refused(description: "the server did not list its services")
      }
      return list.service.map(\.name).sorted()
    }
  }

  /// The files that declare a service, a message or a method, and all that those need, whether the
  /// server sends these along or waits until it is asked. A needed file that it says it does not
  /// have is left out, and what that declares is unknown. Throws `RPCError`, `Refused`, or
  /// `DecodeError` for descriptors that cannot be read.
  public func pool(containing symbol: String) async throws -> DescriptorPool {
    try await converse { talk in
      var files = Files(symbol: symbol)
      guard try files.add(try await talk.ask(.fileContainingSymbol(symbol))) else {
        throw Refused(description: "the server did not describe \(symbol)")
      }
      while case let names = try files.wanted(), !names.isEmpty {
        for name in names {
          do {
            _ = try files.add(try await talk.ask(.fileByFilename(name)))
          } catch is NotTold {}
        }
      }
      return files.pool
    }
  }

  /// Both versions have the same bytes on the wire, so only the path differs.
  private func converse<Result>(
    _ body: (Conversation) async throws -> Result
  ) async throws -> Result {
    do {
      return try await converse(over: "v1", body)
    } catch let error as RPCError where error.code == .unimplemented {
      return try await converse(over: "v1alpha", body)
    }
  }

  private func converse<Result>(
    over version: String, _ body: (Conversation) async throws -> Result
  ) async throws -> Result {
    let stream = try await channel.stream(
      path: "/grpc.reflection.\(version).ServerReflection/ServerReflectionInfo",
      options: CallOptions(timeout: .seconds(10)))
    defer { stream.cancel() }
    do {
      let result = try await body(Conversation(stream: stream))
      await stream.finish()
      return result
    } catch let error as NotTold { throw Refused(description: error.message) }
  }
}

/// The server's own "no" to one question; the next may be asked.
private struct NotTold: Error {
  let message: String
}

/// Questions and answers, one after the other, on one stream.
private struct Conversation {
  let stream: RPCStream

  func ask(
    _ question: ServerReflectionRequest.MessageRequest
  ) async throws -> ServerReflectionResponse.MessageResponse? {
    try await stream.send(ServerReflectionRequest(messageRequest: question).serialized())
    guard let message = try await stream.next() else {
      throw Reflection.Refused(description: "the server ended reflection without an answer")
    }
    let answer = try ServerReflectionResponse(serialized: message.bytes).messageResponse
    if case .errorResponse(let error) = answer { throw NotTold(message: error.errorMessage) }
    return answer
  }
}

/// What a server has told of the files behind one symbol, within bounds.
private struct Files {
  private static let countMax = 1000
  private static let bytesMax = 16 << 20

  let symbol: String
  private(set) var pool = DescriptorPool()
  private var bytes = 0
  private var asked: Set<String> = []

  init(symbol: String) {
    self.symbol = symbol
  }

  /// False when the answer is not one of files.
  mutating func add(_ answer: ServerReflectionResponse.MessageResponse?) throws -> Bool {
    guard case .fileDescriptorResponse(let files)? = answer else { return false }
    for file in files.fileDescriptorProto {
      bytes += file.count
      guard bytes <= Self.bytesMax else {
        throw Reflection.Refused(
          description: "\(symbol) needs more than \(Self.bytesMax >> 20) MiB of descriptors")
      }
      try pool.add(file: file)
    }
    return true
  }

  /// Names of the files that are needed and have not been asked for.
  mutating func wanted() throws -> [String] {
    let names = pool.missingFiles.subtracting(asked)
    asked.formUnion(names)
    guard asked.count <= Self.countMax else {
      throw Reflection.Refused(
        description: "\(symbol) needs more than \(Self.countMax) files besides its own")
    }
    return names.sorted()
  }
}
