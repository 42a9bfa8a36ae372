import Crypto
import Foundation

/// The pages and files that the gateway serves itself; built into the program.
struct PageShelf: Sendable {
  private struct File: Sendable {
    let type: String
    let bytes: [UInt8]
    let tag: String

    init(_ type: String, _ bytes: [UInt8]) {
      self.type = type
      self.bytes = bytes
      let hash = SHA256.hash(data: Data(bytes)).prefix(12).map { String($0, radix: 36) }.joined()
      tag = "\"\(hash)\""
    }
  }

  private let files: [String: File]
  private let home: [Language: File]

  init() {
    let html = "text/html; charset=utf-8"
    files = [
      "/openapi.json": File("application/json", Array(OpenAPIDocument.json.utf8)),
      "/invitation": File(html, PackageResources.invitation_html),
      "/pages/invitation.js": File(
        "text/javascript; charset=utf-8", PackageResources.invitation_js),
      "/pages/icon.svg": File("image/svg+xml", PackageResources.icon_svg),
      "/pages/style.css": File("text/css; charset=utf-8", PackageResources.style_css),
    ]
    home = [
      .english: File(html, PackageResources.home_en_html),
      .french: File(html, PackageResources.home_fr_html),
      .dutch: File(html, PackageResources.home_nl_html),
    ]
  }

  /// The file at the request's path; nil when there is none. Throws for other methods than GET.
  func page(_ request: EdgeRequest, language: Language) throws -> EdgeResponse? {
    let isHome = request.path == "/" || request.path.isEmpty
    guard let file = isHome ? home[language] : files[request.path] else { return nil }
    try Gateway.allowReading(request)
    var headers: [EdgeRequest.Header] = [
      .init("content-type", file.type), .init("etag", file.tag),
      .init("cache-control", "no-cache"),
    ]
    if isHome {
      headers.append(.init("vary", "accept-language"))
      headers.append(.init("content-language", language.tag))
    }
    let known = request.header("if-none-match")?.split(separator: ",").map(\.trimmed) ?? []
    if known.contains(file.tag) { return EdgeResponse(status: 304, headers: headers) }
    return EdgeResponse(status: 200, headers: headers, body: file.bytes)
  }
}
