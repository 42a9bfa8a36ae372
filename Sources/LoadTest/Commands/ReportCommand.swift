import ArgumentParser
import Foundation

/// `loadtest report`: makes the page of a result anew.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Makes the HTML page of a result anew.")

  @Argument(help: "A result file of `loadtest run`.")
  var result: String

  @Option(
    name: [.short, .long], help: "Where the page goes; beside the result unless said otherwise.")
  var output: String?

  func run() throws {
    try Refusal.told {
      let path =
        output ?? (result.hasSuffix(".json") ? String(result.dropLast(5)) : result) + ".html"
      try HTMLReport(try RunResult.read(result)).write(to: path)
      print(path)
    }
  }
}

/// `loadtest compare`: two results beside each other.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Shows two results beside each other, with ratios.",
    discussion: """
      A ratio above 1 means that the second result has the larger figure: more throughput, or more
      latency. Results of different machines say little about each other.
      """)

  @Argument(help: "The result to compare with.")
  var first: String

  @Argument(help: "The result that is compared.")
  var second: String

  func run() throws {
    try Refusal.told {
      print(
        Comparison.text(try RunResult.read(first), try RunResult.read(second)), terminator: "")
    }
  }
}

/// Turns what is wrong with the input into a line and the exit code 2.
enum Refusal {
  static func told(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as ScenarioError {
      try? FileHandle.standardError.write(contentsOf: Data("loadtest: \(error)\n".utf8))
      throw ExitCode(2)
    }
  }
}
