import Synchronization

/// What must be so before a process does its work, asked at its start until it is known.
final class Requirements: Sendable {
  /// What is wrong, or nil; throws as long as it cannot be known.
  typealias Question = @Sendable () async throws -> String?

  private static let pause = Duration.milliseconds(50)

  private let questions = Mutex<[Question]>([])
  private let met = Atomic(false)

  func add(_ question: @escaping Question) { questions.withLock { $0.append(question) } }

  /// Whether all of it is so.
  var areMet: Bool { met.load(ordering: .relaxed) || questions.withLock { $0.isEmpty } }

  /// Asks beside the server, so that a process whose database is away says that it is not ready.
  func task(of process: String) -> BackgroundTask {
    BackgroundTask("requirements") { [self] in
      for question in questions.withLock({ $0 }) where !areMet {
        if let refusal = try await answer(question) {
          ServiceProcess.end(process, saying: refusal, code: ServiceProcess.badSettings)
        }
      }
      met.store(true, ordering: .relaxed)
      // Done; a background task lasts as long as its process.
      while true { try await Task.sleep(for: .seconds(3600)) }
    }
  }

  private func answer(_ question: Question) async throws -> String? {
    while true {
      do {
        return try await question()
      } catch {
        try await Task.sleep(for: Self.pause)
      }
    }
  }
}
