import GRPC
import Protobuf

/// What a test does: whom it calls, with what, how often.
struct Scenario: Sendable {
  /// The file's name without its ending.
  var name = ""
  /// A sentence for the reader of the report.
  var about = ""
  var targets: [String: Target] = [:]
  /// Of all targets that are not in plaintext.
  var tls: TLSSettings?
  var setup: [SetupStep] = []
  var metadata: [MetadataPair] = []
  var calls: [Call] = []
  var load = Load()
  var expectations: [Expectation] = []
  /// The file as read, what it extends merged in; kept with the result.
  var source = JSONValue.null

  /// A server.
  struct Target: Sendable, Hashable {
    let name: String
    let host: String
    let port: Int
    /// The service that the server's certificate must name, where certificates name services.
    let peer: String
    let isPlaintext: Bool
  }

  /// A pair sent with every call.
  struct MetadataPair: Sendable {
    let key: String
    let value: TextTemplate
    let place: [JSONStep]
  }

  /// A method with its request.
  struct Request: Sendable {
    let target: String
    /// "package.Service/Method".
    let method: String
    let json: JSONValue
    /// Where it stands in the file.
    let place: [JSONStep]
  }

  /// A call made once before the load, whose answer is kept.
  struct SetupStep: Sendable {
    let request: Request
    /// What is kept, by the name under which requests use it.
    let saves: [(name: String, path: ValuePath)]
    /// Nanoseconds after which it is made again.
    let renewEvery: Int64?
  }

  /// One kind of call of the mix.
  struct Call: Sendable {
    let name: String
    let request: Request
    let weight: Double
    /// Nanoseconds from the intended start.
    let deadline: Int64
    /// Codes that count as a good answer.
    let expected: [String]
  }

  /// How much, for how long, and over what.
  struct Load: Sendable, Hashable {
    /// The measured stages.
    var stages: [Stage] = []
    /// Nanoseconds at the first stage's rate that are not measured.
    var warmup: Int64 = 5_000_000_000
    var arrivals = ArrivalPattern.even
    /// Calls under way at once; arrivals beyond are not sent.
    var inFlightMax = 1_000
    /// Connections to each target.
    var connections = 1
    var threads = 1
    var seed: UInt64 = 1
  }
}

/// A stretch of time in which the rate stays or changes evenly.
struct Stage: Sendable, Hashable {
  /// Calls a second at its start.
  var from: Double
  /// Calls a second at its end.
  var to: Double
  /// Nanoseconds.
  var length: Int64

  /// Arrivals expected.
  var arrivals: Double { (from + to) / 2 * Double(length) / 1e9 }
}

/// How arrivals lie between each other.
enum ArrivalPattern: String, Sendable, Hashable, CaseIterable {
  /// The same time between them.
  case even
  /// As many independent callers come: at random, evenly on average.
  case poisson
}
