import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Synchronization
import Testing

@testable import GatewayCore

/// A monotonic clock that a test winds.
final class TestClock: Sendable {
  private let moment = Mutex(ContinuousClock.now)

  var now: @Sendable () -> ContinuousClock.Instant {
    { [self] in moment.withLock { $0 } }
  }

  func advance(_ duration: Duration) {
    moment.withLock { $0 = $0.advanced(by: duration) }
  }
}

@Suite struct RateLimiterTests {
  @Test func allowsABurstAndThenItsRate() {
    let clock = TestClock()
    let limiter = RateLimiter(Rate(perSecond: 10, burst: 5), now: clock.now)
    for _ in 0..<5 { #expect(limiter.take("a") == nil) }
    #expect(limiter.take("a") == .milliseconds(100))
    #expect(limiter.take("b") == nil)
    clock.advance(.milliseconds(100))
    #expect(limiter.take("a") == nil)
    #expect(limiter.take("a") != nil)
    clock.advance(.seconds(60))
    for _ in 0..<5 { #expect(limiter.take("a") == nil) }
    #expect(limiter.take("a") != nil)
  }

  @Test func forgetsTheOldestKeys() {
    let limiter = RateLimiter(Rate(perSecond: 1, burst: 1), keys: 2)
    for key in ["a", "b", "c"] { #expect(limiter.take(key) == nil) }
    #expect(limiter.take("c") != nil)
    #expect(limiter.take("a") == nil)
  }

  @Test func theLeastRecentlyUsedGoesFirst() {
    var cache = LeastRecentlyUsed<Int, String>(capacity: 3)
    for key in 1...3 { cache[key] = "\(key)" }
    #expect(cache[1] == "1")
    cache[4] = "4"
    #expect(cache[2] == nil)
    #expect(cache.count == 3)
    cache[3] = nil
    cache[5] = "5"
    #expect(cache[1] == "1" && cache[4] == "4" && cache[5] == "5")
    cache.removeAll { key, _ in key > 3 }
    #expect(cache.count == 1)
    for key in 10...30 { cache[key] = "\(key)" }
    #expect(cache.count == 3)
    #expect(cache[30] == "30" && cache[28] == "28" && cache[27] == nil)
  }

  @Test func retriesStopWhenTheyDoNotHelp() {
    let budget = RetryBudget()
    let allowed = (0..<20).map { _ in budget.failed() }
    #expect(allowed.prefix(4).allSatisfy { $0 } && !allowed.dropFirst(4).contains(true))
    for _ in 0..<52 { budget.succeeded() }
    #expect(!budget.failed() || budget.failed() == false)
  }

  @Test func oneIPv6HostIsOneKey() {
    #expect(AddressBlock.limitKey("2001:db8::1") == AddressBlock.limitKey("2001:db8::ffff:1"))
    #expect(AddressBlock.limitKey("2001:db8::1") != AddressBlock.limitKey("2001:db8:0:1::1"))
    #expect(AddressBlock.limitKey("192.0.2.1") == "192.0.2.1")
  }
}

@Suite struct GatewayLimitTests {
  private let services = ScriptedServices()
  private let clock = TestClock()

  init() {
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      ListClientsResponse()
    }
    services.answer(IdentityServiceMethods.signIn) { (_: SignInRequest, _) in SignInResponse() }
  }

  private func statuses(_ count: Int, _ gateway: Gateway, _ request: EdgeRequest) async -> [Int] {
    var statuses: [Int] = []
    for _ in 0..<count { statuses.append(await gateway.respond(to: request).status) }
    return statuses
  }

  @Test func limitsAnAddress() async throws {
    var settings = GatewaySettings()
    settings.addressRate = Rate(perSecond: 1, burst: 2)
    let gateway = try services.gateway(settings, now: clock.now)
    #expect(await statuses(3, gateway, .sample("GET", "/")) == [200, 200, 429])
    let refused = await gateway.respond(to: .sample("GET", "/"))
    #expect(refused.reason == "RATE_LIMITED")
    #expect(refused.header("retry-after") == "1" || refused.header("retry-after") == "2")
    #expect(await gateway.respond(to: .sample("GET", "/", peer: "192.0.2.2")).status == 200)
    clock.advance(.seconds(1))
    #expect(await statuses(2, gateway, .sample("GET", "/")) == [200, 429])
  }

  @Test func limitsASession() async throws {
    var settings = GatewaySettings()
    settings.sessionRate = Rate(perSecond: 1, burst: 2)
    let gateway = try services.gateway(settings, now: clock.now)
    let call = EdgeRequest.sample("GET", Sample.clients, bearer: Sample.token)
    #expect(await statuses(3, gateway, call) == [200, 200, 429])
    let other = EdgeRequest.sample("GET", Sample.clients, bearer: Sample.token + "x")
    #expect(await statuses(1, gateway, other) == [200])
  }

  @Test func limitsSigningInMore() async throws {
    var settings = GatewaySettings()
    settings.publicRate = Rate(perSecond: 0.5, burst: 1)
    let gateway = try services.gateway(settings, now: clock.now)
    let call = EdgeRequest.sample("POST", "/v1/sessions", json: "{}")
    #expect(await statuses(2, gateway, call) == [200, 429])
    #expect(
      await statuses(1, gateway, .sample("GET", Sample.clients, bearer: Sample.token)) == [200])
  }

  @Test(arguments: [
    ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
    ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
    ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.7", "203.0.113.9"),
    ("10.0.0.1", "1.2.3.4, nonsense", "10.0.0.1"),
    ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
    ("10.0.0.1", "", "10.0.0.1"),
  ])
  func believesOnlyKnownProxies(_ peer: String, _ forwarded: String, _ expected: String) throws {
    let proxies = try #require(AddressBlock("10.0.0.0/8"))
    let request = EdgeRequest.sample(
      "GET", "/", headers: ["x-forwarded-for": forwarded], peer: peer)
    #expect(request.clientAddress(trusting: [proxies]) == expected)
  }

  @Test func settingsAreChecked() {
    var settings = GatewaySettings()
    #expect(settings.problems.isEmpty)
    settings.publicURL = "http://clients.example"
    settings.trustedProxies = ["10.0.0.0/33", "nonsense", "10.0.0.0/8"]
    #expect(settings.problems.count == 3)
    settings.publicURL = "https://Clients.example:8443/x"
    #expect(settings.publicOrigin == "https://clients.example:8443")
  }
}

@Suite struct RetryTests {
  private let services = ScriptedServices()

  /// Time enough on a machine that is busy with other tests.
  private var patient: GatewaySettings {
    var settings = GatewaySettings()
    settings.deadline = .seconds(30)
    return settings
  }

  private func fail(_ times: Int, _ code: StatusCode = .unavailable) -> @Sendable () throws -> Void
  {
    let left = Counter(times)
    return { if left.next() { throw RPCError(code, "later") } }
  }

  @Test func aReadIsTriedThreeTimes() async throws {
    for (times, status) in [(2, 200), (3, 503)] {
      let services = ScriptedServices()
      let failing = fail(times)
      services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
        try failing()
        return ListClientsResponse()
      }
      let answer = try await services.gateway(patient).respond(
        to: .sample("GET", Sample.clients, bearer: Sample.token))
      #expect(answer.status == status)
      #expect(services.seen(ClientDirectoryServiceMethods.listClients).count == 3)
    }
  }

  @Test func aWriteIsRepeatedWithTheSameRequestID() async throws {
    let failing = fail(1)
    services.answer(ClientDirectoryServiceMethods.createClient) { (_: CreateClientRequest, _) in
      try failing()
      return Client()
    }
    let answer = try await services.gateway(patient).respond(
      to: .sample("POST", Sample.clients, json: "{}", bearer: Sample.token))
    #expect(answer.status == 200)
    let requests: [CreateClientRequest] =
      services.requests(ClientDirectoryServiceMethods.createClient)
    #expect(requests.count == 2)
    #expect(requests.first == requests.last)
  }

  @Test func aWriteWithoutARequestIDIsNot() async throws {
    services.answer(ClientDirectoryServiceMethods.checkClientEmail) {
      (_: CheckClientEmailRequest, _) -> CheckClientEmailResponse in
      throw RPCError(.unavailable, "later")
    }
    let answer = try await services.gateway().respond(
      to: .sample("POST", "\(Sample.clients):checkEmail", json: "{}", bearer: Sample.token))
    #expect(answer.status == 503)
    #expect(answer.header("retry-after") == "1")
    #expect(services.seen(ClientDirectoryServiceMethods.checkClientEmail).count == 1)
  }

  @Test func otherCodesAreNot() async throws {
    let failing = fail(1, .aborted)
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      try failing()
      return ListClientsResponse()
    }
    let answer = try await services.gateway().respond(
      to: .sample("GET", Sample.clients, bearer: Sample.token))
    #expect(answer.status == 409)
  }

  @Test func aServiceThatCannotBeReachedIsUnavailable() async throws {
    services.answer(ClientDirectoryServiceMethods.listClients) {
      (_: ListClientsRequest, _) -> ListClientsResponse in
      throw RPCError(
        .deadlineExceeded, reason: RPCError.noConnection, "no connection to 192.0.2.7:1 in time")
    }
    let answer = try await services.gateway().respond(
      to: .sample("GET", Sample.clients, bearer: Sample.token))
    #expect(answer.status == 503)
    #expect(answer.header("retry-after") == "1")
    #expect(answer.reason == "UNAVAILABLE")
    #expect(!String(decoding: answer.body, as: UTF8.self).contains("192.0.2.7"))
  }

  @Test func aCallEndsAtItsDeadline() async throws {
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      try await Task.sleep(for: .seconds(30))
      return ListClientsResponse()
    }
    var settings = GatewaySettings()
    settings.deadline = .milliseconds(200)
    let answer = try await services.gateway(settings).respond(
      to: .sample("GET", Sample.clients, bearer: Sample.token))
    #expect(answer.status == 504)
  }
}

/// Counts down.
final class Counter: Sendable {
  private let left: Mutex<Int>

  init(_ count: Int) {
    left = Mutex(count)
  }

  /// True as often as it was told.
  func next() -> Bool {
    left.withLock {
      $0 -= 1
      return $0 >= 0
    }
  }
}
