import BenchAPI
import GRPC
import Protobuf

/// Proves that the generator does not wait for answers. A server that is silent for a tenth of
/// every second is offered calls at a fixed rate: a tenth of them must show up to the whole
/// silence. A generator that waited would make one slow call in each silence, and hide the rest.
struct SelfCheck: Sendable {
  /// Nanoseconds between the beginnings of the silences.
  private static let period: Int64 = 1_000_000_000
  private static let silence: Int64 = 100_000_000

  /// Calls a second.
  var rate = 400.0
  var seconds: Int64 = 5
  /// Checks a generator that waits, which must not pass.
  var isCoordinated = false

  /// What must be seen and what was, in microseconds.
  struct Outcome: Sendable {
    var expectedP99: Double
    var open: LatencySummary
    var closed: LatencySummary
    /// What is wrong; empty when the generator is as it should be.
    var faults: [String]
  }

  func run() async throws -> Outcome {
    let silent = SilentEcho(period: Self.period, silence: Self.silence)
    let server = RPCServer(
      services: [
        ServiceBinding(EchoMethods.service, [.unary(EchoMethods.unary, silent.unary)])
      ], settings: .unhurried)
    let port = try await server.start(port: 0)
    do {
      let open = try await measure(port, isCoordinated: isCoordinated)
      let closed = try await measure(port, isCoordinated: true)
      await server.shutdownGracefully(grace: .seconds(1))
      return judge(open, closed)
    } catch {
      await server.shutdownGracefully(grace: .seconds(1))
      throw error
    }
  }

  private func measure(_ port: Int, isCoordinated: Bool) async throws -> LatencySummary {
    var scenario = try ScenarioReader.read(Self.scenario(port), name: "self-check")
    let length = seconds * Self.period
    scenario.load.stages = [Stage(from: rate, to: rate, length: length)]
    var run = LoadRun(scenario)
    run.isCoordinated = isCoordinated
    return try await run.run().total.latency
  }

  private static func scenario(_ port: Int) -> JSONValue {
    [
      "targets": ["echo": ["address": .string("127.0.0.1:\(port)"), "plaintext": true]],
      "calls": [["method": "bench.v1.Echo/Unary", "request": ["n": "{{sequence}}"]]],
      "load": ["rate": 1, "warmup": "0s"],
    ]
  }

  /// A share `s` of the calls comes in the silence and waits for what is left of it, evenly spread;
  /// so one in a hundred waits for all but `0.01 / s` of it.
  private func judge(_ open: LatencySummary, _ closed: LatencySummary) -> Outcome {
    let silence = Double(Self.silence) / 1_000
    let share = Double(Self.silence) / Double(Self.period)
    let expected = silence * (1 - 0.01 / share)
    var faults: [String] = []
    func time(_ value: Double) -> String { Spelling.time(microseconds: value) }
    let arrivals = Int(rate) * Int(seconds)
    if open.count != arrivals {
      faults.append("\(open.count) calls were answered, \(arrivals) were to be made")
    }
    if open.p99 < expected * 0.8 {
      faults.append(
        "p99 is \(time(open.p99)), and a generator that does not wait sees \(time(expected))")
    }
    if open.max < silence * 0.8 {
      faults.append("the longest is \(time(open.max)), and the silence lasts \(time(silence))")
    }
    return Outcome(expectedP99: expected, open: open, closed: closed, faults: faults)
  }
}

/// Echoes, but is silent at the beginning of each period: whoever asks then is answered at its end.
struct SilentEcho: Sendable {
  private let period: Int64
  private let silence: Int64
  private let origin = Clock.now

  init(period: Int64, silence: Int64) {
    self.period = period
    self.silence = silence
  }

  @Sendable func unary(
    _ request: EchoRequest, in call: CallContext
  ) async throws -> EchoResponse {
    let into = (Clock.now - origin) % period
    if into < silence { try await Task.sleep(for: .nanoseconds(silence - into)) }
    return EchoResponse(payload: request.payload, n: request.n)
  }
}

extension ServerSettings {
  /// Those of a server that takes no slowness for overload: it refuses nothing, so that every call
  /// shows how long it took.
  static var unhurried: ServerSettings {
    var settings = ServerSettings()
    settings.admission.start = settings.inFlightMax
    settings.admission.queueMax = 10_000
    settings.admission.target = .seconds(60)
    settings.admission.loopTarget = .seconds(60)
    settings.admission.interval = .seconds(60)
    settings.admission.noticeable = .seconds(60)
    return settings
  }
}
