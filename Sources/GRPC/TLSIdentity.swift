import Glibc
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// What one side of TLS shows and trusts, as its files have it now: when they change, connections
/// made from then on use the new ones, and those that are open stay as they are.
final class TLSIdentity: Sendable {
  private struct State {
    var context: NIOSSLContext
    var stamps: [FileStamp]
    var lookedAt: ContinuousClock.Instant
    var reloads: UInt64 = 0
    var failures: UInt64 = 0
  }

  /// Tells one content of a file from another, also when both have the same age.
  private struct FileStamp: Equatable {
    var seconds: Int
    var nanoseconds: Int
    var bytes: Int64
    var inode: UInt64
  }

  let settings: TLSSettings
  private let isServer: Bool
  private let logger: Logger
  private let state: Mutex<State>

  /// - Throws: when a file cannot be read, or certificate and key do not belong together.
  init(
    _ settings: TLSSettings, server: Bool, logger: Logger = Logger(label: "grpc.tls")
  ) throws {
    self.settings = settings
    self.logger = logger
    isServer = server
    let stamps = Self.stamps(settings)
    state = Mutex(
      State(
        context: try settings.context(server: server), stamps: stamps,
        lookedAt: ContinuousClock.now))
  }

  /// The newest that the files gave. Looks at them no more than once in `reloadInterval`; files
  /// that cannot be used leave things as they were, and are tried again.
  var context: NIOSSLContext {
    state.withLock { state in
      let now = ContinuousClock.now
      guard now - state.lookedAt >= settings.reloadInterval else { return state.context }
      state.lookedAt = now
      let stamps = Self.stamps(settings)
      guard stamps != state.stamps else { return state.context }
      do {
        state.context = try settings.context(server: isServer)
        state.stamps = stamps
        state.reloads += 1
        logger.info("certificates were read anew", metadata: ["files": "\(paths)"])
      } catch {
        state.failures += 1
        logger.error(
          "new certificates cannot be used; the old ones stay",
          metadata: ["files": "\(paths)", "error": "\(error)"])
      }
      return state.context
    }
  }

  /// How often new files were taken, and how often they could not be.
  var counts: (reloads: UInt64, failures: UInt64) {
    state.withLock { ($0.reloads, $0.failures) }
  }

  private var paths: [String] { Self.paths(settings) }

  private static func paths(_ settings: TLSSettings) -> [String] {
    [settings.certificatePath, settings.keyPath, settings.authorityPath].compactMap(\.self)
  }

  private static func stamps(_ settings: TLSSettings) -> [FileStamp] {
    paths(settings).map { path in
      var status = stat()
      guard stat(path, &status) == 0 else {
        return FileStamp(seconds: 0, nanoseconds: 0, bytes: -1, inode: 0)
      }
      return FileStamp(
        seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec,
        bytes: Int64(status.st_size), inode: UInt64(status.st_ino))
    }
  }
}

extension TLSSettings {
  /// TLS 1.3 with `h2` agreed. The names of services are checked after the handshake: they are
  /// URIs, not the hosts that TLS libraries look for.
  func context(server: Bool) throws -> NIOSSLContext {
    let chain = try certificatePath.map { path in
      try NIOSSLCertificate.fromPEMFile(path).map { NIOSSLCertificateSource.certificate($0) }
    }
    let key = try keyPath.map { try NIOSSLPrivateKey(file: $0, format: .pem) }
    var configuration: TLSConfiguration
    if server {
      guard let chain, let key else {
        throw RPCError(.invalidArgument, "a server needs a certificate and its key for TLS")
      }
      configuration = .makeServerConfiguration(
        certificateChain: chain, privateKey: .privateKey(key))
      configuration.certificateVerification =
        authorityPath == nil ? .none : .noHostnameVerification
    } else {
      configuration = .makeClientConfiguration()
      if let chain, let key {
        configuration.certificateChain = chain
        configuration.privateKey = .privateKey(key)
      }
      configuration.certificateVerification =
        trustDomain == nil ? .fullVerification : .noHostnameVerification
    }
    if let authorityPath { configuration.trustRoots = .file(authorityPath) }
    configuration.minimumTLSVersion = .tlsv13
    configuration.applicationProtocols = ["h2"]
    // Some peers never answer the notice of a close; nobody should wait for them.
    configuration.shutdownTimeout = .milliseconds(200)
    return try NIOSSLContext(configuration: configuration)
  }
}
