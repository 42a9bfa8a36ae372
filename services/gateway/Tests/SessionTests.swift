import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Logging
import OrganizationAPI
import Protobuf
import Testing

@testable import GatewayCore

@Suite struct SessionTests {
  private let services = ScriptedServices()
  private let clients = Sample.clients

  init() {
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      ListClientsResponse()
    }
    services.answer(ClientDirectoryServiceMethods.createClient) { (_: CreateClientRequest, _) in
      Client(clientID: Sample.client)
    }
    services.answer(IdentityServiceMethods.signOut) { (_: SignOutRequest, _) in CommonAPI.Empty() }
    services.answer(IdentityServiceMethods.signIn) { (_: SignInRequest, _) in
      SignInResponse(
        sessionToken: Sample.token,
        session: Session(expireTime: Timestamp(Date().addingTimeInterval(3_600))))
    }
  }

  @Test func sendsAContextToken() async throws {
    let answer = try await services.gateway().respond(
      to: .sample("GET", clients, bearer: Sample.token))
    #expect(answer.status == 200)
    let issued: [IssueContextTokenRequest] =
      services.requests(IdentityServiceMethods.issueContextToken)
    #expect(issued.map(\.organizationID) == [Sample.organization])
    #expect(issued.map(\.sessionToken) == [Sample.token])
    let call = services.seen(ClientDirectoryServiceMethods.listClients).first
    let token = try #require(call?.metadata.first(binary: "clientele-context-bin"))
    let claims = try ContextClaims(serialized: ContextToken(serialized: token).claims)
    #expect(claims.organizationID == Sample.organization)
    #expect(call?.metadata.first("x-request-id") == answer.header("x-request-id"))
  }

  @Test func asksForNoOrganisationWhereNoneIsNamed() async throws {
    services.answer(IdentityServiceMethods.getMe) { (_: GetMeRequest, _) in Me() }
    let answer = try await services.gateway().respond(
      to: .sample("GET", "/v1/accounts/me", bearer: Sample.token))
    #expect(answer.status == 200)
    let issued: [IssueContextTokenRequest] =
      services.requests(IdentityServiceMethods.issueContextToken)
    #expect(issued.map(\.organizationID) == [""])
  }

  @Test(arguments: [
    nil, "", "nonsense", "clientele_s_a b", "clientele_s_" + String(repeating: "a", count: 300),
  ])
  func refusesWithoutASession(_ token: String?) async throws {
    let answer = try await services.gateway().respond(to: .sample("GET", clients, bearer: token))
    #expect(answer.status == 401)
    #expect(["SESSION_MISSING", "SESSION_INVALID"].contains(answer.reason))
    #expect(answer.header("www-authenticate") != nil)
    let way = answer.detail("Resolutions")?["resolutions"]?.array?.first
    #expect(way?["path"] == "/v1/sessions")
    #expect(services.seen(IdentityServiceMethods.issueContextToken).isEmpty)
  }

  @Test func passesOnWhatIdentityRefuses() async throws {
    services.answer(IdentityServiceMethods.issueContextToken) {
      (_: IssueContextTokenRequest, _) -> IssueContextTokenResponse in
      throw RPCError(.unauthenticated, reason: "SESSION_INVALID", "ended")
    }
    let answer = try await services.gateway().respond(
      to: .sample("GET", clients, headers: ["cookie": "a=b; clientele_session=\(Sample.token)"]))
    #expect(answer.status == 401)
    #expect(answer.headers("set-cookie").first?.contains("Max-Age=0") == true)
    #expect(services.seen(ClientDirectoryServiceMethods.listClients).isEmpty)
  }

  // MARK: Cookie and origin

  @Test func signingInSetsTheCookie() async throws {
    let gateway = try services.gateway()
    let answer = await gateway.respond(
      to: .sample(
        "POST", "/v1/sessions",
        json: #"{"identifier":"a@example.org","password":"x","remoteAddress":"10.0.0.1"}"#))
    #expect(answer.status == 200)
    #expect(answer.json["sessionToken"]?.string == Sample.token)
    let cookie = try #require(answer.headers("set-cookie").first)
    #expect(cookie.hasPrefix("clientele_session=\(Sample.token); Path=/; HttpOnly; SameSite=Lax"))
    #expect(!cookie.contains("Secure"))
    let request = services.requests(IdentityServiceMethods.signIn, as: SignInRequest.self).first
    #expect(request?.remoteAddress == "192.0.2.1")
  }

  @Test func overHTTPSTheCookieIsBoundToTheHost() async throws {
    var settings = GatewaySettings()
    settings.publicURL = "https://clients.example/"
    let answer = try await services.gateway(settings).respond(
      to: .sample("POST", "/v1/sessions", json: "{}"))
    let cookie = try #require(answer.headers("set-cookie").first)
    #expect(cookie.hasPrefix("__Host-clientele=") && cookie.contains("; Secure"))
    #expect(answer.header("strict-transport-security") != nil)
    let plain = try await services.gateway(settings).respond(
      to: .sample("GET", clients, headers: ["cookie": "clientele_session=\(Sample.token)"]))
    #expect(plain.status == 401)
  }

  @Test func signingOutTakesTheCookieAway() async throws {
    let answer = try await services.gateway().respond(
      to: .sample(
        "DELETE", "/v1/sessions/current",
        headers: [
          "cookie": "clientele_session=\(Sample.token)", "sec-fetch-site": "same-origin",
        ]))
    #expect(answer.status == 200)
    #expect(answer.json == [:])
    #expect(
      answer.headers("set-cookie") == [
        "clientele_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
      ])
  }

  @Test(arguments: [
    (["origin": "http://127.0.0.1:8080"], 200),
    (["sec-fetch-site": "same-origin"], 200),
    (["origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"], 200),
    (["origin": "http://localhost:8080", "host": "localhost:8080"], 200),
    (["origin": "http://127.0.0.1:8080", "sec-fetch-site": "cross-site"], 403),
    (["origin": "https://evil.example", "sec-fetch-site": "same-origin"], 403),
    (["origin": "https://evil.example", "host": "127.0.0.1:8080"], 403),
    (["origin": "null"], 403),
    (["sec-fetch-site": "same-site"], 403),
    (["sec-fetch-site": "none"], 403),
    ([:], 403),
  ])
  func aCookieNeedsOurOwnPage(_ headers: [String: String], _ status: Int) async throws {
    var headers = headers
    headers["cookie"] = "clientele_session=\(Sample.token)"
    let gateway = try services.gateway()
    let write = await gateway.respond(
      to: .sample("POST", clients, json: "{}", headers: headers))
    #expect(write.status == status)
    if status == 403 { #expect(write.reason == "ORIGIN_REFUSED") }
    let read = await gateway.respond(to: .sample("GET", clients, headers: headers))
    #expect(read.status == 200)
    var bearer = headers
    bearer["authorization"] = "bearer \(Sample.token)"
    let program = await gateway.respond(to: .sample("POST", clients, json: "{}", headers: bearer))
    #expect(program.status == 200)
  }

  @Test func aCookieNeedsJSON() async throws {
    let answer = try await services.gateway().respond(
      to: .sample(
        "POST", clients,
        headers: [
          "cookie": "clientele_session=\(Sample.token)", "sec-fetch-site": "same-origin",
        ]))
    #expect(answer.status == 415)
  }

  @Test func anotherSiteCannotSignAVisitorIn() async throws {
    let answer = try await services.gateway().respond(
      to: .sample("POST", "/v1/sessions", json: "{}", headers: ["origin": "https://evil.example"]))
    #expect(answer.status == 403)
    #expect(services.seen(IdentityServiceMethods.signIn).isEmpty)
  }
}

@Suite struct ContextTokensTests {
  private let services = ScriptedServices()

  init() {
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      ListClientsResponse()
    }
  }

  private var issued: Int { services.seen(IdentityServiceMethods.issueContextToken).count }

  private func list(_ gateway: Gateway) async {
    let answer = await gateway.respond(to: .sample("GET", Sample.clients, bearer: Sample.token))
    #expect(answer.status == 200)
  }

  /// Waits until something holds, at most ten seconds: other tests want the machine too.
  private func eventually(_ holds: () async throws -> Bool) async throws {
    let end = ContinuousClock.now.advanced(by: .seconds(10))
    while try await !holds() {
      try #require(ContinuousClock.now < end)
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  @Test func areKeptWhileTheFeedIsHeard() async throws {
    let clock = TestClock()
    let gateway = try services.gateway(now: clock.now)
    await list(gateway)
    await list(gateway)
    #expect(issued == 2, "nothing is kept before the feed is heard")
    gateway.tokens.heard([])
    await list(gateway)
    await list(gateway)
    #expect(issued == 3)
    clock.advance(.seconds(5))
    await list(gateway)
    #expect(issued == 3)
    clock.advance(.milliseconds(1))
    await list(gateway)
    #expect(issued == 4, "the feed is silent for too long")
    gateway.tokens.heard([])
    await list(gateway)
    #expect(issued == 4)
  }

  @Test func areRenewedBeforeTheyExpire() async throws {
    services.answer(IdentityServiceMethods.issueContextToken) {
      (request: IssueContextTokenRequest, _) in
      ScriptedServices.contextToken(organization: request.organizationID, lifetime: 9)
    }
    let gateway = try services.gateway()
    gateway.tokens.heard([])
    await list(gateway)
    await list(gateway)
    #expect(issued == 2)
  }

  @Test(arguments: [
    (Revocation.session(account: Sample.account, session: Sample.session), true),
    (.session(account: Sample.account, session: nil), true),
    (.membership(account: Sample.account, organization: Sample.organization), true),
    (.session(account: Sample.account, session: Sample.client), false),
    (.session(account: Sample.client, session: nil), false),
    (.membership(account: Sample.account, organization: Sample.client), false),
  ])
  func areDroppedByARevocation(_ revocation: Revocation, _ isDropped: Bool) async throws {
    let gateway = try services.gateway()
    gateway.tokens.heard([])
    await list(gateway)
    gateway.tokens.heard([revocation])
    await list(gateway)
    #expect(issued == (isDropped ? 2 : 1))
  }

  @Test func areNotKeptWhenRevokedOnTheirWay() async throws {
    let gateway = try services.gateway()
    let tokens = gateway.tokens
    tokens.heard([])
    services.answer(IdentityServiceMethods.issueContextToken) {
      (request: IssueContextTokenRequest, _) in
      tokens.heard([.session(account: Sample.account, session: nil)])
      return ScriptedServices.contextToken(organization: request.organizationID)
    }
    await list(gateway)
    #expect(tokens.count == 0)
  }

  @Test func areBounded() async throws {
    let tokens = ContextTokens(capacity: 3) { request, _, _ in
      ScriptedServices.contextToken(organization: request.organizationID)
    }
    tokens.heard([])
    let credential = try #require(
      Credential(
        .sample("GET", "/", bearer: Sample.token), cookie: SessionCookie(isSecure: false)))
    for number in 0..<10 {
      _ = try await tokens.token(
        for: credential, organization: "\(number)", deadline: .after(.seconds(1)),
        metadata: Metadata())
    }
    #expect(tokens.count == 3)
  }

  @Test func aRefusedOneIsRenewedOnce() async throws {
    let gateway = try services.gateway()
    services.answer(ClientDirectoryServiceMethods.listClients) {
      (_: ListClientsRequest, _) -> ListClientsResponse in
      throw RPCError(.unauthenticated, reason: "CONTEXT_INVALID", "old")
    }
    let answer = await gateway.respond(to: .sample("GET", Sample.clients, bearer: Sample.token))
    #expect(answer.status == 401)
    #expect(issued == 2)
  }

  // MARK: The follower

  @Test func theFeedDropsThemWithinASecond() async throws {
    services.announce(
      "session.revoked", SessionRevoked(accountID: Sample.account), transaction: 5)
    let gateway = try services.gateway()
    let following = Task { await gateway.followRevocations() }
    defer { following.cancel() }
    try await eventually {
      await list(gateway)
      return gateway.tokens.count == 1
    }
    let before = issued
    await list(gateway)
    #expect(issued == before)
    services.announce(
      "session.revoked",
      SessionRevoked(accountID: Sample.account.uppercased(), sessionID: Sample.session),
      transaction: 900)
    try await eventually { gateway.tokens.count == 0 }
    await list(gateway)
    services.announce(
      "membership.changed",
      MembershipChanged(
        membership: Membership(accountID: Sample.account, organizationID: Sample.organization)),
      transaction: 901)
    try await eventually { gateway.tokens.count == 0 }
  }

  @Test func theFollowerBeginsAnewWhenTheFeedWasRestored() async throws {
    for transaction in [5, 900] as [UInt64] {
      services.announce(
        "session.revoked", SessionRevoked(accountID: Sample.client), transaction: transaction)
    }
    let gateway = try services.gateway()
    let following = Task { await gateway.followRevocations() }
    defer { following.cancel() }
    try await eventually {
      await list(gateway)
      return gateway.tokens.count == 1
    }
    services.restoreFeed(keeping: 1)
    // What was kept may have ended in what the restored feed never tells.
    try await eventually { gateway.tokens.count == 0 }
    try await eventually {
      await list(gateway)
      return gateway.tokens.count == 1
    }
    services.announce("session.revoked", SessionRevoked(accountID: Sample.account), transaction: 6)
    try await eventually { gateway.tokens.count == 0 }
  }

  @Test(arguments: [0, 1, 2, 40])
  func theFollowerBeginsAtThePresent(_ events: Int) async throws {
    for number in 0..<events {
      services.announce(
        "session.revoked", SessionRevoked(accountID: Sample.account),
        transaction: 1 << UInt64(number / 2))
    }
    let identity = try #require(services.backends.first)
    let tokens = ContextTokens { _, _, _ in IssueContextTokenResponse() }
    let follower = RevocationFollower(
      channel: identity.channel, tokens: tokens, logger: Logger(label: "test"))
    let end = try await follower.end()
    #expect(end?.transactionID == (events == 0 ? nil : 1 << UInt64((events - 1) / 2)))
    #expect(services.seen(ScriptedServices.listEvents).count < 100)
  }
}
