import CommonAPI
import Feed
import Foundation
import GRPC
import Postgres
import Synchronization
import TestKit
import Testing

@Suite struct FeedCrashTests {
  private static let aggregates = 50
  private static let eventsEach = 40

  /// Ends lives at random until there is nothing left to do.
  private final class Reaper: Sendable {
    private struct State {
      var lives = 0
      var isOver = false
      var dying: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    var lives: Int { state.withLock { $0.lives } }

    /// A new life: a stream that ends when it is to die. Nil once all is over.
    func begin() -> (id: Int, deaths: AsyncStream<Void>)? {
      let (deaths, die) = AsyncStream<Void>.makeStream()
      let id = state.withLock { state -> Int? in
        guard !state.isOver else { return nil }
        state.lives += 1
        state.dying[state.lives] = die
        return state.lives
      }
      return id.map { ($0, deaths) }
    }

    func kill(_ id: Int) { state.withLock { $0.dying.removeValue(forKey: id) }?.finish() }

    func end() {
      let all = state.withLock { state in
        state.isOver = true
        return Array(state.dying.values)
      }
      for die in all { die.finish() }
    }
  }

  /// Follows, dies after a few events, and is born again.
  private static func live(_ rig: Rig, under reaper: Reaper) async {
    while let (id, deaths) = reaper.begin() {
      let left = Mutex(Int.random(in: 1...15))
      let life = Task {
        await rig.follower().run { event in
          let isLast = left.withLock { left in
            left -= 1
            return left == 0
          }
          // The cancellation comes while the effect is on its way, or just before or after.
          if isLast { reaper.kill(id) }
          return try Rig.effect(event)
        }
        reaper.kill(id)
      }
      for await _ in deaths {}
      life.cancel()
      await life.value
    }
  }

  @Test("two followers that die a hundred times apply 2 000 events once and in order")
  func hundredDeaths() async throws {
    try await Rig.with { rig in
      let ids = (0..<Self.aggregates).map { _ in UUID() }
      let total = Self.aggregates * Self.eventsEach
      let reaper = Reaper()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for part in 0..<5 {
          group.addTask {
            for number in 0..<Self.eventsEach {
              for id in ids[(part * 10)..<(part * 10 + 10)] {
                try await rig.announce("\(number)", of: id)
              }
            }
          }
        }
        for _ in 0..<2 { group.addTask { await Self.live(rig, under: reaper) } }
        group.addTask {
          defer { reaper.end() }
          try await eventually(within: .seconds(180)) {
            try await rig.database.count("effects") >= total
          }
        }
        try await group.waitForAll()
      }
      #expect(reaper.lives >= 100)
      #expect(try await rig.database.count("effects") == total)
      #expect(try await rig.database.count("feed_parked") == 0)
      let wanted = (0..<Self.eventsEach).map { "\($0)" }
      for id in ids {
        let applied = try await rig.kinds(of: id)
        #expect(applied == wanted)
      }
    }
  }
}
