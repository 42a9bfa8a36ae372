import Foundation

/// Writes the messages of one kind and hands them over.
protocol Courier: Sendable {
  associatedtype Message: MessageInHand
  /// What is on the other side, for staff: "the mail server".
  static var place: String { get }
  /// How long a message waits for a place that cannot be reached, seconds.
  static var patienceSeconds: TimeInterval { get }
  /// Where messages go next.
  var way: Way { get }

  /// Tries once.
  ///
  /// - Parameter mayHaveLeft: an earlier try stopped at an unknown place.
  func deliver(_ message: Message, mayHaveLeft: Bool) async -> DeliveryOutcome
}

/// The way to one place that messages go to: threads of its own, for handing over blocks, and word
/// of whether the place answers.
struct Way: Sendable {
  /// The place; what fails there says nothing about others.
  let destination: String
  let threads: HandoverThreads
  let circuits: Circuits
  var backoff = Backoff()

  /// The longest pause before a place that is left alone is looked at again, seconds.
  static let longestAway = 300.0

  /// How long to leave the place alone, seconds; nil when a message may go now.
  ///
  /// - Parameter attempt: how often the message's turn came, which lengthens the pause.
  func pause(_ attempt: Int) -> Double? {
    guard let pause = circuits.admit(destination) else { return nil }
    return max(pause / .seconds(1), min(backoff.seconds(after: attempt), Self.longestAway))
  }

  /// True while the place is left alone.
  var isWaiting: Bool { circuits.isOpen(destination) }

  /// Hands something over, and notes whether anybody answered.
  func handOver(_ work: @escaping @Sendable () -> Handover) async -> Handover {
    let handover = await threads.run(work)
    circuits.note(destination, answered: handover.isAnswer)
    return handover
  }
}
