import Foundation
import TestKit

#if canImport(Glibc)
  import Glibc
#endif

/// The whole product as an operator runs it: PostgreSQL, the four services and the gateway, each a
/// process of its own, started, watched and stopped by `clientele dev` on ports and in a folder of
/// their own.
actor Stack {
  /// Where the run keeps everything.
  nonisolated let directory: URL
  /// How to reach the gateway.
  nonisolated let url: URL
  private nonisolated let ports: [String: Int]
  /// Where each process tells its figures; empty unless asked for.
  nonisolated let adminPorts: [Int]
  private var process: Process?

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  init(adminPorts: Bool = false) throws {
    let name = "system-\(UUID().uuidString.prefix(8))"
    directory = Checkout.root.appending(path: ".run/\(name)")
    let free = try FreePorts.take(5)
    ports = Dictionary(
      uniqueKeysWithValues: zip(
        ["gateway", "identity", "organization", "client-directory", "messaging"], free))
    guard let url = URL(string: "http://127.0.0.1:\(free[0])") else {
      throw Failure(description: "no address for port \(free[0])")
    }
    self.url = url
    // The gateway's, and those of two processes a service.
    self.adminPorts = adminPorts ? try FreePorts.row(1 + 2 * DevNames.services.count) : []
  }

  /// Where this run listens, for the operator's program.
  nonisolated var portOptions: [String] {
    ports.sorted { $0.key < $1.key }.flatMap { ["--\($0.key)-port", "\($0.value)"] }
      + ["--admin-port", "\(adminPorts.first ?? 0)"]
  }

  /// `host:port` of a service, by the name its certificate has.
  nonisolated func address(of service: String) -> String {
    "localhost:\(ports[service] ?? 0)"
  }

  /// Folder with one file a mail.
  nonisolated var outbox: URL { directory.appending(path: "outbox") }

  /// Starts everything and waits until the gateway says that it is ready.
  ///
  /// - Parameters:
  ///   - demo: loads the demo organisations.
  ///   - environment: settings added for every process, such as `CLIENTELE_CRASH_AT`.
  func start(demo: Bool, environment: [String: String] = [:]) async throws {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let process = Process()
    process.executableURL = try Self.program("clientele")
    process.arguments = ["dev", "--directory", directory.path, demo ? "--demo" : "--no-demo"]
    process.arguments?.append(contentsOf: portOptions)
    process.currentDirectoryURL = Checkout.root
    process.environment = ProcessInfo.processInfo.environment.merging([
      // Every caller of a test has the same address.
      "CLIENTELE_PUBLIC_CALLS_PER_MINUTE": "100000", "CLIENTELE_PUBLIC_BURST": "10000",
    ]) { $1 }.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    let log = directory.appending(path: "dev.log")
    if !FileManager.default.fileExists(atPath: log.path) {
      _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    }
    let output = try FileHandle(forWritingTo: log)
    let start = try output.seekToEnd()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    self.process = process
    try await wait("`clientele dev` says that it is up", within: .seconds(120)) {
      let said = try? Data(contentsOf: log).dropFirst(Int(start))
      if said?.firstRange(of: Data("Clientele is up.".utf8)) != nil { return true }
      guard process.isRunning else {
        throw Failure(
          description: "clientele dev ended:\n\(String(decoding: said ?? Data(), as: UTF8.self))")
      }
      return false
    }
  }

  /// Stops everything as Ctrl-C does.
  func stop() async throws {
    guard let process else { return }
    self.process = nil
    let id = process.processIdentifier
    kill(id, SIGTERM)
    do {
      try await wait("`clientele dev` stops", within: .seconds(60)) { !process.isRunning }
    } catch {
      kill(id, SIGKILL)
      throw error
    }
  }

  /// Kills a service as a crash would. Its supervisor starts it again.
  func crash(_ service: String) throws {
    let file = directory.appending(path: "pids/\(service).pid")
    let text = try String(contentsOf: file, encoding: .utf8)
    guard let id = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)), id > 1 else {
      throw Failure(description: "\(file.path) holds no process id")
    }
    kill(id, SIGKILL)
  }

  /// Stops everything and takes the folder away.
  func remove() async throws {
    try await stop()
    try FileManager.default.removeItem(at: directory)
  }

  /// Runs SQL as the superuser: one line a row, columns separated by `|`.
  nonisolated func sql(_ query: String) async throws -> [String] {
    let host = try await Script.run(
      "scripts/postgres.sh", ["host", directory.appending(path: "postgres").path])
    let said = try await Script.run(
      "scripts/psql.sh", [host.trimmingCharacters(in: .whitespacesAndNewlines), query])
    return said.split(separator: "\n").map(String.init)
  }

  /// The mails to an address, oldest first.
  nonisolated func mails(to address: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: outbox.path)) ?? []
    return names.filter { $0.hasSuffix(".eml") }.sorted().compactMap { name in
      FileManager.default.contents(atPath: outbox.appending(path: name).path)
        .map { String(decoding: $0, as: UTF8.self) }
    }.filter { $0.contains("<\(address)>") }
  }

  /// A program of the package: beside the one that runs the tests.
  static func program(_ name: String) throws -> URL {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let folders = [
      URL(filePath: own).deletingLastPathComponent(), Checkout.root.appending(path: ".build/debug"),
    ]
    for folder in folders {
      let file = folder.appending(path: name)
      if FileManager.default.isExecutableFile(atPath: file.path) { return file }
    }
    throw Failure(description: "\(name) is not built: `swift build`")
  }
}

/// Runs a test on a stack of its own with the demo organisations, and takes it down again. What went
/// wrong stays in its folder, logs included.
func withStack(
  adminPorts: Bool = false, environment: [String: String] = [:],
  _ body: (Stack) async throws -> Void
) async throws {
  let stack = try Stack(adminPorts: adminPorts)
  do {
    try await stack.start(demo: true, environment: environment)
    try await body(stack)
  } catch {
    try? await stack.stop()
    throw error
  }
  try await stack.remove()
}

/// Asks again and again until the answer is yes.
func wait(
  _ what: String, within limit: Duration, _ isTrue: () async throws -> Bool
) async throws {
  let limit = limit.patient
  let end = ContinuousClock.now + limit
  while try await !isTrue() {
    guard ContinuousClock.now < end else {
      throw Stack.Failure(description: "waited \(limit) in vain until \(what)")
    }
    try await Task.sleep(for: .milliseconds(50))
  }
}

/// Loopback ports that nobody listens on.
enum FreePorts {
  /// All of them are held at once, so that they differ.
  static func take(_ count: Int) throws -> [Int] {
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    return try (0..<count).map { _ in
      let (socket, port) = try hold(0)
      sockets.append(socket)
      return port
    }
  }

  /// So many in a row, below those that the system gives out.
  static func row(_ count: Int) throws -> [Int] {
    for _ in 1...100 {
      let first = Int.random(in: 20_000...30_000)
      var sockets: [Int32] = []
      defer { for socket in sockets { close(socket) } }
      do {
        for port in first..<first + count { sockets.append(try hold(port).socket) }
        return Array(first..<first + count)
      } catch {
        continue
      }
    }
    throw Stack.Failure(description: "no \(count) free ports in a row")
  }

  /// - Parameter port: 0 for any.
  private static func hold(_ port: Int) throws -> (socket: Int32, port: Int) {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> Int32 in
        bind(socket, pointer, length) == 0 ? getsockname(socket, pointer, &length) : -1
      }
    }
    guard code == 0 else {
      close(socket)
      throw Stack.Failure(description: "no free port")
    }
    return (socket, Int(UInt16(bigEndian: address.sin_port)))
  }
}
