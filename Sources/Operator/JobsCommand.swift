import ArgumentParser
import Foundation
import ServiceStorage

/// `clientele jobs`: timed and retried work of the services.
struct JobsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs", abstract: "Lists queues, failing and dead jobs, retries and drops those.",
    subcommands: [
      ListQueues.self, ListFailingJobs.self, ListDeadJobs.self, RetryJob.self, DropJob.self,
    ],
    defaultSubcommand: ListQueues.self)
}

/// `clientele jobs queues`
struct ListQueues: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queues", abstract: "Lists every queue that holds a job, dead or alive.")

  @OptionGroup var database: ServiceDatabase

  func run() async throws {
    var isEmpty = true
    for service in DevLayout.services {
      let queues = try await database.within(service) { try await JobDesk(database: $0).queues() }
      for queue in queues {
        isEmpty = false
        let oldest = queue.oldestDue > 0 ? ", oldest due for \(Int(queue.oldestDue)) s" : ""
        let tried = queue.oldestTried > 0 ? ", failing since \(Int(queue.oldestTried)) s" : ""
        print(
          "\(service)  \(queue.queue)  \(queue.waiting) waiting, \(queue.leased) in hand, "
            + "\(queue.dead) dead\(oldest)\(tried)")
      }
    }
    if isEmpty { print("no jobs") }
  }
}

/// `clientele jobs failing`
struct ListFailingJobs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "failing",
    abstract: "Lists jobs whose latest try failed and that are tried again, the oldest first.")

  @Option(help: "Only this service's.")
  var service: String?

  @OptionGroup var database: ServiceDatabase

  func run() async throws {
    var isEmpty = true
    for service in try ServiceDatabase.services(service) {
      for job in try await database.within(service, { try await JobDesk(database: $0).failing() }) {
        isEmpty = false
        let made = job.createdAt.formatted(.iso8601)
        let next = job.runAt.formatted(.iso8601)
        print(
          "\(service)  \(job.queue)/\(job.kind)  \(job.jobID.uuidString.lowercased())  "
            + "made at \(made), \(job.attempt) attempts, next at \(next)\n  \(job.failure)")
      }
    }
    if isEmpty { print("no failing jobs") }
  }
}

/// `clientele jobs dead`
struct ListDeadJobs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead", abstract: "Lists jobs that were given up; exits with 1 when there are any."
  )

  @Option(help: "Only this service's.")
  var service: String?

  @OptionGroup var database: ServiceDatabase

  func run() async throws {
    var isEmpty = true
    for service in try ServiceDatabase.services(service) {
      for job in try await database.within(service, { try await JobDesk(database: $0).dead() }) {
        isEmpty = false
        let since = job.diedAt.formatted(.iso8601)
        print(
          "\(service)  \(job.queue)/\(job.kind)  \(job.jobID.uuidString.lowercased())  "
            + "dead since \(since) after \(job.attempt) attempts\n  \(job.failure)")
      }
    }
    guard !isEmpty else {
      print("no dead jobs")
      return
    }
    throw ExitCode.failure
  }
}

/// Which dead job is meant.
struct DeadJobChoice: ParsableArguments {
  @Argument(help: "The job's id, as listed.")
  var job: String

  @OptionGroup var database: ServiceDatabase

  /// Does something to the job, in whichever service it is.
  func change(
    _ word: String, _ body: @escaping @Sendable (JobDesk, UUID) async throws -> Bool
  ) async throws {
    guard let id = UUID(uuidString: job) else { throw ValidationError("\(job) is no id of a job") }
    for service in DevLayout.services {
      if try await database.within(service, { try await body(JobDesk(database: $0), id) }) {
        print("\(word) in \(service)")
        return
      }
    }
    print("no such job is dead")
    throw ExitCode.failure
  }
}

/// `clientele jobs retry`
struct RetryJob: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Has a dead job tried again, from the first attempt.")

  @OptionGroup var choice: DeadJobChoice

  func run() async throws {
    try await choice.change("to be tried again") { try await $0.retry($1) }
  }
}

/// `clientele jobs drop`
struct DropJob: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drop", abstract: "Removes a dead job for good.")

  @OptionGroup var choice: DeadJobChoice

  @Flag(help: "Yes, for good.")
  var yes = false

  func run() async throws {
    guard yes else { throw ValidationError("a dropped job is never done: say --yes") }
    try await choice.change("dropped") { try await $0.drop($1) }
  }
}
