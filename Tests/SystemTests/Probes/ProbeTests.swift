import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import MessagingAPI
import OrganizationAPI
import Synchronization
import TestKit
import Testing

/// One organisation never sees another's data, whichever method it calls and whichever id it puts
/// into whichever field (R17). The requests come from the descriptors: a method that is added is
/// probed without a change here. Afterwards nothing secret lies anywhere at rest (R30).
@Suite(.serialized, .timeLimit(.minutes(30))) struct ProbeTests {
  /// Fewest probes; the round is repeated with other ids until they are made.
  static let probes = Setting.count("CLIENTELE_PROBES", 1)

  private static let services = [
    ("identity", IdentityServiceMethods.service),
    ("organization", OrganizationServiceMethods.service),
    ("client-directory", ClientDirectoryServiceMethods.service),
    ("messaging", MessagingServiceMethods.service),
  ]

  @Test("every id of every method: another organisation's is like nobody's")
  func everyField() async throws {
    Cores.letChildrenLeaveThem()
    try await withStack { stack in
      let secrets = Secrets()
      let victim = try await Canary(stack, "admin@demo.example")
      let attacker = try await Canary(stack, "admin@other.example")
      try await secrets.use(stack, mailedTo: victim.email)
      // Numbers are read in full only soon after a sign-in.
      try await secrets.useNumbers(try await Practice.signedIn(stack, as: victim.identifier))
      let wires = try ["gateway", "operator"].map { try Wires(stack, as: $0) }
      let methods = try Self.services.flatMap { service, descriptor in
        try ProbedMethod.all(of: descriptor, in: service)
      }.filter { !$0.idPaths.isEmpty }
      #expect(methods.count >= 15)
      let caller = Prober(
        wires: wires, administrator: try await Administrator(wires[0], as: attacker.identifier),
        forbidden: victim.word)
      let owner = Prober(
        wires: wires, administrator: try await Administrator(wires[0], as: victim.identifier),
        forbidden: attacker.word)
      try await owner.harvest(methods)
      try await caller.harvest(methods)
      for name in ["clientId", "contactPointId", "employeeId", "branchId", "messageId"] {
        #expect(owner.ids(name).isEmpty == false, "\(name)")
        #expect(caller.ids(name).isEmpty == false, "\(name)")
      }
      repeat {
        for method in methods { try await caller.probe(method, foreign: owner) }
      } while caller.count < Self.probes
      for wires in wires { await wires.close() }
      Report.say(
        "\(caller.count) probes of \(methods.count) methods, \(caller.answers) answers tapped")
      #expect(caller.count >= 100)
      try checkCanaries(stack, victim, attacker)
      try await secrets.check(stack)
      #expect(try stack.coreBytesMax().values.allSatisfy { ["0", "1"].contains($0) })
      let left = try await Cores.left { try await stack.crashPrograms() }
      #expect(left == [])
      try await secrets.check(stack)
    }
  }

  /// The words of an organisation stand in no log, and in no mail to another's people.
  private func checkCanaries(_ stack: Stack, _ one: Canary, _ other: Canary) throws {
    for (name, data) in try stack.logs() {
      for canary in [one, other] where data.firstRange(of: Data(canary.word.utf8)) != nil {
        Issue.record("the log \(name) tells of the data of \(canary.identifier)")
      }
    }
    for (canary, foreign) in [(one, other), (other, one)] {
      let mails = stack.mails(to: canary.email)
      #expect(!mails.isEmpty)
      #expect(!mails.contains { $0.contains(foreign.word) })
    }
  }
}

/// An organisation whose data carries a word that no other has.
private struct Canary: Sendable {
  let identifier: String
  let word = "canary" + UUID().uuidString.lowercased().filter { $0 != "-" }.prefix(12)
  let practice: Practice
  var email: String { "\(word)@clients.example" }

  init(_ stack: Stack, _ identifier: String) async throws {
    self.identifier = identifier
    practice = try await Practice.signedIn(stack, as: identifier)
    let client = try await practice.createClient(email: email, family: "Family \(word)")
    let id = client["clientId"] as? String ?? ""
    _ = try await practice.console.persistently(
      "POST", "\(practice.path)/branches", ["name": "Branch \(word)"], key: UUID())
    _ = try await practice.console.persistently(
      "POST", "\(practice.path)/clients/\(id)/contactPoints",
      [
        "kind": "CONTACT_KIND_EMAIL", "rank": "CONTACT_RANK_SECONDARY",
        "value": "second.\(word)@clients.example",
      ], key: UUID())
    _ = try await practice.console.persistently(
      "POST", "\(practice.path)/employees",
      [
        "givenName": "Eva", "familyName": "Staff \(word)", "email": "staff.\(word)@demo.example",
        "profile": "PROFILE_MANAGER", "branchIds": try await practice.firstBranch(),
      ], key: UUID())
    let email = email
    try await wait("the mail to \(email) is there", within: .seconds(40)) {
      !stack.mails(to: email).isEmpty
    }
  }
}

/// A caller who tries ids, and looks at every answer.
private final class Prober: Sendable {
  private struct State {
    var ids: [String: Set<String>] = [:]
    var count = 0
    var answers = 0
  }

  /// As the gateway, and as the operator, who may call what only services may.
  private let wires: [Wires]
  private let administrator: Administrator
  /// What no answer may hold.
  private let forbidden: String
  private let state = Mutex(State())

  init(wires: [Wires], administrator: Administrator, forbidden: String) {
    self.wires = wires
    self.administrator = administrator
    self.forbidden = forbidden
  }

  var count: Int { state.withLock { $0.count } }
  var answers: Int { state.withLock { $0.answers } }

  /// What fields of other names hold.
  private static let aliases = ["assigneeId": "employeeId", "caseManagerId": "employeeId"]

  func ids(_ name: String) -> Set<String> {
    state.withLock { $0.ids[name] ?? $0.ids[Self.aliases[name] ?? ""] ?? [] }
  }

  /// One id for a field; of every kind one when nobody knows the kind.
  private func candidates(_ name: String) -> [String] {
    let known = ids(name)
    if let id = known.randomElement() { return [id] }
    return state.withLock { $0.ids.values.compactMap { $0.randomElement() } }
  }

  private func own(_ name: String) -> String? {
    name == "organizationId" ? administrator.organization : ids(name).randomElement()
  }

  // MARK: Calling

  private enum Answer {
    case ok(String)
    case error(RPCError)

    /// What must be equal for another's id and for nobody's.
    func text(without ids: [String]) -> String {
      let text =
        switch self {
        case .ok(let json): "OK \(json)"
        case .error(let error):
          "\(error) \(error.violations) \(error.errorInfoMetadata) \(error.resolutions)"
        }
      return ids.reduce(text) { $0.replacing($1, with: "ID") }
    }

    var code: StatusCode {
      switch self {
      case .ok: .ok
      case .error(let error): error.code
      }
    }
  }

  private func ask(
    _ method: ProbedMethod, _ request: [String: any Sendable]
  ) async throws -> Answer {
    let bytes = try method.encoded(request)
    let options = try await administrator.options()
    let peer = method.method.access.callers.contains("gateway") ? wires[0] : wires[1]
    let answer: Answer
    do {
      let response = try await patiently {
        try await peer.channel(method.service).unary(
          path: method.method.path, request: bytes, options: options)
      }
      if Data(response.message).firstRange(of: Data(forbidden.utf8)) != nil {
        Issue.record("\(method.method.path) tells another's data for \(request)")
      }
      answer = .ok(try method.decoded(response.message))
    } catch let error as RPCError {
      answer = .error(error)
      if answer.text(without: []).contains(forbidden) {
        Issue.record("\(method.method.path) tells another's data for \(request)")
      }
    }
    state.withLock { $0.answers += 1 }
    return answer
  }

  /// Learns the ids of the caller's own data from what the methods answer.
  func harvest(_ methods: [ProbedMethod]) async throws {
    // Lists tell the ids that the others need.
    let reading = methods.filter(\.reads).sorted { $0.takesPages && !$1.takesPages }
    for method in reading {
      let answer = try await ask(method, method.request(own))
      guard case .ok(let json) = answer else {
        Issue.record("\(method.method.path) with own ids: \(answer)")
        continue
      }
      collect(try JSONSerialization.jsonObject(with: Data(json.utf8)), "")
    }
  }

  private func collect(_ value: Any, _ key: String) {
    switch value {
    case let object as [String: Any]: for (key, value) in object { collect(value, key) }
    case let list as [Any]: for value in list { collect(value, key) }
    case let text as String where key.hasSuffix("Id") || key.hasSuffix("Ids"):
      let name = key.hasSuffix("Ids") ? String(key.dropLast()) : key
      state.withLock { _ = $0.ids[name, default: []].insert(text) }
    default: break
    }
  }

  // MARK: Probing

  func probe(_ method: ProbedMethod, foreign: Prober) async throws {
    var base = method.request(own)
    var answer = try await ask(method, base)
    // Fields that do not go together: the answer says which ones to leave out.
    if case .error(let error) = answer, error.code == .invalidArgument {
      for violation in error.violations { base[ProbedMethod.camel(violation.field)] = nil }
      answer = try await ask(method, base)
    }
    if [.notFound, .invalidArgument, .internalError, .unimplemented].contains(answer.code) {
      Issue.record("\(method.method.path) does not take what descriptors give: \(base) \(answer)")
    }
    for path in method.idPaths {
      for id in foreign.candidates(path.name) { try await probe(method, base, path, id) }
      for id in Self.malformed {
        let answer = try await ask(method, method.request(base, with: id, at: path))
        state.withLock { $0.count += 1 }
        // Nothing is what the field says when it may be left out.
        let isLeftOut = id.isEmpty && !method.needs(path)
        if !isLeftOut, ![.notFound, .invalidArgument].contains(answer.code) {
          Issue.record("\(method.method.path) with \(path) '\(id)': \(answer)")
        }
      }
    }
    // All of it another's, as its owner would ask.
    let theirs = method.request(foreign.own)
    if method.idPaths.contains(where: method.needs) {
      let answer = try await ask(method, theirs)
      state.withLock { $0.count += 1 }
      if answer.code != .notFound { Issue.record("\(method.method.path) \(theirs): \(answer)") }
    }
    if method.takesPages { try await probePages(method, base, foreign) }
  }

  private static let malformed = [
    "", "x", "00000000-0000-0000-0000-00000000000g",
    "' or '1'='1", "../..", String(repeating: "a", count: 2_000), "\u{202e}é\u{1F9EA}",
  ]

  private func probe(
    _ method: ProbedMethod, _ base: [String: any Sendable], _ path: ProbedMethod.IDPath,
    _ id: String
  ) async throws {
    let nobodys = UUID().uuidString.lowercased()
    let foreign = try await ask(method, method.request(base, with: id, at: path))
    let random = try await ask(method, method.request(base, with: nobodys, at: path))
    state.withLock { $0.count += 2 }
    if foreign.text(without: [id, nobodys]) != random.text(without: [id, nobodys]) {
      Issue.record(
        "\(method.method.path) \(path): another's \(foreign), nobody's \(random)")
    }
    let isFilter = method.reads && !method.needs(path) && foreign.code == .ok
    // A field that cannot be changed at all names nobody either.
    let isClosed = foreign.code == .invalidArgument && path.keys.count > 1
    if foreign.code != .notFound, !isFilter, !isClosed {
      Issue.record("\(method.method.path) \(path): \(foreign)")
    }
  }

  /// A place in another's list is no place in the own one, or leads on in the own one only.
  private func probePages(
    _ method: ProbedMethod, _ base: [String: any Sendable], _ foreign: Prober
  ) async throws {
    var first = method.request(foreign.own)
    first["pageSize"] = 1
    guard case .ok(let json) = try await foreign.ask(method, first),
      let page = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any],
      let token = page["nextPageToken"] as? String
    else {
      Issue.record("\(method.method.path) gives no second page")
      return
    }
    var second = base
    second["pageToken"] = token
    let answer = try await ask(method, second)
    second["pageToken"] = "bm9uc2Vuc2U"
    let nonsense = try await ask(method, second)
    state.withLock { $0.count += 2 }
    if ![.ok, .invalidArgument].contains(answer.code) || nonsense.code != .invalidArgument {
      Issue.record("\(method.method.path) another's page: \(answer); nonsense: \(nonsense)")
    }
  }
}
