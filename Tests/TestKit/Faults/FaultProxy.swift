import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A TCP proxy on 127.0.0.1 that misbehaves as told: it delays, stalls, resets or truncates what
/// passes through it, each direction on its own.
public final class FaultProxy: Sendable {
  /// Where bytes go.
  public enum Direction: Sendable, Hashable, CaseIterable {
    /// To the server.
    case up
    /// To the client.
    case down
  }

  /// How a connection is cut.
  public enum Ending: Sendable, Hashable {
    /// With a reset: what was under way is lost.
    case reset
    /// In an orderly way, after the last byte that was let through.
    case truncation
  }

  /// Who is behind it.
  public enum Server: Sendable, Hashable {
    /// A Unix socket's path.
    case unix(String)
    /// A port on 127.0.0.1.
    case tcp(Int)
  }

  /// The system refused a socket.
  public struct Failure: Error, CustomStringConvertible {
    /// Which call, and why.
    public let description: String
  }

  private struct State {
    var links: [Link] = []
    var rules: [Direction: Rule] = [:]
    var isStopped = false
  }

  /// Where it listens, on 127.0.0.1.
  public let port: Int
  private let listening: Int32
  private let server: Server
  private let state = Mutex(State())

  /// Listens, and connects each client to the server.
  public init(to server: Server) throws {
    self.server = server
    listening = try Socket.listen()
    port = try Socket.port(of: listening)
    let listening = listening
    Thread.detachNewThread { [weak self] in
      while case let client = accept(listening, nil, nil), client >= 0 {
        guard let self else {
          close(client)
          break
        }
        self.join(client)
      }
      close(listening)
    }
  }

  deinit { stop() }

  private func join(_ client: Int32) {
    guard let upstream = try? Socket.connect(to: server) else {
      Socket.reset(client)
      close(client)
      return
    }
    let link = state.withLock { state -> Link? in
      guard !state.isStopped else { return nil }
      let link = Link(client: client, upstream: upstream, rules: state.rules)
      state.links.removeAll { $0.hasEnded }
      state.links.append(link)
      return link
    }
    guard let link else {
      close(client)
      close(upstream)
      return
    }
    link.start()
  }

  // MARK: Faults

  /// Lets each chunk wait before it goes on.
  public func delay(_ direction: Direction, by delay: Duration) {
    change(direction) { $0.delay = delay }
  }

  /// Lets nothing through until it is healed; the connections stay up.
  public func stall(_ direction: Direction) {
    change(direction) { $0.isStalled = true }
  }

  /// Cuts each connection, those to come as well, once so many more bytes have passed.
  public func cut(_ direction: Direction, afterBytes bytes: Int, by ending: Ending = .reset) {
    change(direction) {
      $0.budget = bytes
      $0.ending = ending
    }
  }

  /// Cuts every connection now.
  public func cutAll(by ending: Ending = .reset) {
    for link in state.withLock({ $0.links }) { link.end(ending) }
  }

  /// Forgets every fault; what was cut stays so.
  public func heal() {
    for direction in Direction.allCases { change(direction) { $0 = Rule() } }
  }

  /// Bytes that have passed, over all connections there are.
  public func bytesPassed(_ direction: Direction) -> Int {
    state.withLock { $0.links }.reduce(0) { $0 + $1.passed(direction) }
  }

  /// Ends every connection and listens no more.
  public func stop() {
    let links = state.withLock { state -> [Link] in
      guard !state.isStopped else { return [] }
      state.isStopped = true
      // Under the lock and once: afterwards the number may be somebody else's.
      shutdown(listening, Int32(SHUT_RDWR))
      return state.links
    }
    for link in links { link.end(.reset) }
  }

  private func change(_ direction: Direction, _ body: (inout Rule) -> Void) {
    let links = state.withLock { state in
      body(&state.rules[direction, default: Rule()])
      return state.links
    }
    for link in links { link.change(direction, body) }
  }
}

/// What happens to the bytes of one direction.
struct Rule: Sendable {
  var delay: Duration = .zero
  var isStalled = false
  /// Bytes that may still pass.
  var budget: Int?
  var ending = FaultProxy.Ending.reset
}

/// One client's connection and its twin to the server. Two threads carry the bytes.
private final class Link: Sendable {
  private struct State {
    var rules: [FaultProxy.Direction: Rule]
    var passed: [FaultProxy.Direction: Int] = [:]
    var isCut = false
    var pumps = 2
  }

  private let client: Int32
  private let upstream: Int32
  private let state: Mutex<State>

  init(client: Int32, upstream: Int32, rules: [FaultProxy.Direction: Rule]) {
    self.client = client
    self.upstream = upstream
    state = Mutex(State(rules: rules))
  }

  var hasEnded: Bool { state.withLock { $0.pumps == 0 } }

  func passed(_ direction: FaultProxy.Direction) -> Int {
    state.withLock { $0.passed[direction] ?? 0 }
  }

  func change(_ direction: FaultProxy.Direction, _ body: (inout Rule) -> Void) {
    state.withLock { body(&$0.rules[direction, default: Rule()]) }
  }

  func start() {
    Thread.detachNewThread { self.pump(.up, from: self.client, to: self.upstream) }
    Thread.detachNewThread { self.pump(.down, from: self.upstream, to: self.client) }
  }

  func end(_ ending: FaultProxy.Ending) {
    state.withLock { state in
      guard !state.isCut, state.pumps > 0 else { return }
      state.isCut = true
      for socket in [client, upstream] {
        if ending == .reset { Socket.reset(socket) }
        shutdown(socket, Int32(SHUT_RDWR))
      }
    }
  }

  private func pump(_ direction: FaultProxy.Direction, from source: Int32, to target: Int32) {
    var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    while case let count = read(source, &buffer, buffer.count), count > 0 {
      guard pass(buffer[..<count], direction, to: target) else { break }
    }
    // The other side hears of the end as it was.
    shutdown(target, Int32(SHUT_WR))
    state.withLock { state in
      state.pumps -= 1
      guard state.pumps == 0 else { return }
      close(client)
      close(upstream)
    }
  }

  /// - Returns: false when the connection was cut.
  private func pass(
    _ bytes: ArraySlice<UInt8>, _ direction: FaultProxy.Direction, to target: Int32
  ) -> Bool {
    let rule = waitForPermission(direction)
    if rule.delay > .zero { Thread.sleep(forTimeInterval: rule.delay / .seconds(1)) }
    let allowed = bytes.prefix(max(0, rule.budget ?? bytes.count))
    // Before they are sent: who has got them finds them counted.
    state.withLock { state in
      state.passed[direction, default: 0] += allowed.count
      if let budget = state.rules[direction]?.budget {
        state.rules[direction]?.budget = budget - allowed.count
      }
    }
    let isSent = allowed.withUnsafeBytes { Socket.write($0, to: target) }
    // Healed or not in the meantime: what was held back cannot be made up for.
    let isOver = rule.budget.map { $0 <= bytes.count } ?? false
    if isOver { end(rule.ending) }
    return isSent && !isOver
  }

  private func waitForPermission(_ direction: FaultProxy.Direction) -> Rule {
    while true {
      let (rule, isCut) = state.withLock { ($0.rules[direction] ?? Rule(), $0.isCut) }
      if !rule.isStalled || isCut { return rule }
      Thread.sleep(forTimeInterval: 0.002)
    }
  }
}
