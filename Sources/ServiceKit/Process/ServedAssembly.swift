import GRPC
import Logging
import ServiceLifecycle
import UnixSignals

/// A server with its readiness, under the process's life cycle.
struct ServedAssembly: ServiceLifecycle.Service {
  let server: RPCServer
  let host: String
  let port: Int
  /// A socket that listens already; `host` and `port` are not used then.
  let inherited: CInt?
  /// Whether it gets ready first and takes connections only once SIGUSR1 says that the process it
  /// replaces takes no more.
  let standsBy: Bool
  let admin: AdminSettings
  let readyFile: ReadyFile
  let channels: ChannelList
  let figures: FigureList
  let assembly: Assembly
  let logger: Logger

  /// How long calls in flight may take to end.
  static let grace = Duration.seconds(10)

  func run() async throws {
    if standsBy { await standBy() }
    let port =
      if let inherited { try await server.start(inherited: inherited) } else {
        try await server.start(host: host, port: port)
      }
    logger.notice("listening", metadata: ["host": "\(host)", "port": "\(port)"])
    let office = AdminServer(sources)
    await withGracefulShutdownHandler {
      await cancelWhenGracefulShutdown {
        async let listening: Void = office.startIfWanted(admin, logger)
        await watchReadiness()
        await listening
      }
    } onGracefulShutdown: {
      logger.notice("draining")
      assembly.drain()
    }
    await server.stopAccepting()
    readyFile.remove()
    await server.shutdownGracefully(grace: Self.grace)
    await office.stop()
    logger.notice("stopped")
  }

  private var sources: AdminServer.Sources {
    let shared = LoopDelay.ofProcess()
    return AdminServer.Sources(
      samples: {
        server.metrics.samples() + channels.samples() + (await figures.samples())
          + (await assembly.figures())
      },
      loopDelay: { max(await server.loopDelay(), await shared()) },
      isReady: { server.health.isServing() ?? false })
  }

  /// Waits until the service can do its work, says so, and waits for its turn.
  private func standBy() async {
    await cancelWhenGracefulShutdown {
      // Before anybody can send the signal: until it is trapped it ends the process.
      let turns = await UnixSignalsSequence(trapping: .sigusr1)
      while !Task.isCancelled, await !assembly.isReady() {
        try? await Task.sleep(for: .milliseconds(20))
      }
      readyFile.write()
      logger.notice("standing by")
      for await _ in turns { return }
    }
  }

  /// Says SERVING or NOT_SERVING as the service is ready or not, until the process stops.
  private func watchReadiness() async {
    var hasSaidSo = standsBy
    while !Task.isCancelled {
      let isReady = await assembly.isReady()
      server.health.setServing(isReady)
      if isReady, !hasSaidSo {
        hasSaidSo = true
        readyFile.write()
      }
      try? await Task.sleep(for: .milliseconds(hasSaidSo ? 500 : 50))
    }
  }
}
