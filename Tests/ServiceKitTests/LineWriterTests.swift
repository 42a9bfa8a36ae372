import Foundation
import FoundationNetworking
import GRPC
import Logging
import TestKit
import Testing

@testable import ServiceKit

#if canImport(Glibc)
  import Glibc
#endif

@Suite(.timeLimit(.minutes(3))) struct LineWriterTests {
  /// A pipe; nobody reads it but `lines`.
  private struct Stalled {
    let reader: CInt
    let writer: CInt

    init() throws {
      var ends: [CInt] = [0, 0]
      try #require(pipe(&ends) == 0)
      (reader, writer) = (ends[0], ends[1])
    }

    /// The next lines.
    func lines(_ count: Int) -> [String] {
      var bytes: [UInt8] = []
      var left = count
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while left > 0 {
        // No more than the lines asked for: one line has 4,000 bytes and more.
        let got = read(reader, &buffer, left > 20 ? buffer.count : 1)
        guard got > 0 else { break }
        left -= buffer.prefix(got).count { $0 == UInt8(ascii: "\n") }
        bytes += buffer.prefix(got)
      }
      return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
  }

  private static let tail = String(repeating: "x", count: 4_000)

  @Test("nobody waits for a log that is not read: what does not fit is counted, lines stay whole")
  func stalled() throws {
    let pipe = try Stalled()
    let writer = LineWriter(descriptor: pipe.writer)
    let log = Logger(label: "a") {
      LineLog(label: $0, budget: LineBudget(perSecond: .max)) { writer.write($0) }
    }
    let started = ContinuousClock.now
    for index in 0..<1_000 { log.info("\(index) \(Self.tail)") }
    #expect(started.duration(to: .now) < .seconds(20).patient)
    #expect(writer.dropped > 0)
    let taken = pipe.lines(1_000 - Int(writer.dropped))
    #expect(taken.allSatisfy { $0.hasSuffix(" \(Self.tail)") && $0.count < 4_100 })
    let indices = taken.compactMap { Int($0.split(separator: " ")[3]) }
    #expect(indices == Array(0..<taken.count))
    writer.finish()
    let dropped = writer.dropped
    log.info("after")
    #expect(pipe.lines(1).first?.hasSuffix("after") == true)
    #expect(writer.dropped == dropped)
  }

  @Test("a full disk and a reader that is gone are counted, and end nothing")
  func failures() throws {
    let pipe = try Stalled()
    close(pipe.reader)
    for descriptor in [open("/dev/full", O_WRONLY), pipe.writer] {
      let writer = LineWriter(descriptor: descriptor)
      for _ in 0..<3 { writer.write(Array("line\n".utf8)) }
      writer.finish()
      #expect(writer.dropped == 3)
      close(descriptor)
    }
  }

  @Test("a line that the disk took in part is counted, and ended before the next")
  func cut() async {
    await #expect(processExitsWith: .success) {
      let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
      let writer = LineWriter(descriptor: open(path, O_WRONLY | O_CREAT, 0o600))
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      let usual = limit.rlim_cur
      limit.rlim_cur = 10
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      for line in ["first\n", "second\n", "third\n"] { writer.write(Array(line.utf8)) }
      writer.finish()
      limit.rlim_cur = usual
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      writer.write(Array("fourth\n".utf8))
      writer.finish()
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "first\nseco\nfourth\n")
      #expect(writer.dropped == 2)
      try FileManager.default.removeItem(atPath: path)
    }
  }

  @Test("a process that ends has said its last line")
  func lastLines() async {
    let result = await #expect(
      processExitsWith: .exitCode(78), observing: [\.standardOutputContent]
    ) {
      LineLog.install()
      let log = Logger(label: "a")
      for index in 0..<500 { log.critical("line \(index)") }
      exit(78)
    }
    let said = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
    let lines = said.split(separator: "\n").filter { $0.contains(" critical a line ") }
    #expect(lines.compactMap { $0.split(separator: " ").last } == (0..<500).map { "\($0)" })
  }

  @Test("bad settings are told, and end a process with 78 on a full disk too")
  func badSettings() async {
    let result = await #expect(
      processExitsWith: .exitCode(78), observing: [\.standardErrorContent]
    ) {
      await ServiceProcess.main("nothing") { _ in Assembly(services: []) }
    }
    let said = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(said.contains("nothing: settings:\n  CLIENTELE_TLS_CERTIFICATE is missing"))
    await #expect(processExitsWith: .exitCode(78)) {
      dup2(open("/dev/full", O_WRONLY), STDERR_FILENO)
      await ServiceProcess.main("nothing") { _ in Assembly(services: []) }
    }
  }

  @Test("a service whose log nobody reads answers, counts what it drops, and ends when asked to")
  func service() async {
    await #expect(processExitsWith: .success) {
      let port = try await LineWriterTests.settings()
      dup2(try Stalled().writer, STDOUT_FILENO)
      let flood = BackgroundTask("flood") {
        let log = Logger(label: "flood")
        while true {
          for _ in 0..<100 { log.info("\(LineWriterTests.tail)\(LineWriterTests.tail)") }
          try await Task.sleep(for: .milliseconds(10))
        }
      }
      let served = Task {
        await ServiceProcess.main("identity") { _ in Assembly(services: [], background: [flood]) }
      }
      let dropped = try await LineWriterTests.page("/metrics", port) {
        $0.contains(/clientele_log_lines_dropped_total [1-9]/)
      }
      #expect(dropped)
      #expect(try await LineWriterTests.page("/healthz", port) { $0 == "alive\n" })
      kill(getpid(), SIGTERM)
      await served.value
    }
  }

  @Test("the loops that a probe asks are there before it comes")
  func loops() async {
    await #expect(processExitsWith: .success) {
      let delay = LoopDelay.ofProcess()
      #expect(Handles.threads(named: "NIO-SGLTN") > 0)
      _ = await delay()
    }
  }

  /// Gives this process what a service needs.
  /// - Returns: its admin port.
  private static func settings() async throws -> Int {
    let tls = try await TestPKI.tls("identity")
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    address.sin_family = sa_family_t(AF_INET)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(listener, $0, length)
        _ = getsockname(listener, $0, &length)
      }
    }
    close(listener)
    let port = Int(UInt16(bigEndian: address.sin_port))
    let keys = Checkout.root.appending(path: ".run/test-pki/keys/context-1.pub").path
    let settings: [(String, String?)] = [
      ("TLS_CERTIFICATE", tls.certificatePath), ("TLS_KEY", tls.keyPath),
      ("TLS_CA", tls.authorityPath), ("CONTEXT_PUBLIC_KEYS", keys), ("ADMIN_PORT", "\(port)"),
    ]
    for (name, value) in settings { setenv("CLIENTELE_\(name)", try #require(value), 1) }
    return port
  }

  /// Asks for a page until it is as wanted; false when it does not become so.
  private static func page(
    _ path: String, _ port: Int, _ isWanted: (String) -> Bool
  ) async throws -> Bool {
    let url = try #require(URL(string: "http://127.0.0.1:\(port)\(path)"))
    let end = ContinuousClock.now + .seconds(30).patient
    while .now < end {
      var request = URLRequest(url: url)
      request.timeoutInterval = 5
      if let answer = try? await URLSession.shared.data(for: request),
        isWanted(String(decoding: answer.0, as: UTF8.self))
      {
        return true
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return false
  }
}
