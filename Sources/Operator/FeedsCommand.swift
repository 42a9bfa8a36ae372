import ArgumentParser
import CommonAPI
import Feed
import Foundation

/// `clientele feeds`: what followers of feeds could not apply, and what becomes of it.
struct FeedsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "feeds", abstract: "Lists, retries and drops events that could not be applied.",
    subcommands: [ParkedCommand.self, RetryCommand.self, DropCommand.self, SkipCommand.self],
    defaultSubcommand: ParkedCommand.self)
}

/// Which parked events a command is about.
struct ParkedSelection: ParsableArguments {
  @Argument(help: "The service that could not apply them, such as messaging.")
  var service: String

  @Argument(help: "The service whose feed they came from, such as identity.")
  var source: String

  @Argument(help: "The event's position as listed, such as 7012/58, or all.")
  var position: String

  @OptionGroup var database: ServiceDatabase

  func validate() throws {
    guard position == "all" || FeedPosition.parse(position) != nil else {
      throw ValidationError("\(position) is neither a position such as 7012/58 nor all")
    }
  }

  /// Does something with the events; nil stands for all.
  func with(
    _ body: @Sendable (ParkedEvents, FeedPosition?) async throws -> Int
  ) async throws -> Int {
    guard let name = try ServiceDatabase.services(service).first else { return 0 }
    let count = try await database.within(name) {
      try await body(ParkedEvents(database: $0), FeedPosition.parse(position))
    }
    if count == 0 {
      print("nothing of that kind is parked: clientele feeds parked")
      throw ExitCode.failure
    }
    return count
  }
}

/// `clientele feeds parked`
struct ParkedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "parked", abstract: "Lists events that could not be applied.")

  @Option(help: "Only this service's.")
  var service: String?

  @OptionGroup var database: ServiceDatabase

  func run() async throws {
    var count = 0
    for service in try ServiceDatabase.services(service) {
      for row in try await database.within(
        service, { try await ParkedEvents(database: $0).list() })
      {
        count += 1
        let state =
          row.isMarked
          ? "to be tried again" : row.attempts == 0 ? "waits" : "tried \(row.attempts) times"
        print("\(service)  \(row.source)  \(row.position)  \(row.kind)  \(state)")
        print("  of \(row.aggregate?.uuidString.lowercased() ?? "?"), ", terminator: "")
        print("since \(row.parkedAt.formatted(.iso8601)): \(row.failure)")
      }
    }
    if count == 0 { print("nothing is parked") }
  }
}

/// `clientele feeds retry`
struct RetryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry",
    abstract: "Has a service try parked events again, in order; it does so within a second.")

  @OptionGroup var selection: ParkedSelection

  func run() async throws {
    let count = try await selection.with { try await $0.retry(selection.source, at: $1) }
    print("\(count) to be tried again; clientele feeds parked shows what could not be applied")
  }
}

/// `clientele feeds drop`
struct DropCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drop",
    abstract: "Forgets parked events: they never take effect. What stood behind them goes on.")

  @OptionGroup var selection: ParkedSelection

  @Flag(help: "Yes, they are to be forgotten.")
  var yes = false

  func run() async throws {
    guard yes else {
      throw ValidationError("what is dropped never takes effect: say --yes if that is meant")
    }
    print("\(try await selection.with { try await $0.drop(selection.source, at: $1) }) dropped")
  }
}

/// `clientele feeds skip`
struct SkipCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "skip",
    abstract: "Has a follower that stayed away too long go on with what its source still has.",
    discussion: """
      Events that the source no longer keeps have no effect in this service. Only for a follower that
      was told so (alert feed.expired).
      """)

  @Argument(help: "The service that follows, such as messaging.")
  var service: String

  @Argument(help: "The service whose feed it follows, such as identity.")
  var source: String

  @Flag(help: "Yes, it is to go on without them.")
  var yes = false

  @OptionGroup var database: ServiceDatabase

  func run() async throws {
    guard yes else {
      throw ValidationError("events are missed for good: say --yes if that is meant")
    }
    guard let name = try ServiceDatabase.services(service).first else { return }
    let source = source
    let isDone = try await database.within(name) {
      try await ParkedEvents(database: $0).skip(source)
    }
    print(isDone ? "it goes on" : "no follower of \(source) has an expired position")
    if !isDone { throw ExitCode.failure }
  }
}
