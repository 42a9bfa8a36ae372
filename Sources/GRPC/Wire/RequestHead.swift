import HTTP2

/// What the headers of a call say; read where it stands, never copied.
struct RequestHead: ~Copyable {
  /// Why a request is no gRPC call, as an HTTP status.
  enum Refusal: Int {
    case method = 405
    case contentType = 415
  }

  var route: Int?
  var timeout: Duration?
  var metadata = Metadata()
  var refusal: Refusal?
  var problem: RPCError?
  /// How compressed messages of the request are packed.
  var encoding = Compression.identity
  /// True when the caller can unpack gzip.
  var acceptsGzip = false
  /// True when the caller wants no body whatever the answer is.
  private(set) var isHead = false
  private var sawContentType = false

  init(_ fields: ReceivedFields, router: Router) {
    fields.forEach { name, value in read(name, value, router) }
    if !sawContentType, refusal == nil { refusal = .contentType }
  }

  private mutating func read(
    _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ router: Router
  ) {
    if name.first == UInt8(ascii: ":") { return readPseudo(name, value, router) }
    if name.is("content-type") { return readContentType(value) }
    if name.is("te") || name.is("user-agent") || name.is("content-length") { return }
    if name.starts(with: "grpc-") { return readProtocolField(name, value) }
    MetadataReader.read(name, value, into: &metadata) { problem = problem ?? $0 }
  }

  private mutating func readPseudo(
    _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ router: Router
  ) {
    if name.is(":path") {
      route = router.route(value)
      if route == nil {
        problem = RPCError(.unimplemented, "there is no method \(value.text)")
      }
    } else if name.is(":method"), !value.is("POST") {
      refusal = .method
      isHead = value.is("HEAD")
    }
  }

  private mutating func readContentType(_ value: UnsafeRawBufferPointer) {
    sawContentType = true
    if value.is("application/grpc") { return }
    let subtype = value.grpcSubtype
    if subtype != "", subtype != "proto" { refusal = refusal ?? .contentType }
  }

  private mutating func readProtocolField(
    _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) {
    if name.is("grpc-timeout") {
      timeout = WireTimeout.parse(value)
      if timeout == nil { problem = RPCError(.internalError, "grpc-timeout cannot be read") }
    } else if name.is("grpc-encoding") {
      guard let encoding = Compression(name: value) else {
        problem = RPCError(
          .unimplemented, "messages are taken in these encodings: \(Compression.accepted)")
        return
      }
      self.encoding = encoding
    } else if name.is("grpc-accept-encoding") {
      acceptsGzip = Compression.gzip.isNamed(in: value)
    }
  }
}

/// Received fields as metadata.
enum MetadataReader {
  static func read(
    _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, into metadata: inout Metadata,
    orFail: (RPCError) -> Void
  ) {
    let key = name.text
    guard !Metadata.reserved.contains(key) else { return }
    guard name.ends(with: "-bin") else {
      metadata.append(received: Metadata.Entry(key: key, value: .text(value.trimmed.text)))
      return
    }
    // Some peers join the values of a repeated key with commas; the session has counted them.
    for element in value.listElements {
      guard let bytes = WireBase64.decode(element) else {
        return orFail(RPCError(.invalidArgument, "the metadata \(key) is not base64"))
      }
      metadata.append(received: Metadata.Entry(key: key, value: .binary(bytes)))
    }
  }
}
