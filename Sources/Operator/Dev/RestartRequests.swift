import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// How `clientele restart` asks a run to replace processes: a file for each service, and SIGHUP.
/// The run takes the file away once it is done, and leaves one that says why when it could not.
struct RestartRequests: Sendable {
  let folder: URL

  /// - Parameter directory: of the run.
  init(directory: URL) {
    folder = directory.appending(path: "restart")
  }

  private func file(_ service: String) -> URL { folder.appending(path: service) }
  private func failure(_ service: String) -> URL { folder.appending(path: "\(service).failed") }

  /// What was asked for; everything when SIGHUP came without a file.
  func take() -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let known = DevLayout.services + ["gateway"]
    let asked = known.filter(names.contains)
    return asked.isEmpty ? known : asked
  }

  /// Notes that a service's processes were replaced, or why not.
  func settle(_ service: String, failed: String?) {
    if let failed { try? Data(failed.utf8).write(to: failure(service)) }
    try? FileManager.default.removeItem(at: file(service))
  }

  /// Asks a run, and waits until all of it is done.
  /// - Returns: what could not be done, a line each.
  func ask(_ services: [String], of run: pid_t, within limit: Duration) async throws -> [String] {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for service in services {
      try? FileManager.default.removeItem(at: failure(service))
      try Data().write(to: file(service))
    }
    guard kill(run, SIGHUP) == 0 else { return ["no run has the id \(run)"] }
    let end = ContinuousClock.now + limit
    while services.contains(where: { FileManager.default.fileExists(atPath: file($0).path) }) {
      guard ContinuousClock.now < end else { return ["the run did not answer within \(limit)"] }
      guard kill(run, 0) == 0 else { return ["the run ended"] }
      try await Task.sleep(for: .milliseconds(50))
    }
    return services.compactMap { try? String(contentsOf: failure($0), encoding: .utf8) }
  }
}
