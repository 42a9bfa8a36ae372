import GRPC
import Protobuf
import ReflectionClient
import Synchronization

/// What set-up calls left to be used in requests.
final class SavedValues: Sendable {
  struct Snapshot: Sendable {
    var values: [String: [String]] = [:]
    /// Rises with every change.
    var version = 0
  }

  private let state = Mutex(Snapshot())

  var snapshot: Snapshot { state.withLock { $0 } }

  func save(_ values: [String: [String]]) {
    state.withLock { state in
      state.values.merge(values) { $1 }
      state.version += 1
    }
  }
}

/// Makes the set-up calls, makes them again when they are to be renewed, and learns of methods by
/// reflection.
final class Setup: Sendable {
  let saved = SavedValues()
  private let scenario: Scenario
  private let connections: Connections
  private let pools = Mutex<[String: DescriptorPool]>([:])
  private let failure = Mutex<String?>(nil)

  init(_ scenario: Scenario, _ connections: Connections) {
    self.scenario = scenario
    self.connections = connections
  }

  /// Why the last renewal failed; nil when it did not.
  var renewalFailure: String? { failure.withLock { $0 } }

  // MARK: Methods

  /// A request of the scenario, compiled with what the server says of its method.
  func template(_ request: Scenario.Request) async throws -> RequestTemplate {
    let (method, pool) = try await describe(request)
    return try RequestTemplate(request, method, in: pool, saved: saved.snapshot.values)
  }

  private func describe(
    _ request: Scenario.Request
  ) async throws -> (DescriptorPool.Method, DescriptorPool) {
    let service = request.method.split(separator: "/").first.map(String.init) ?? ""
    let pool = try await pool(of: service, request)
    let path = "/\(request.method)"
    let place = request.place + [.key("method")]
    guard let method = pool.services[service]?.first(where: { $0.path == path }) else {
      let known = (pool.services[service] ?? []).compactMap {
        $0.path.split(separator: "/").last.map(String.init)
      }
      throw ScenarioError(
        "\(service) has no such method; there are \(known.joined(separator: ", "))", at: place)
    }
    guard !method.clientStreaming, !method.serverStreaming else {
      throw ScenarioError(
        "streams; only methods with one request and one answer can be called", at: place)
    }
    return (method, pool)
  }

  private func pool(
    of service: String, _ request: Scenario.Request
  ) async throws -> DescriptorPool {
    let key = "\(request.target)/\(service)"
    if let pool = pools.withLock({ $0[key] }) { return pool }
    guard let channel = connections.channel(request.target) else {
      throw ScenarioError("is no target", at: request.place)
    }
    let place = request.place + [.key("method")]
    let reflection = Reflection(channel: channel)
    do {
      let pool = try await reflection.pool(containing: service)
      pools.withLock { $0[key] = pool }
      return pool
    } catch let error as Reflection.Refused {
      let services = (try? await reflection.services()) ?? []
      throw ScenarioError(
        "\(request.target) does not know \(service) (\(error)); it has "
          + services.joined(separator: ", "),
        at: place)
    } catch let error as RPCError {
      throw ScenarioError(
        "\(request.target) cannot be asked what it offers (server reflection): \(error)",
        at: place)
    }
  }

  // MARK: Calls

  /// Makes every set-up call, one after the other.
  func run() async throws {
    for step in scenario.setup { try await make(step) }
  }

  /// Renews what is to be renewed, until cancelled.
  func renew(_ step: Scenario.SetupStep) async {
    guard let every = step.renewEvery else { return }
    while !Task.isCancelled {
      guard (try? await Task.sleep(for: .nanoseconds(every))) != nil else { return }
      do {
        try await make(step)
        failure.withLock { $0 = nil }
      } catch {
        if !Task.isCancelled { failure.withLock { $0 = "\(error)" } }
      }
    }
  }

  private func make(_ step: Scenario.SetupStep) async throws {
    let place = step.request.place
    let (method, pool) = try await describe(step.request)
    let values = saved.snapshot.values
    let template = try RequestTemplate(step.request, method, in: pool, saved: values)
    var filling = Filling(random: SeededRandom(seed: .random(in: 0 ... .max)), saved: values)
    var options = CallOptions(timeout: .seconds(10))
    for pair in scenario.metadata
    where pair.value.savedNames.allSatisfy({ values[$0]?.isEmpty == false }) {
      try MetadataTemplate.append(pair, &filling, to: &options)
    }
    guard let channel = connections.channel(step.request.target) else { return }
    let answer: DynamicMessage
    do {
      let bytes = try await channel.unary(
        path: template.path, request: try template.serialized(&filling), options: options
      ).message
      answer = try DynamicMessage(serialized: bytes, as: method.outputType, in: pool)
    } catch let error as RPCError {
      throw ScenarioError("the set-up call failed: \(error)", at: place)
    }
    let json = answer.json
    var kept: [String: [String]] = [:]
    for save in step.saves {
      kept[save.name] = save.path.values(in: json)
      guard kept[save.name]?.isEmpty == false else {
        throw ScenarioError(
          "the answer of \(step.request.method) has nothing at \(save.path.text)",
          at: place + [.key("save"), .key(save.name)])
      }
    }
    saved.save(kept)
  }
}

/// The metadata of calls, made anew only when it changes.
struct MetadataTemplate {
  private let pairs: [Scenario.MetadataPair]
  private var isPerCall = false
  private var version = -1
  private var options = CallOptions()

  init(_ pairs: [Scenario.MetadataPair]) {
    self.pairs = pairs
  }

  mutating func options(
    _ filling: inout Filling, _ version: Int
  ) throws(ScenarioError) -> CallOptions {
    guard !pairs.isEmpty else { return CallOptions() }
    if version != self.version {
      let saved = filling.saved
      isPerCall = pairs.contains { $0.value.isPerCall(saved) }
    } else if !isPerCall {
      return options
    }
    self.version = version
    options = CallOptions()
    for pair in pairs { try Self.append(pair, &filling, to: &options) }
    return options
  }

  /// A value under a key that ends in `-bin` is base64.
  static func append(
    _ pair: Scenario.MetadataPair, _ filling: inout Filling, to options: inout CallOptions
  ) throws(ScenarioError) {
    let text = pair.value.text(&filling)
    var isTaken = false
    if pair.key.hasSuffix("-bin") {
      guard let bytes = Base64.decode(text) else {
        throw ScenarioError("must be base64, as every key in -bin", at: pair.place)
      }
      isTaken = options.metadata.append(binary: bytes, for: pair.key)
    } else {
      isTaken = options.metadata.append(text, for: pair.key)
    }
    guard isTaken else {
      throw ScenarioError(
        "cannot be sent: keys are lower case and none of gRPC's own, values printable ASCII",
        at: pair.place)
    }
  }
}
