public import Foundation

/// What the calls of a log came to, held against what is stored: nothing that was acknowledged may
/// be missing, nothing may be there twice, nothing that was refused may be there at all, and what
/// is there has one row in the audit log.
public struct OpReport: Sendable, CustomStringConvertible {
  /// Calls, attempts counted one by one.
  public private(set) var calls = 0
  /// Things asked for, however often.
  public private(set) var operations = 0
  /// Of these, those that were answered well.
  public private(set) var acknowledged = 0
  /// Of these, those that were refused for good.
  public private(set) var refused = 0
  /// Of these, those of which nobody knows to the end.
  public private(set) var inDoubt = 0
  /// Those of which nobody knew for a while, until they were asked for again under their key.
  public private(set) var doubtsSettled = 0
  /// The longest call.
  public private(set) var longest = Duration.zero

  /// Acknowledged, and not stored.
  public private(set) var lost: [String] = []
  /// Stored more than once.
  public private(set) var doubled: [String] = []
  /// Stored, though refused or never asked for.
  public private(set) var invented: [String] = []
  /// Answered differently under one key.
  public private(set) var contradicted: [String] = []
  /// Stored, and not on record.
  public private(set) var unrecorded: [String] = []
  /// On record more than once.
  public private(set) var recordedTwice: [String] = []
  /// On record, and not stored.
  public private(set) var falselyRecorded: [String] = []

  /// Everything that must not be, in words; empty when all is well.
  public var violations: [String] {
    lost.map { "lost: \($0)" } + doubled.map { "doubled: \($0)" }
      + invented.map { "invented: \($0)" } + contradicted.map { "contradicted: \($0)" }
      + unrecorded.map { "not on record: \($0)" }
      + recordedTwice.map { "on record twice: \($0)" }
      + falselyRecorded.map { "on record, but never happened: \($0)" }
  }

  /// - Parameters:
  ///   - stored: how often each effect is found, after everything has settled.
  ///   - recorded: how many rows of the audit log tell of each key.
  public init(_ entries: [OpLog.Entry], stored: [String: Int], recorded: [UUID: Int]) {
    calls = entries.count
    longest = entries.map { $0.start.duration(to: $0.end) }.max() ?? .zero
    var permitted: Set<String> = []
    for (key, attempts) in Dictionary(grouping: entries, by: \.key) {
      judge(attempts, key, stored, &permitted)
      if let effect = attempts.first?.effect {
        let name = "\(effect) (key \(key.uuidString.lowercased()))"
        join(name, stored: stored[effect, default: 0], recorded: recorded[key, default: 0])
      }
    }
    for (effect, count) in stored where count > 0 {
      if count > 1 { doubled.append("\(effect), \(count) times") }
      if !permitted.contains(effect) { invented.append(effect) }
    }
    unrecorded.sort()
    recordedTwice.sort()
    falselyRecorded.sort()
    lost.sort()
    doubled.sort()
    invented.sort()
    contradicted.sort()
  }

  private mutating func judge(
    _ attempts: [OpLog.Entry], _ key: UUID, _ stored: [String: Int],
    _ permitted: inout Set<String>
  ) {
    guard let last = attempts.max(by: { $0.end < $1.end }) else { return }
    operations += 1
    var answers: Set<String> = []
    var hasDoubts = false
    for attempt in attempts {
      switch attempt.outcome {
      case .ok(let answer): answers.insert(answer)
      case .inDoubt: hasDoubts = true
      case .refused: break
      }
    }
    let name = "\(last.method) \(last.effect) (key \(key.uuidString.lowercased()))"
    if answers.count > 1 { contradicted.append("\(name): \(answers.sorted())") }
    if !answers.isEmpty {
      acknowledged += 1
      permitted.insert(last.effect)
      if stored[last.effect, default: 0] == 0 { lost.append(name) }
    } else if case .refused = last.outcome {
      // The last word counts: under one key, a refusal after a doubt says that nothing happened.
      refused += 1
    } else {
      inDoubt += 1
      permitted.insert(last.effect)
    }
    if hasDoubts, !answers.isEmpty { doubtsSettled += 1 }
  }

  /// A change and its row in the audit log go together.
  private mutating func join(_ name: String, stored: Int, recorded: Int) {
    switch (stored, recorded) {
    case (0, 0), (1..., 1): break
    case (0, _): falselyRecorded.append(name)
    case (_, 0): unrecorded.append(name)
    default: recordedTwice.append("\(name), \(recorded) times")
    }
  }

  /// One line of figures, then one for each violation.
  public var description: String {
    let figures =
      "\(operations) operations in \(calls) calls: \(acknowledged) acknowledged "
      + "(\(doubtsSettled) of them after a doubt), \(refused) refused, \(inDoubt) in doubt, "
      + "\(lost.count) lost, \(doubled.count) doubled, \(invented.count) invented, "
      + "\(contradicted.count) contradicted; \(unrecorded.count) not on record, "
      + "\(recordedTwice.count) twice, \(falselyRecorded.count) falsely; longest call \(longest)"
    return ([figures] + violations).joined(separator: "\n  ")
  }
}
