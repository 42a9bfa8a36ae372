import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Protobuf
import Testing

@testable import GatewayCore

@Suite struct StatusJSONTests {
  private let services = ScriptedServices()

  private func refused(
    _ error: RPCError, language: String = "en"
  ) async throws -> EdgeResponse {
    services.answer(ClientDirectoryServiceMethods.createClient) {
      (_: CreateClientRequest, _) -> Client in throw error
    }
    return try await services.gateway().respond(
      to: .sample(
        "POST", Sample.clients, json: "{}", bearer: Sample.token,
        headers: ["accept-language": language]))
  }

  @Test func tellsReasonFieldsAndWaysOut() async throws {
    let error = RPCError(
      .alreadyExists, reason: "EMAIL_ON_PLATFORM", "taken", metadata: ["email": "a***@x.example"],
      violations: [FieldViolation(field: "contact_points[0].postal_code", description: "taken")],
      resolutions: [
        Resolution(
          rpc: "clientele.client_directory.v1.ClientDirectoryService/CreateClient",
          labelKey: "resolution.use_username_only",
          fields: ["existingEmailResolution": "EXISTING_EMAIL_RESOLUTION_USERNAME_ONLY"]),
        Resolution(
          rpc: "clientele.client_directory.v1.ClientDirectoryService/GetClient",
          labelKey: "resolution.open_client", fields: ["clientId": "a b"]),
        Resolution(
          rpc: "clientele.client_directory.v1.ClientDirectoryService/GetClient",
          labelKey: "resolution.open_client"),
        Resolution(
          rpc: "clientele.identity.v1.IdentityService/CheckIdentifier", labelKey: "none"),
      ])
    let answer = try await refused(error, language: "fr-CA,fr;q=0.9,en;q=0.5")
    #expect(answer.status == 409)
    #expect(answer.header("content-type") == "application/json")
    #expect(answer.json["error"]?["code"] == 409)
    #expect(answer.json["error"]?["status"] == "ALREADY_EXISTS")
    #expect(answer.json["error"]?["message"] == "taken")
    #expect(
      answer.detail("ErrorInfo") == [
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "EMAIL_ON_PLATFORM",
        "domain": "clientele", "metadata": ["email": "a***@x.example"],
      ])
    #expect(answer.fields == ["contactPoints[0].postalCode"])
    #expect(answer.detail("LocalizedMessage")?["locale"] == "fr")
    let text = answer.detail("LocalizedMessage")?["message"]?.string ?? ""
    #expect(text == Texts.frenchReasons["EMAIL_ON_PLATFORM"])
    let ways = answer.detail("Resolutions")?["resolutions"]?.array ?? []
    #expect(
      ways.first == [
        "rpc": "clientele.client_directory.v1.ClientDirectoryService/CreateClient",
        "labelKey": "resolution.use_username_only",
        "label": .string(Texts.frenchLabels["resolution.use_username_only"] ?? ""),
        "fields": ["existingEmailResolution": "EXISTING_EMAIL_RESOLUTION_USERNAME_ONLY"],
        "method": "POST", "path": .string(Sample.clients),
      ])
    #expect(
      ways.dropFirst().prefix(2).map { $0["path"]?.string } == [
        "\(Sample.clients)/a%20b", "\(Sample.clients)/{client_id}",
      ])
    #expect(ways.last?["path"] == nil)
  }

  @Test(arguments: StatusCode.allCases.filter { $0 != .ok })
  func everyCodeHasAStatus(_ code: StatusCode) async throws {
    let answer = try await refused(RPCError(code, "secret of the database"))
    #expect((400...599).contains(answer.status))
    let isOurs = [.internalError, .unknown, .dataLoss].contains(code)
    let isSilent = isOurs || code == .unavailable
    #expect(answer.json["error"]?["message"]?.string?.contains("secret") == !isSilent)
    #expect(answer.reason == (isOurs ? "INTERNAL" : code.name))
    #expect(answer.detail("LocalizedMessage")?["message"]?.string?.isEmpty == false)
  }

  @Test func toldDelaysBecomeRetryAfter() async throws {
    let delay = RetryInfo(retryDelay: ProtoDuration(seconds: 59, nanos: 1))
    let answer = try await refused(
      RPCError(.resourceExhausted, "QUOTA", details: [ProtoAny(delay)]))
    #expect(answer.status == 429)
    #expect(answer.header("retry-after") == "60")
  }

  @Test func unknownDetailsKeepTheirBytes() async throws {
    let detail = ProtoAny(typeURL: "type.googleapis.com/x.Y", value: [1, 2, 3])
    let answer = try await refused(RPCError(.aborted, "x", details: [detail]))
    #expect(answer.detail("x.Y") == ["@type": "type.googleapis.com/x.Y", "value": "AQID"])
  }

  @Test(arguments: [
    (nil, Language.english), ("", .english), ("nl-BE", .dutch), ("de,fr;q=0.3", .french),
    ("fr;q=0,nl;q=0.1", .dutch), ("en;q=0.5, NL;q=0.6", .dutch), ("*", .english),
    ("fr;q=nonsense", .english), (String(repeating: ",", count: 10_000), .english),
  ])
  func speaksTheCallersLanguage(_ header: String?, _ expected: Language) {
    #expect(Language(acceptLanguage: header) == expected)
  }
}

@Suite struct GatewayAnswerTests {
  private let services = ScriptedServices()

  @Test func unknownPathsAndMethods() async throws {
    let gateway = try services.gateway()
    let nothing = await gateway.respond(to: .sample("GET", "/v2/x"))
    #expect(nothing.status == 404)
    #expect(nothing.reason == "ROUTE_NOT_FOUND")
    let wrong = await gateway.respond(to: .sample("PUT", Sample.clients, json: "{}"))
    #expect(wrong.status == 405)
    #expect(wrong.header("allow") == "GET, POST")
    #expect(await gateway.respond(to: .sample("POST", "/healthz")).status == 405)
  }

  @Test func everyAnswerIsGuarded() async throws {
    let gateway = try services.gateway()
    for path in ["/", "/v1/x", Sample.clients, "/openapi.json", "/invitation", "/healthz"] {
      let answer = await gateway.respond(to: .sample("GET", path))
      #expect(answer.header("x-content-type-options") == "nosniff")
      #expect(answer.header("referrer-policy") == "no-referrer")
      #expect(answer.header("content-security-policy")?.contains("frame-ancestors 'none'") == true)
      #expect(answer.header("content-security-policy")?.contains("unsafe") == false)
      #expect(UUID(uuidString: answer.header("x-request-id") ?? "") != nil)
      let trace = answer.header("traceresponse") ?? ""
      #expect(TraceContext(traceparent: trace) != nil)
    }
    let refused = await gateway.respond(to: .sample("GET", Sample.clients))
    #expect(refused.header("cache-control") == "no-store")
  }

  @Test func servesItsPages() async throws {
    let gateway = try services.gateway()
    for (language, word) in [("fr", "passerelle"), ("en", "gateway"), ("nl", "gateway")] {
      let home = await gateway.respond(
        to: .sample("GET", "/", headers: ["accept-language": language]))
      let text = String(decoding: home.body, as: UTF8.self)
      #expect(home.status == 200)
      #expect(text.contains(word) && text.contains("lang=\"\(language)\""))
      #expect(text.contains("/openapi.json") && text.contains("/healthz"))
    }
    let page = await gateway.respond(to: .sample("GET", "/invitation"))
    let html = String(decoding: page.body, as: UTF8.self)
    #expect(page.header("content-type") == "text/html; charset=utf-8")
    #expect(html.contains("src=\"/pages/invitation.js\"") && !html.contains("<script>"))
    for named in html.matches(of: #/(?:src|href)="([^"]+)"/#) {
      let part = await gateway.respond(to: .sample("GET", String(named.1)))
      #expect(part.status == 200, "\(named.1)")
    }
    let script = await gateway.respond(to: .sample("GET", "/pages/invitation.js"))
    #expect(script.header("content-type")?.hasPrefix("text/javascript") == true)
    let tag = try #require(script.header("etag"))
    let again = await gateway.respond(
      to: .sample("GET", "/pages/invitation.js", headers: ["if-none-match": tag]))
    #expect(again.status == 304 && again.body.isEmpty)
    let head = await gateway.respond(to: .sample("HEAD", "/invitation"))
    #expect(head.status == 200 && head.body.isEmpty)
  }

  @Test func showsTheDocumentOfItsRoutes() async throws {
    let gateway = try services.gateway()
    let answer = await gateway.respond(to: .sample("GET", "/openapi.json"))
    let paths = try #require(answer.json["paths"])
    for route in gateway.routes.byRPC.values {
      let path = paths[route.pattern.text]
      #expect(path?[route.rule.method.lowercased()] != nil, "\(route.pattern.text)")
    }
  }

  @Test func tellsTheHealthOfEveryService() async throws {
    let gateway = try services.gateway()
    let answer = await gateway.respond(to: .sample("GET", "/healthz"))
    #expect(answer.status == 200)
    #expect(answer.json["status"] == "SERVING")
    for name in ["identity", "organization", "client-directory", "messaging"] {
      #expect(answer.json["services"]?[name] == "SERVING")
    }
    let empty = Backend(
      name: "messaging", services: [], channel: InProcessChannel(services: [], settings: .silent))
    let board = HealthBoard(services.backends.dropLast() + [empty])
    let one = await board.response()
    #expect(one.status == 503)
    #expect(one.json["services"]?["messaging"] == "UNREACHABLE")
    #expect(one.json["services"]?["identity"] == "SERVING")
  }
}

extension ServerSettings {
  /// A server that does not tell its health.
  static var silent: ServerSettings {
    var settings = ServerSettings()
    settings.servesHealth = false
    return settings
  }
}

@Suite struct TextsTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private static func texts(in folder: String, endingIn ending: String) -> [String] {
    let files = FileManager.default.enumerator(
      at: root.appending(path: folder), includingPropertiesForKeys: nil)
    return (files?.allObjects ?? []).compactMap { $0 as? URL }
      .filter { $0.pathExtension == ending && !$0.path.contains("/Generated/") }
      .compactMap { try? String(contentsOf: $0, encoding: .utf8) }
  }

  /// What follows a mark, up to the first character that is no part of such a word.
  private static func words(after mark: String, in text: String) -> [String] {
    text.components(separatedBy: mark).dropFirst().map { rest in
      String(rest.prefix { "_.".contains($0) || $0.isASCII && $0.isLetter })
    }
  }

  private static let code = ["services", "Sources"].flatMap { texts(in: $0, endingIn: "swift") }

  /// Reasons that the comments of the protos promise, `CODE/REASON, REASON or REASON`, and those
  /// that the code gives.
  private static let reasons: Set<String> = {
    var reasons: Set<String> = []
    for text in texts(in: "protos/clientele", endingIn: "proto") {
      let prose = text.replacing("\n  //", with: "")
      for status in StatusCode.allCases {
        for part in prose.components(separatedBy: " \(status.name)/").dropFirst() {
          let list = part.prefix { $0.isUppercase || "_, or".contains($0) }
          let words = list.split { $0 == "," || $0 == " " }
          reasons.formUnion(words.filter { $0.contains("_") }.map(String.init))
        }
      }
    }
    for text in code { reasons.formUnion(words(after: "reason: \"", in: text)) }
    // The lists of refusals give their reasons in tables, beside values of enums.
    let protos = texts(in: "protos/clientele", endingIn: "proto").joined()
    for text in code where text.contains("Error: Error") || text.contains("RPCErrorConvertible") {
      let names = words(after: "\"", in: text).filter { $0.contains("_") }
      reasons.formUnion(names.filter { !protos.contains("\($0) = ") })
    }
    return reasons.filter { $0.count > 3 && $0.allSatisfy { $0 == "_" || $0.isUppercase } }
  }()

  private static let labels = Set(
    code.flatMap { words(after: "\"resolution.", in: $0) }.filter { !$0.isEmpty }
      .map { "resolution.\($0)" })

  /// What the tables of the gateway and the protos say together.
  private func said(_ table: [String: String], _ language: Language) throws -> Set<String> {
    let texts = try Texts(GatewayProcess.shown.flatMap(\.services))
    return Set(table.keys).union(texts.protoTexts(language).keys)
  }

  @Test(arguments: Language.allCases)
  func everyReasonHasASentence(_ language: Language) throws {
    #expect(Self.reasons.count > 30)
    let said = try said(Texts.reasons(language), language)
    #expect(Self.reasons.subtracting(said).sorted() == [])
  }

  @Test(arguments: Language.allCases)
  func everyWayOutHasALabel(_ language: Language) throws {
    let said = try said(Texts.labels(language), language)
    #expect(Self.labels.subtracting(said).sorted() == [])
  }

  @Test(arguments: Language.allCases)
  func protosSpeakEveryLanguage(_ language: Language) throws {
    let own = try Texts(GatewayProcess.shown.flatMap(\.services)).protoTexts(language)
    #expect(!own.isEmpty)
    #expect(own.filter { $0.value.isEmpty }.keys.sorted() == [])
    // A key said in two places would be changed in one of them.
    let twice = own.keys.filter {
      Texts.reasons(language)[$0] != nil || Texts.labels(language)[$0] != nil
    }
    #expect(twice.sorted() == [])
  }

  @Test func theLanguagesSayTheSame() {
    let reasons = Set(Texts.englishReasons.keys)
    let labels = Set(Texts.englishLabels.keys)
    for language in Language.allCases {
      let reasonsApart = reasons.symmetricDifference(Texts.reasons(language).keys).sorted()
      let labelsApart = labels.symmetricDifference(Texts.labels(language).keys).sorted()
      #expect(reasonsApart == [], "English and \(language) differ")
      #expect(labelsApart == [], "English and \(language) differ")
      #expect(!Texts.reasons(language).values.contains(""))
    }
    for code in StatusCode.allCases where code != .ok {
      #expect(reasons.contains(code.name))
    }
  }
}
