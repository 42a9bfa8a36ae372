import CommonAPI
import Feed
import Foundation
import GRPC
import Postgres
import Synchronization
import TestKit
import Testing

/// Events that cannot be applied: parked, in order with what follows them, tried again, dropped.
@Suite struct ParkingTests {
  struct Poison: Error {}

  /// Fails for events of a kind until it is told that the fault is mended.
  final class Fault: Sendable {
    private let isMended = Mutex(false)
    let attempts = Counter()

    func mend() { isMended.withLock { $0 = true } }

    func apply(_ event: FeedEvent) throws -> [AnyQuery] {
      if event.kind.hasPrefix("poison") {
        attempts.next()
        if !isMended.withLock({ $0 }) { throw Poison() }
      }
      return try Rig.effect(event)
    }
  }

  @Test("a parked event holds back its aggregate, and no other, until it is applied at a retry")
  func order() async throws {
    try await Rig.with { rig in
      let fault = Fault()
      let parked = rig.parked
      let (ill, well) = (UUID(), UUID())
      for kind in ["first", "poison.1", "third", "poison.2", "fifth"] {
        try await rig.announce(kind, of: ill)
        try await rig.announce("fine", of: well)
      }
      try await rig.following(rig.follower(), apply: fault.apply) {
        try await eventually { try await parked.list().count == 4 }
        try await eventually { try await rig.kinds(of: well).count == 5 }
        #expect(try await rig.kinds(of: ill) == ["first"])
        #expect(try await parked.list().map(\.kind) == ["poison.1", "third", "poison.2", "fifth"])
        #expect(try await parked.list().map(\.attempts) == [3, 0, 0, 0])
        #expect(try await rig.alerts() == ["feed.parked"])
        // What comes later stands behind as well.
        try await rig.announce("sixth", of: ill)
        try await eventually { try await parked.list().count == 5 }

        // Tried again in vain: as often as before, and no more.
        let first = try #require(try await parked.list().first)
        let position = try #require(FeedPosition.parse(first.position))
        #expect(try await parked.retry("sample", at: position) == 1)
        try await eventually { try await parked.list().first?.attempts == 6 }
        #expect(try await parked.list().first?.isMarked == false)
        #expect(try await rig.kinds(of: ill) == ["first"])

        fault.mend()
        #expect(try await parked.retry("sample", at: nil) == 5)
        try await eventually { try await parked.list().isEmpty }
        #expect(
          try await rig.kinds(of: ill)
            == ["first", "poison.1", "third", "poison.2", "fifth", "sixth"])
        try await eventually { try await rig.alerts().isEmpty }
        try await rig.announce("seventh", of: ill)
        try await eventually { try await rig.kinds(of: ill).last == "seventh" }
      }
      #expect(try await rig.kinds(of: well) == [String](repeating: "fine", count: 5))
    }
  }

  @Test("an event that fails as often as it is tried, then succeeds, is applied at the retry")
  func succeedsLater() async throws {
    try await Rig.with { rig in
      let attempts = Counter()
      let parked = rig.parked
      let aggregate = try await rig.announce("poison")
      let refused = try await rig.announce("refused")
      try await rig.following(
        rig.follower(),
        apply: { event in
          if event.kind == "poison", attempts.next() <= 3 { throw Poison() }
          guard event.kind == "refused" else { return try Rig.effect(event) }
          // What the database refuses is undone with all that was to be done beside it.
          let broken = Statement<NoRow>("insert into effects values (null, null)")
          return try Rig.effect(event) + [AnyQuery(broken())]
        }
      ) {
        try await eventually { try await parked.list().count == 2 }
        #expect(try await rig.database.count("effects") == 0)
        #expect(try await parked.retry("sample", at: nil) == 2)
        try await eventually { try await rig.kinds(of: aggregate) == ["poison"] }
        try await eventually { try await parked.list().first?.attempts == 6 }
      }
      #expect(try await parked.list().map(\.kind) == ["refused"])
      #expect(try await rig.kinds(of: refused) == [])
      #expect(attempts.next() == 5)
    }
  }

  @Test("a follower that dies while it retries, again and again, applies once and in order")
  func killedBetween() async throws {
    try await Rig.with { rig in
      let fault = Fault()
      let parked = rig.parked
      let aggregate = UUID()
      for number in 1...6 { try await rig.announce("poison.\(number)", of: aggregate) }
      try await rig.following(rig.follower(), apply: fault.apply) {
        try await eventually { try await parked.list().count == 6 }
      }
      fault.mend()
      #expect(try await parked.retry("sample", at: nil) == 6)
      let looked = Counter()
      var lives = 0
      while try await rig.database.count("effects") < 6 {
        lives += 1
        let (deaths, die) = AsyncStream<Void>.makeStream()
        let isFirst = lives == 1
        let life = Task {
          await rig.follower().run { event in
            // The first dies for certain with the effect in hand, the others while it is stored.
            if isFirst { withUnsafeCurrentTask { $0?.cancel() } }
            if !looked.next().isMultiple(of: 3) { die.finish() }
            return try fault.apply(event)
          }
          die.finish()
        }
        let watcher = Task {
          try await eventually { try await rig.database.count("effects") == 6 }
          die.finish()
        }
        for await _ in deaths {}
        watcher.cancel()
        life.cancel()
        await life.value
      }
      #expect(lives > 1)
      #expect(try await rig.kinds(of: aggregate) == (1...6).map { "poison.\($0)" })
      #expect(try await parked.list().isEmpty)
    }
  }

  @Test("what is dropped never takes effect, and what stood behind it goes on by itself")
  func dropped() async throws {
    try await Rig.with { rig in
      let fault = Fault()
      let parked = rig.parked
      let aggregate = UUID()
      for kind in ["poison", "next", "last"] { try await rig.announce(kind, of: aggregate) }
      try await rig.following(rig.follower(), apply: fault.apply) {
        try await eventually { try await parked.list().count == 3 }
        let first = try #require(try await parked.list().first)
        #expect(try await parked.drop("other", at: nil) == 0)
        #expect(try await parked.drop("sample", at: FeedPosition.parse(first.position)) == 1)
        try await eventually { try await rig.kinds(of: aggregate) == ["next", "last"] }
        try await eventually { try await rig.alerts().isEmpty }
      }
      #expect(try await rig.database.count("feed_parked") == 0)
    }
  }
}
