/// One HTTP request as the gateway sees it, free of the server that carried it.
public struct EdgeRequest: Sendable {
  /// Upper case, such as `POST`.
  public var method: String
  /// The path as sent, percent-encoded, without the query.
  public var path: String
  /// The query as sent, without the question mark; empty without one.
  public var query: String
  /// Name in lower case and value, in the order sent.
  public var headers: [Header]
  /// The network address at the other end of the connection, which may be a proxy.
  public var peerAddress: String
  /// Reads the body once. Throws `BodyRefusal`.
  public var readBody: @Sendable (_ bytesMax: Int) async throws -> [UInt8]

  /// One header field.
  public struct Header: Sendable, Hashable {
    /// In lower case.
    public var name: String
    /// As sent.
    public var value: String

    /// - Parameter name: in lower case.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Puts a request together.
  public init(
    method: String, path: String, query: String = "", headers: [Header] = [],
    peerAddress: String,
    readBody: @escaping @Sendable (_ bytesMax: Int) async throws -> [UInt8]
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.peerAddress = peerAddress
    self.readBody = readBody
  }

  /// The first value of a header field.
  /// - Parameter name: in lower case.
  public func header(_ name: String) -> String? {
    headers.first { $0.name == name }?.value
  }

  /// Every value of a header field.
  /// - Parameter name: in lower case.
  public func headerValues(_ name: String) -> [String] {
    headers.filter { $0.name == name }.map(\.value)
  }
}

/// Why a body was not read to its end.
public enum BodyRefusal: Error, Sendable, Hashable {
  /// It has more bytes than are taken.
  case tooLarge
  /// It did not arrive in time.
  case tooSlow
  /// The connection broke.
  case lost
}

/// What the gateway answers, free of the server that carries it.
public struct EdgeResponse: Sendable, Hashable {
  /// The HTTP status.
  public var status: Int
  /// Name in lower case and value; names may repeat.
  public var headers: [EdgeRequest.Header]
  /// The body; empty without one.
  public var body: [UInt8]
  /// True when the request's body was left unread, so that the connection cannot go on.
  public var endsConnection: Bool

  /// Puts an answer together.
  public init(
    status: Int, headers: [EdgeRequest.Header] = [], body: [UInt8] = [],
    endsConnection: Bool = false
  ) {
    self.status = status
    self.headers = headers
    self.body = body
    self.endsConnection = endsConnection
  }

  /// The first value of a header field.
  /// - Parameter name: in lower case.
  public func header(_ name: String) -> String? {
    headers.first { $0.name == name }?.value
  }
}
