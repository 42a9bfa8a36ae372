import Foundation
import Postgres
import ServiceStorage
import TestKit
import Testing

@testable import MessagingCore

/// A worker that can be killed.
private struct Life {
  private let pool: Database
  private let work: Task<Void, Never>

  init(_ stage: Stage, _ delivery: (Stage) throws -> Delivery) throws {
    pool = try stage.database.database(role: "messaging_worker")
    let office = try delivery(
      Stage(
        database: stage.database, worker: pool, identity: stage.identity, outbox: stage.outbox,
        channel: stage.channel)
    ).office
    work = Task { await office.run() }
  }

  /// Cuts it off from the database, so that it cannot say what it did.
  func end() async {
    await pool.close()
    work.cancel()
    await work.value
  }
}

extension Stage {
  /// Has two workers at it until so many messages are sent; now and then one loses its connections
  /// for good, with messages in hand, and another takes its place.
  func work(
    until count: Int, kills: Int, _ delivery: @Sendable (Stage) throws -> Delivery
  ) async throws {
    var lives = [try Life(self, delivery), try Life(self, delivery)]
    for kill in 0..<kills {
      try await wait(
        "a part is sent", for: "state = 'SENT'", atLeast: (kill + 1) * count / (kills + 3))
      await lives[kill % 2].end()
      lives[kill % 2] = try Life(self, delivery)
    }
    try await wait("all is sent", for: "state = 'SENT'", atLeast: count)
    for life in lives { await life.end() }
  }

  /// Waits until so many messages are in a state, for as long as they become more.
  private func wait(_ what: String, for condition: String, atLeast count: Int) async throws {
    var limit = ContinuousClock.now + .seconds(120)
    var most = 0
    while true {
      let rows = try await database.sql(
        "select count(*) from messaging.messages where \(condition)")
      let found = Int(rows.first?.first.flatMap { $0 } ?? "") ?? 0
      if found >= count { return }
      if found > most {
        most = found
        limit = .now + .seconds(120)
      }
      try #require(.now < limit, "\(what)")
      try await Task.sleep(for: .milliseconds(20))
    }
  }
}
