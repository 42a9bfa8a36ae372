import CommonAPI
import GRPC
import Logging
import Postgres
import ServiceStorage

/// From an event to its effect, or to where an operator finds it.
extension FeedFollower {
  /// Applies an event, once.
  /// - Throws: only what is no fault of the event.
  func deliver(_ event: FeedEvent, _ apply: Apply) async throws {
    progress.take(event)
    try await attempt(
      event, apply, storing: inbox.store,
      isSettled: { event in
        if try await inbox.has(event) { return true }
        guard try await inbox.holdsBack(event) else { return false }
        try await inbox.park(event, attempts: 0, failure: "stands behind an earlier event")
        return true
      },
      givingUp: inbox.park)
    progress.take(nil)
  }

  /// Applies parked events that an operator wants tried again, and what stood behind them.
  func retryParked(_ apply: @escaping Apply) async {
    while !Task.isCancelled {
      do {
        let due = try await inbox.due(atMost: 100)
        for event in due {
          try await attempt(
            event, apply, storing: inbox.storeParked,
            isSettled: { event in try await !inbox.isParked(event) },
            givingUp: inbox.parkAgain)
        }
        // One of an aggregate at a time: the next may be due at once.
        if !due.isEmpty { continue }
      } catch {
        logger.debug("parked events wait", metadata: ["cause": "\(error)"])
      }
      try? await Task.sleep(for: settings.retryPause)
    }
  }

  /// Tries an event until it took effect, is settled otherwise, or was tried often enough.
  private func attempt(
    _ event: FeedEvent, _ apply: Apply, storing store: (FeedEvent, [AnyQuery]) async throws -> Void,
    isSettled: (FeedEvent) async throws -> Bool,
    givingUp park: (FeedEvent, Int, String) async throws -> Void
  ) async throws {
    var pause = Pause(settings)
    var attempt = 1
    while true {
      try Task.checkCancellation()
      do {
        let queries = try await apply(event)
        try await store(event, queries)
        return
      } catch {
        if try await isSettled(event) { return }
        guard Self.isFault(error) else { throw error }
        logger.warning(
          "an event could not be applied",
          metadata: ["kind": "\(event.kind)", "attempt": "\(attempt)", "cause": "\(error)"])
        guard attempt < settings.attemptsMax else {
          try await park(event, attempt, "\(error)")
          logger.error(
            "an event was parked",
            metadata: ["kind": "\(event.kind)", "aggregate": "\(event.aggregateID)"])
          return
        }
        attempt += 1
        await pause.take()
      }
    }
  }

  /// Whether a failure is the event's own and not trouble that passes.
  private static func isFault(_ error: any Error) -> Bool {
    switch error {
    case is CancellationError: return false
    case let error as PostgresError: return !error.isTransient
    case let error as RPCError:
      return ![.unavailable, .deadlineExceeded, .resourceExhausted, .aborted, .cancelled]
        .contains(error.code)
    default: return true
    }
  }
}

/// What an operator is told.
extension FeedFollower {
  /// Keeps the alerts as things are, but for `feed.expired`, which stays until an operator decides.
  func watchLag() async {
    var cleared: Set<String> = []
    // What a process before this one left behind it clears at once.
    var late: ContinuousClock.Instant?
    while !Task.isCancelled {
      do {
        let count = try await inbox.parkedCount()
        progress.park(count)
        let isLate = progress.lag > settings.lagMax
        if isLate { late = .now }
        let isCalm = late.map { $0 + settings.calm <= .now } ?? true
        // The table says so for all processes; of the rest each clears what it raised itself, or
        // what one before it left behind.
        cleared.remove(FeedAlert.parked)
        try await tell(FeedAlert.parked, inbox.alert, isSo: count > 0, &cleared)
        if isLate || isCalm {
          try await tell(
            FeedAlert.behind,
            Alerts.raise(
              kind: FeedAlert.behind, subject: inbox.source,
              detail: "this service follows \(inbox.source) more than \(settings.lagMax) late"),
            isSo: isLate, &cleared)
        }
      } catch {
        logger.debug("alerts cannot be kept", metadata: ["cause": "\(error)"])
      }
      try? await Task.sleep(for: settings.lagPause)
    }
  }

  private func tell(
    _ kind: String, _ raising: AnyQuery, isSo: Bool, _ cleared: inout Set<String>
  ) async throws {
    if isSo {
      try await inbox.database.run(.none, all: [raising])
      cleared.remove(kind)
    } else if !cleared.contains(kind) {
      let clearing = Alerts.clear(kind: kind, subject: inbox.source)
      try await inbox.database.run(.none, all: [clearing])
      cleared.insert(kind)
    }
  }
}
