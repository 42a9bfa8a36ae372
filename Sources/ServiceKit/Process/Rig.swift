public import GRPC
public import Logging

/// What a service is put together from: its settings, its logger, and the ways to its peers.
public struct Rig: Sendable {
  /// The service's name, such as `client-directory`.
  public let name: String
  /// What the process was told.
  public var settings: ServiceSettings
  /// Where it logs.
  public let logger: Logger
  /// The wall clock.
  public let clock: ServiceClock
  /// Mutual TLS, for the server and for every channel.
  public let tls: TLSSettings
  let channels = ChannelList()
  let figures = FigureList()
  let requirements = Requirements()

  init(name: String, settings: ServiceSettings) {
    var settings = settings
    self.name = name
    logger = settings.logger(name)
    tls = settings.tls()
    clock = .system
    self.settings = settings
  }

  /// The schema and the role of the service: its name with underscores.
  public var schema: String { name.split(separator: "-").joined(separator: "_") }

  /// Has something's figures told on the admin port, as they stand when it is asked.
  public func tell(_ samples: @escaping @Sendable () async -> [MetricSample]) {
    figures.add(samples)
  }

  /// Lets the process do no work until something is known to be so, and ends it with code 78 when it
  /// is not.
  ///
  /// - Parameter refusal: what is wrong, as a sentence for an operator, or nil. Throws as long as it
  ///   cannot be known; it is then asked again.
  public func require(_ refusal: @escaping @Sendable () async throws -> String?) {
    requirements.add(refusal)
  }

  /// A channel to a peer, which must show that service's certificate. Closed with the process.
  /// Throws `ServiceSettings.Invalid` once a setting is bad, `RPCError` for unusable certificates.
  public mutating func channel(to service: String) throws -> ClientChannel {
    let address = settings.address(of: service)
    try settings.check()
    let channel = try ClientChannel(
      host: address.host, port: address.port, tls: tls, expectedPeer: service)
    channels.add(channel)
    return channel
  }

  /// Verifies context tokens with the keys of `CLIENTELE_CONTEXT_PUBLIC_KEYS`.
  public mutating func contextVerifier() -> ContextVerifier {
    let paths = settings.required(
      "CLIENTELE_CONTEXT_PUBLIC_KEYS", "public key files of identity, separated by commas")
    return settings.attempt { try KeyFiles.contextVerifier(paths) }
      ?? ContextVerifier(publicKeys: [:])
  }
}

/// What was put together: the services to answer with, and what runs beside them.
public struct Assembly: Sendable {
  /// The gRPC services.
  public var services: [ServiceBinding]
  /// What every call passes through, from the outside in; the access rules are put before them.
  public var interceptors: [any ServerInterceptor]
  /// Followers and workers.
  public var background: [BackgroundTask]
  /// True while the service can do its work; asked twice a second for the health service.
  public var isReady: @Sendable () async -> Bool
  /// What it tells of itself on the admin port, as it stands when it is asked.
  public var figures: @Sendable () async -> [MetricSample]
  /// Called when the process is asked to stop, before calls are waited for: what waits for news may
  /// answer now.
  public var drain: @Sendable () -> Void
  /// Called once everything stopped.
  public var close: @Sendable () async -> Void

  /// Lists the parts.
  public init(
    services: [ServiceBinding], interceptors: [any ServerInterceptor] = [],
    background: [BackgroundTask] = [],
    isReady: @escaping @Sendable () async -> Bool = { true },
    figures: @escaping @Sendable () async -> [MetricSample] = { [] },
    drain: @escaping @Sendable () -> Void = {},
    close: @escaping @Sendable () async -> Void = {}
  ) {
    self.services = services
    self.interceptors = interceptors
    self.background = background
    self.isReady = isReady
    self.figures = figures
    self.drain = drain
    self.close = close
  }
}
