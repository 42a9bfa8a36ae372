/// Header fields that tell browsers what not to do; on every answer.
struct SecurityHeaders: Sendable {
  /// Pages load scripts, styles and data from the gateway alone, and nothing inline.
  static let pagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
  /// Data load nothing at all.
  static let dataPolicy = "default-src 'none'; frame-ancestors 'none'"

  private let always: [EdgeRequest.Header]

  init(isSecure: Bool) {
    var headers: [EdgeRequest.Header] = [
      .init("x-content-type-options", "nosniff"),
      .init("referrer-policy", "no-referrer"),
      .init("cross-origin-resource-policy", "same-origin"),
      .init("cross-origin-opener-policy", "same-origin"),
      .init("x-frame-options", "DENY"),
    ]
    if isSecure {
      headers.append(.init("strict-transport-security", "max-age=31536000; includeSubDomains"))
    }
    always = headers
  }

  /// Adds what the answer does not say itself.
  func add(to response: inout EdgeResponse, requestID: String) {
    let isPage = response.header("content-type")?.hasPrefix("text/html") == true
    var headers = always
    headers.append(.init("content-security-policy", isPage ? Self.pagePolicy : Self.dataPolicy))
    headers.append(.init("cache-control", "no-store"))
    headers.append(.init("x-request-id", requestID))
    for header in headers where response.header(header.name) == nil {
      response.headers.append(header)
    }
  }
}
