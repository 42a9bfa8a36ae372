import ArgumentParser
import CommonAPI
import Foundation
import FoundationNetworking
import GRPC
import Postgres

/// `clientele doctor`: what is wrong with this machine or the running services, and the way out.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Examines the database, certificates, services and outbox of a run.")

  @Option(help: "The directory of the run.")
  var directory = ".run"

  @Option(help: "host of the services.")
  var host = "127.0.0.1"

  @OptionGroup var ports: PortOptions

  /// One finding: fine, or what is wrong and what mends it.
  struct Finding: Sendable {
    let subject: String
    var wrong: String?
    var remedy = ""
  }

  func run() async throws {
    let root = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    let run = URL(fileURLWithPath: directory, relativeTo: root).absoluteURL
    var findings = certificates(run)
    findings += await database(run, root)
    for name in DevLayout.services {
      findings.append(await service(name, ports.services[name] ?? 0, run))
    }
    findings.append(await gateway(run))
    findings += await processes(run)
    findings.append(outbox(run))
    for finding in findings {
      if let wrong = finding.wrong {
        print("BAD   \(finding.subject): \(wrong)\n      \(finding.remedy)")
      } else {
        print("ok    \(finding.subject)")
      }
    }
    let bad = findings.count { $0.wrong != nil }
    print(bad == 0 ? "everything is well" : "\(bad) of \(findings.count) need attention")
    if bad > 0 { throw ExitCode.failure }
  }

  private func certificates(_ run: URL) -> [Finding] {
    (DevLayout.services + ["gateway", "operator"]).map { name in
      var finding = Finding(subject: "certificate of \(name)")
      let path = run.appending(path: "pki/\(name).pem").path
      if !FileManager.default.isReadableFile(atPath: path) {
        finding.wrong = "\(path) cannot be read"
        finding.remedy = "scripts/pki.sh \(directory) makes it"
      } else if (try? Shell.run(
        ["openssl", "x509", "-in", path, "-noout", "-checkend", "86400"],
        in: run, quiet: true)) == nil
      {
        finding.wrong = "it ends within a day"
        finding.remedy = "scripts/pki.sh \(directory) renews it; then restart \(name)"
      }
      return finding
    }
  }

  private func database(_ run: URL, _ root: URL) async -> [Finding] {
    var reached = Finding(subject: "PostgreSQL")
    var current = Finding(subject: "schemas")
    do {
      let superuser =
        try DevLayout.foreignCluster.map { "\($0) user=postgres" }
        ?? Migrations.superuser(
          socket: DevLayout.socket(of: run.appending(path: "postgres"), root: root))
      var pending: [String] = []
      for name in DevLayout.services {
        let steps = try await Migrations.migrator(root, superuser, name).status()
        pending += steps.filter { $0.state == .pending }.map { "\(name)/\($0.name)" }
      }
      if !pending.isEmpty {
        current.wrong = "pending: \(pending.joined(separator: ", "))"
        current.remedy = "clientele migrate applies them"
      }
      return [reached, current, await durability(superuser)]
    } catch {
      reached.wrong = "\(error)"
      reached.remedy = "make run starts it; its log is \(run.path)/postgres/postgres.log"
      return [reached]
    }
  }

  /// Settings without which an acknowledged change could be lost.
  private func durability(_ superuser: String) async -> Finding {
    var finding = Finding(subject: "durability of the database")
    finding.remedy = "turn them on in postgresql.conf; data checksums are chosen by initdb"
    let database = Database(
      settings: DatabaseSettings(connection: "\(superuser) dbname=clientele"),
      logger: CertificateOptions.quiet)
    do {
      try database.start()
      let off = try await database.run(.none, DurabilitySettings.off())
      if !off.isEmpty { finding.wrong = "off: \(off.joined(separator: ", "))" }
    } catch {
      finding.wrong = "cannot be asked: \(error)"
    }
    await database.close()
    return finding
  }

  private func service(_ name: String, _ port: Int, _ run: URL) async -> Finding {
    var finding = Finding(subject: "\(name) at \(host):\(port)")
    finding.remedy = "its log is \(run.path)/logs/\(name).log"
    var certificate = CertificateOptions()
    certificate.cert = run.appending(path: "pki/operator.pem").path
    certificate.key = run.appending(path: "pki/operator.key").path
    certificate.ca = run.appending(path: "pki/ca.pem").path
    certificate.plaintext = false
    certificate.expect = name
    do {
      let channel = try certificate.channel(to: "\(host):\(port)")
      do {
        let answer = try await HealthClient(channel).check(
          HealthCheckRequest(), options: CallOptions(timeout: .seconds(2)))
        if answer.status != .serving { finding.wrong = "it answers that it is not serving" }
      } catch {
        finding.wrong = "\(error)"
      }
      await channel.close()
    } catch {
      finding.wrong = "\(error)"
    }
    return finding
  }

  private func gateway(_ run: URL) async -> Finding {
    let address = "\(host):\(ports.gatewayPort)"
    return await asked("gateway at \(address)", "http://\(address)/healthz", log: "gateway", run)
  }

  /// What every process says of itself on its admin port.
  private func processes(_ run: URL) async -> [Finding] {
    var findings: [Finding] = []
    for service in ["gateway"] + DevLayout.services {
      for (index, process) in DevLayout.processes(of: service).enumerated() {
        guard let port = ports.adminPort(of: service, index + 1) else { continue }
        let address = "127.0.0.1:\(port)"
        findings.append(
          await asked(
            "process \(process), admin port \(address)", "http://\(address)/healthz",
            log: process, run))
      }
    }
    return findings
  }

  /// Whether an address answers 200.
  private func asked(_ subject: String, _ address: String, log: String, _ run: URL) async -> Finding
  {
    var finding = Finding(subject: subject)
    finding.remedy = "its log is \(run.path)/logs/\(log).log"
    guard let url = URL(string: address) else {
      finding.wrong = "this is no address"
      return finding
    }
    var request = URLRequest(url: url)
    request.timeoutInterval = 2
    do {
      let (_, response) = try await URLSession.shared.data(for: request)
      let status = (response as? HTTPURLResponse)?.statusCode ?? 0
      if status != 200 { finding.wrong = "\(url.path) answers \(status)" }
    } catch {
      finding.wrong = "it does not answer: \(error.localizedDescription)"
    }
    return finding
  }

  private func outbox(_ run: URL) -> Finding {
    var finding = Finding(subject: "outbox")
    let path = run.appending(path: "outbox").path
    if !FileManager.default.isWritableFile(atPath: path) {
      finding.wrong = "\(path) cannot be written"
      finding.remedy = "make run creates it"
    }
    return finding
  }
}

/// The database's settings without which an acknowledged change could be lost.
enum DurabilitySettings: Table {
  /// The names of those that are off.
  static let off = Statement<String>(
    """
    select name from pg_settings where setting = 'off'
    and name in ('fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums') order by 1
    """)
  static let statements: [any DescribedStatement] = [off]
}
