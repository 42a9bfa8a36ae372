import ClientDirectoryAPI
import Foundation
import FoundationNetworking
import GRPC
import TestKit
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Callers who read and write by turns, and what they and the processes look like while something is
/// the matter with the database.
struct Callers: Sendable {
  private static let count = 8
  /// How many of their calls may still come through that were on their way when something broke.
  static let onTheirWay = count
  private static let pause = Duration.milliseconds(20)

  let stack: Stack
  let wires: Wires
  let administrator: Administrator

  /// Calls, what needs no database, this process's own turns, and those of the event loops.
  struct Watches: Sendable {
    let calls = Stopwatch(), health = Stopwatch(), turns = Stopwatch(), loops = Stopwatch()

    /// How late calls may end, for they come to their turn here several times.
    var late: Duration { SlowTargets.slack + turns.longest * 4 }

    /// What needs no database goes on, and event loops turn.
    func expectCalm(_ fault: String = "") {
      #expect(health.count > 0 && health.count("OK") == health.count, "\(fault): \(health)")
      #expect(loops.count > 0 && loops.count("OK") == loops.count, "\(fault): \(loops)")
      #expect(loops.all.at(0.99) <= SlowTargets.loopDelay, "\(fault): \(loops)")
    }
  }

  // MARK: Pace

  /// Calls that are answered well in a second: the fewest of three seconds.
  func usualPace() async throws -> Int {
    let calls = Stopwatch()
    let options = try await administrator.options(timeout: SlowTargets.usualDeadline)
    let start = ContinuousClock.now
    // In the first second connections and statements are made.
    await work(calls, options) { start.duration(to: .now) < .seconds(4) }
    return (1...3).map {
      calls.count("OK", from: start + .seconds($0), to: start + .seconds($0 + 1))
    }.min() ?? 0
  }

  /// How long after a moment the first second began in which as many calls were answered well as
  /// usual, less a twentieth.
  func recovery(to usual: Int, since healed: ContinuousClock.Instant) async throws -> Duration {
    let calls = Stopwatch()
    let options = try await patiently {
      try await administrator.options(timeout: SlowTargets.usualDeadline)
    }
    return try await withThrowingTaskGroup(of: Duration?.self) { group in
      group.addTask {
        await work(calls, options) { !Task.isCancelled }
        return nil
      }
      group.addTask {
        var start = healed
        try await wait("calls are answered at their pace again", within: .seconds(120)) {
          start = .now - .seconds(1)
          return start >= healed && calls.count("OK", from: start, to: .now) * 100 >= usual * 95
        }
        return healed.duration(to: start)
      }
      defer { group.cancelAll() }
      while let found = try await group.next() { if let found { return found } }
      return .zero
    }
  }

  private func work(
    _ calls: Stopwatch, _ options: CallOptions, while goesOn: @escaping @Sendable () -> Bool
  ) async {
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<Self.count {
        group.addTask {
          while goesOn() {
            await calls.time { try await call(number, options) }
            try? await Task.sleep(for: Self.pause)
          }
        }
      }
    }
  }

  /// Reads, or writes, by turns.
  func call(_ number: Int, _ options: CallOptions) async throws {
    let organization = administrator.organization
    if number % 2 == 0 {
      _ = try await wires.directory.listClients(
        ListClientsRequest(organizationID: organization), options: options)
    } else {
      _ = try await wires.directory.createClient(
        CreateClientRequest(
          requestID: UUID().uuidString, organizationID: organization, noEmailConfirmed: true,
          givenName: "Nora", familyName: "Slow"),
        options: options)
    }
  }

  // MARK: Trouble

  /// Calls while something is the matter, and beside them what needs no database.
  ///
  /// - Parameters:
  ///   - deadline: of each call.
  ///   - fault: begins it.
  func during(
    _ deadline: Duration, for length: Duration, _ fault: () -> Void = {}
  ) async throws -> Watches {
    let watches = Watches()
    let options = try await administrator.options(timeout: deadline)
    fault()
    let end = ContinuousClock.now + length
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await work(watches.calls, options) { .now < end } }
      group.addTask { await watches.turns.observe(for: length) }
      group.addTask {
        await repeatedly(for: length) {
          await watches.health.time {
            try await wires.live()
            _ = try await Console(url: stack.url).call("GET", "/openapi.json")
          }
        }
      }
      for port in stack.adminPorts {
        group.addTask {
          while .now < end {
            await watches.loops.note { try await stack.loopDelay(at: port) }
            try? await Task.sleep(for: .milliseconds(100))
          }
        }
      }
    }
    return watches
  }
}

/// What a database that hangs or is slow may cause (R9, R10), and what it may where a machine has
/// more to do.
enum SlowTargets {
  /// How far beyond its deadline a call may end.
  static let slack = Setting.bound(Duration.milliseconds(100), orElse: .seconds(1)).patient
  /// How long it takes at most until calls are answered at their pace again.
  static let recovery = Setting.bound(Duration.seconds(2), orElse: .seconds(60)).patient
  /// How long an event loop takes to turn, of a hundred times in ninety-nine.
  static let loopDelay = Setting.bound(Duration.milliseconds(20), orElse: .seconds(1)).patient
  /// How many of the refusals come in time, 0 to 1.
  static let refusalShare = Setting.bound(0.99, orElse: 0.5)
  /// What a process may take up more than before, in bytes.
  static let growthMax = 64 << 20
  /// What calls are given when nothing is the matter.
  static let usualDeadline = Duration.seconds(4)
}

extension Stack {
  /// Bytes that each process has in memory, by its name.
  nonisolated func memory() throws -> [String: Int] {
    try processes().mapValues { id in
      let text = try String(contentsOfFile: "/proc/\(id)/statm", encoding: .utf8)
      let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
      return pages * sysconf(Int32(_SC_PAGESIZE))
    }
  }

  /// The processes that took up more than they may, and by how much, and the most of all in bytes.
  nonisolated func growth(
    since before: [String: Int]
  ) throws -> (most: Int, excesses: [String]) {
    let grown = try memory().map { ($0, $1 - before[$0, default: 0]) }
    return (
      grown.map(\.1).max() ?? 0,
      grown.filter { $0.1 > SlowTargets.growthMax }.map { "\($0) by \($1 >> 20) MiB" }
    )
  }

  /// How long the slowest event loop of a process took to turn just now, as its admin port says.
  nonisolated func loopDelay(at port: Int) async throws -> Duration {
    guard let url = URL(string: "http://127.0.0.1:\(port)/metrics") else {
      throw Failure(description: "no address for port \(port)")
    }
    let (data, _) = try await URLSession.shared.data(from: url)
    let name = "clientele_loop_delay_seconds "
    let line = String(decoding: data, as: UTF8.self).split(separator: "\n")
      .first { $0.hasPrefix(name) }
    guard let seconds = line.flatMap({ Double($0.dropFirst(name.count)) }) else {
      throw Failure(description: "the admin port \(port) tells nothing of loops")
    }
    return .seconds(seconds)
  }
}
