import CommonAPI
import Foundation
import GRPC
import Synchronization
import TestKit
import Testing

/// A caller who tries ids, and looks at every answer.
final class Prober: Sendable {
  private struct State {
    var ids: [String: Set<String>] = [:]
    var count = 0
    var answers = 0
    /// How much longer another's id took than nobody's, call by call.
    var differences: [Duration] = []
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
  /// One more probe.
  func countOne() { state.withLock { $0.count += 1 } }

  /// How much longer another's id takes than nobody's.
  var medianDifference: Duration {
    let sorted = state.withLock { $0.differences.sorted() }
    return sorted.isEmpty ? .zero : sorted[sorted.count / 2]
  }

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

  enum Answer {
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

  func ask(
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
      tap(response.message, method)
      answer = .ok(try method.decoded(response.message))
    } catch let error as RPCError {
      answer = .error(error)
      tap(Array(answer.text(without: []).utf8), method)
    }
    return answer
  }

  private func tap(_ answer: [UInt8], _ method: ProbedMethod) {
    if Data(answer).firstRange(of: Data(forbidden.utf8)) != nil {
      Issue.record("\(method.method.path) tells another's data")
    }
    state.withLock { $0.answers += 1 }
  }

  /// Asks for own data once, whatever becomes of it.
  ///
  /// - Parameters:
  ///   - timeout: of the call.
  ///   - patience: after how long its task is cancelled; nil for never.
  /// - Returns: the answer's bytes; nil when there was none.
  func read(
    _ method: ProbedMethod, timeout: Duration, patience: Duration?
  ) async throws -> [UInt8]? {
    let bytes = try method.encoded(method.request(own))
    let options = try await administrator.options(timeout: timeout)
    let channel = try wires[0].channel(method.service)
    return await withTaskGroup(of: [UInt8]?.self) { group in
      group.addTask { [self] in
        do {
          let response = try await channel.unary(
            path: method.method.path, request: bytes, options: options)
          tap(response.message, method)
          return response.message
        } catch {
          tap(Array("\(error)".utf8), method)
          return nil
        }
      }
      if let patience {
        group.addTask {
          try? await Task.sleep(for: patience)
          return nil
        }
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
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

  static let malformed = [
    "", "x", "00000000-0000-0000-0000-00000000000g",
    "' or '1'='1", "../..", String(repeating: "a", count: 2_000), "\u{202e}é\u{1F9EA}",
  ]

  /// Another's id in one place, and nobody's: the answers are equal.
  func probe(
    _ method: ProbedMethod, _ base: [String: any Sendable], _ path: ProbedMethod.IDPath,
    _ id: String
  ) async throws {
    let nobodys = UUID().uuidString.lowercased()
    func timed(_ id: String) async throws -> (Answer, Duration) {
      let start = ContinuousClock.now
      let answer = try await ask(method, method.request(base, with: id, at: path))
      return (answer, start.duration(to: .now))
    }
    // Whichever comes first finds colder caches.
    let (one, two) = Bool.random() ? (id, nobodys) : (nobodys, id)
    let first = try await timed(one)
    let second = try await timed(two)
    let ((foreign, foreignTime), (random, randomTime)) =
      one == id ? (first, second) : (second, first)
    state.withLock {
      $0.count += 2
      $0.differences.append(foreignTime - randomTime)
    }
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
