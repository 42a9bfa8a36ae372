public import Foundation

/// A private PostgreSQL cluster, for tests that stop it, kill it, or whose open transactions would
/// stall everybody else's feeds.
public struct TestCluster: Sendable {
  /// Its folder.
  public let directory: URL
  /// libpq's `host`.
  public let host: String

  /// Where it listens on 127.0.0.1 with TLS, if it does; also its port at the socket.
  public let port: Int?

  fileprivate let options: [String]

  /// Connection string without database and user, as `withDatabase(cluster:)` wants it.
  public var connection: String { "host=\(host)" + (port.map { " port=\($0)" } ?? "") }

  /// How `identity`'s certificate connects over TCP, without database and user. The server's own
  /// is good for `localhost`.
  public var encryptedConnection: String {
    let pki = directory.appending(path: "pki").path
    return "host=localhost port=\(port ?? 0) sslmode=verify-full sslrootcert=\(pki)/ca.pem "
      + "sslcert=\(pki)/identity.pem sslkey=\(pki)/identity.key"
  }

  /// Starts it again, and waits until it answers.
  public func start() async throws {
    _ = try await Script.run("scripts/postgres.sh", ["start", directory.path] + options)
  }

  /// Stops it in an orderly way.
  public func stop() async throws {
    _ = try await Script.run("scripts/postgres.sh", ["stop", directory.path])
  }

  /// Stops it without a shutdown checkpoint: the next start recovers.
  public func kill() async throws {
    _ = try await Script.run("scripts/postgres.sh", ["kill", directory.path])
  }

  /// Stops following its primary and takes writes.
  public func promote() async throws {
    _ = try await Script.run("scripts/postgres.sh", ["promote", directory.path])
  }

  /// Connection string, without database and user, of the cluster that tests share.
  /// - Throws: `Script.Failure` when it is not running.
  static func shared() throws -> String {
    if let citus = TestCitus.shared { return citus.coordinator }
    let setting = ProcessInfo.processInfo.environment["CLIENTELE_TEST_POSTGRES"]
    let words = (setting ?? "host=\(Checkout.root.path)/.run/test-postgres/socket")
      .split(separator: " ")
      .filter { !$0.hasPrefix("user=") && !$0.hasPrefix("dbname=") }
    if setting == nil {
      let socket = Checkout.root.appending(path: ".run/test-postgres/socket/.s.PGSQL.5432").path
      guard FileManager.default.fileExists(atPath: socket) else {
        throw Script.Failure(
          description: "no test cluster: scripts/test-postgres.sh start, or CLIENTELE_TEST_POSTGRES"
        )
      }
    }
    return words.joined(separator: " ")
  }
}

/// Runs a test on a cluster of its own, which is removed afterwards.
/// - Parameters:
///   - isDurable: whether what was committed outlives `kill`; tests that kill want it.
///   - listensWithTLS: whether it also listens on 127.0.0.1, for certificates made for it.
public func withCluster<Result>(
  isDurable: Bool = false, listensWithTLS: Bool = false,
  isolation: isolated (any Actor)? = #isolation,
  _ body: (TestCluster) async throws -> Result
) async throws -> Result {
  let port = listensWithTLS ? try FreePort.find() : nil
  let options = (isDurable ? ["--durable"] : []) + (port.map { ["--tls", "\($0)"] } ?? [])
  return try await withCluster(
    action: "start", options: options, port: port, isolation: isolation, body)
}

/// Runs a test with a standby that follows a durable cluster; it is removed afterwards.
public func withStandby<Result>(
  of primary: TestCluster, isolation: isolated (any Actor)? = #isolation,
  _ body: (TestCluster) async throws -> Result
) async throws -> Result {
  try await withCluster(
    action: "standby", options: [primary.directory.path], port: nil, isolation: isolation, body)
}

private func withCluster<Result>(
  action: String, options: [String], port: Int?, isolation: isolated (any Actor)?,
  _ body: (TestCluster) async throws -> Result
) async throws -> Result {
  let directory = Checkout.root.appending(
    path: ".run/test-clusters/\(UUID().uuidString.prefix(8))")
  _ = try await Script.run("scripts/postgres.sh", [action, directory.path] + options)
  let host = try await Script.run("scripts/postgres.sh", ["host", directory.path])
  let cluster = TestCluster(
    directory: directory, host: host.trimmingCharacters(in: .whitespacesAndNewlines), port: port,
    options: action == "start" ? options : ["--durable"])
  let result: Result
  do {
    result = try await body(cluster)
  } catch {
    try? await remove(cluster)
    throw error
  }
  try await remove(cluster)
  return result
}

private func remove(_ cluster: TestCluster) async throws {
  try await cluster.kill()
  try FileManager.default.removeItem(at: cluster.directory)
}

/// The checkout's own shell scripts.
public enum Script {
  /// A script that failed, with its words.
  public struct Failure: Error, CustomStringConvertible {
    /// What it said.
    public let description: String
  }

  /// Runs a script and answers its output.
  /// - Throws: `Failure` when it ends with anything but 0.
  @discardableResult
  public static func run(_ path: String, _ arguments: [String]) async throws -> String {
    let log = FileManager.default.temporaryDirectory.appending(path: "clientele-\(UUID()).log")
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    defer { try? FileManager.default.removeItem(at: log) }
    // A file and no pipe: a daemon that the script leaves behind would keep a pipe open.
    let output = try FileHandle(forWritingTo: log)
    defer { try? output.close() }
    let process = Process()
    process.executableURL = Checkout.root.appending(path: path)
    process.arguments = arguments
    process.currentDirectoryURL = Checkout.root
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    let status = try await withCheckedThrowingContinuation { continuation in
      process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
    let words = String(decoding: try Data(contentsOf: log), as: UTF8.self)
    guard status == 0 else {
      throw Failure(description: "\(path) \(arguments.joined(separator: " ")): \(words)")
    }
    return words
  }
}
