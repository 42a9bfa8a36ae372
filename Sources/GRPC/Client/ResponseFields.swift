import HTTP2

/// The headers or trailers of an answer.
struct ResponseFields {
  /// What the server says of another attempt.
  enum Pushback {
    case after(Duration)
    case never
  }

  var httpStatus: Int?
  var isGRPC = false
  /// True for an answer that says what it is and is something else.
  var isForeign = false
  var status: Int?
  var message = ""
  var details: [UInt8]?
  var encoding = Encoding.known(.identity)
  var pushback: Pushback?
  var metadata = Metadata()

  enum Encoding {
    case known(Compression)
    case unknown(String)
  }

  init(_ fields: ReceivedFields) {
    fields.forEach { name, value in read(name, value) }
  }

  private mutating func read(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    if name.is(":status") {
      httpStatus = value.number(digits: 3)
    } else if name.is("content-type") {
      isGRPC = value.grpcSubtype != nil
      isForeign = !isGRPC
    } else if name.starts(with: "grpc-") {
      readProtocolField(name, value)
    } else if name.first != UInt8(ascii: ":") {
      // A pair that cannot be read is the server's fault, and no reason to lose its answer.
      MetadataReader.read(name, value, into: &metadata) { _ in }
    }
  }

  private mutating func readProtocolField(
    _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) {
    if name.is("grpc-status") {
      status = value.number(digits: 3)
    } else if name.is("grpc-message") {
      message = PercentText.decode(value)
    } else if name.is("grpc-status-details-bin") {
      details = WireBase64.decode(value)
    } else if name.is("grpc-encoding") {
      encoding = Compression(name: value).map { .known($0) } ?? .unknown(value.text)
    } else if name.is("grpc-retry-pushback-ms") {
      // What cannot be read counts as a request to stop.
      pushback = value.number(digits: 9).map { .after(.milliseconds($0)) } ?? .never
    }
  }

  /// Nil when the call went well.
  ///
  /// - Parameter isWhole: true when these fields are all of the answer.
  func error(httpStatus: Int, isWhole: Bool) -> RPCError? {
    guard let status, !(isWhole && isForeign) else {
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
