import HTTP2

/// One call as its channel sees it.
///
/// Safety: everything but the constants is touched on the channel's event loop only. `result` and
/// `queue` are safe to use from anywhere.
final class ClientCall: @unchecked Sendable {
  enum Kind {
    case unary(request: [UInt8], result: OneShot<RPCResponse>)
    case stream(opened: OneShot<Void>, queue: MessageQueue)
  }

  let path: String
  let metadata: Metadata
  let deadline: Deadline
  let kind: Kind

  var stream: StreamHandle?
  var assembler: MessageAssembler
  var headers: Metadata?
  var message: [UInt8]?
  var isEnded = false
  var refusals = 0
  /// The sender of a call with streams, waiting for room.
  var writer: OneShot<Void>?
  var untakenBytes = 0
  var withheldBytes = 0
  var httpStatus = 200

  init(
    path: String, metadata: Metadata, deadline: Deadline, kind: Kind, responseBytesMax: Int
  ) {
    self.path = path
    self.metadata = metadata
    self.deadline = deadline
    self.kind = kind
    assembler = MessageAssembler(limit: responseBytesMax)
  }

  /// Ends the call for whoever waits for it. What comes later changes nothing.
  func fail(_ error: RPCError) {
    guard !isEnded else { return }
    isEnded = true
    switch kind {
    case .unary(_, let result):
      result.give(.failure(error))
    case .stream(let opened, let queue):
      opened.give(.failure(error))
      queue.finish(.failure(error))
    }
    writer?.give(.failure(error))
    writer = nil
  }

  /// Ends the call as the server's trailers say.
  func finish(_ trailers: ResponseFields) {
    guard !isEnded else { return }
    if let error = trailers.error(httpStatus: httpStatus) { return fail(error) }
    switch kind {
    case .unary(_, let result):
      guard let message, !assembler.isInsideMessage else {
        return fail(RPCError(.internalError, "the answer of \(path) is incomplete"))
      }
      isEnded = true
      result.give(
        .success(
          RPCResponse(
            message: message, headers: headers ?? Metadata(), trailers: trailers.metadata)))
    case .stream(let opened, let queue):
      isEnded = true
      opened.give(.success(()))
      queue.finish(.success(()))
      writer?.give(.failure(RPCError(.cancelled, "the call has ended")))
      writer = nil
    }
  }

  /// The head of the request; the deadline goes along as what is left of it.
  func requestFields(authority: String, scheme: String) -> FieldBlock {
    var block = FieldBlock()
    block.append(":method", "POST")
    block.append(":scheme", scheme)
    block.append(":path", path)
    block.append(":authority", authority)
    block.append("te", "trailers")
    block.append("content-type", "application/grpc")
    block.append("user-agent", "clientele-grpc")
    if deadline != .distantFuture {
      block.append("grpc-timeout", WireTimeout.text(deadline.remaining))
    }
    WireFields.append(metadata, to: &block)
    return block
  }
}

/// The headers or trailers of an answer.
struct ResponseFields {
  var httpStatus: Int?
  var isGRPC = false
  var status: Int?
  var message = ""
  var details: [UInt8]?
  var encoding: String?
  var metadata = Metadata()

  init(_ fields: ReceivedFields) {
    fields.forEach { name, value in read(name, value) }
  }

  private mutating func read(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    if name.is(":status") {
      httpStatus = value.number(digits: 3)
    } else if name.is("content-type") {
      isGRPC = value.starts(with: "application/grpc")
    } else if name.is("grpc-status") {
      status = value.number(digits: 3)
    } else if name.is("grpc-message") {
      message = PercentText.decode(value)
    } else if name.is("grpc-status-details-bin") {
      details = WireBase64.decode(value)
    } else if name.is("grpc-encoding") {
      encoding = value.text
    } else if !name.starts(with: "grpc-"), name.first != UInt8(ascii: ":") {
      // A pair that cannot be read is the server's fault, and no reason to lose its answer.
      MetadataReader.read(name, value, into: &metadata) { _ in }
    }
  }

  /// Nil when the call went well.
  func error(httpStatus: Int) -> RPCError? {
    guard let status else {
      return RPCError(Self.code(ofHTTP: self.httpStatus ?? httpStatus), "the answer has no status")
    }
    guard status != 0 else { return nil }
    return RPCError(
      StatusCode(rawValue: status) ?? .unknown, message,
      details: details.map(StatusDetails.details(ofStatus:)) ?? [])
  }

  /// What an answer from something that is no gRPC server stands for.
  static func code(ofHTTP status: Int) -> StatusCode {
    switch status {
    case 400: .internalError
    case 401: .unauthenticated
    case 403: .permissionDenied
    case 404: .unimplemented
    case 429, 502, 503, 504: .unavailable
    default: .unknown
    }
  }
}
