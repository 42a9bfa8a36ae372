import Foundation

/// Where everything of a development run is, and which port each part listens on.
struct DevLayout: Sendable {
  /// The services in the order they are started; each may call those before it.
  static let services = ["identity", "organization", "client-directory", "messaging"]

  /// The checkout.
  let root: URL
  /// What the run keeps: database, certificates, mails, logs.
  let directory: URL
  /// Where the programs are: beside this one.
  let programs: URL
  /// Which ports the parts listen on.
  let portOptions: PortOptions

  /// The gateway's port.
  var gatewayPort: Int { portOptions.gatewayPort }
  /// The services' ports, by name.
  var ports: [String: Int] { portOptions.services }
  /// The file in the run's directory that holds the id of its first process.
  static let ownPIDFile = "dev.pid"

  var logs: URL { directory.appending(path: "logs") }
  /// Where mails go; CLIENTELE_OUTBOX changes it.
  var outbox: URL {
    ProcessInfo.processInfo.environment["CLIENTELE_OUTBOX"].map { URL(filePath: $0) }
      ?? directory.appending(path: "outbox")
  }
  /// How PostgreSQL is told to archive its log for `clientele backup`; CLIENTELE_BACKUP names the
  /// folder of backups.
  var archive: [String] {
    ProcessInfo.processInfo.environment["CLIENTELE_BACKUP"].map { folder in
      ["--archive", BackupFolder(url: URL(filePath: folder)).wal.path]
    } ?? []
  }
  /// Where the seals of a service's audit log go beside the database.
  func auditCopy(of service: String) -> URL {
    directory.appending(path: "audit/\(service).seals")
  }
  /// Where client-directory keeps a secret for each organisation.
  var fieldSecrets: URL { directory.appending(path: "field-secrets") }
  var postgres: URL { directory.appending(path: "postgres") }
  var pids: URL { directory.appending(path: "pids") }
  /// The gateway's own address.
  var gatewayURL: String { "http://127.0.0.1:\(gatewayPort)" }
  /// The address that links in mails lead to; CLIENTELE_PUBLIC_URL changes it.
  var publicURL: String {
    ProcessInfo.processInfo.environment["CLIENTELE_PUBLIC_URL"] ?? gatewayURL
  }

  /// A certificate or its key in the folder of the private authority.
  func pki(_ name: String) -> String { directory.appending(path: "pki/\(name)").path }
  func key(_ name: String) -> String { directory.appending(path: "keys/\(name)").path }

  /// `host:port` of a service.
  func address(_ service: String) -> String { "127.0.0.1:\(ports[service] ?? 0)" }

  /// The services' ports unless said otherwise.
  static let standardPorts = [
    ("identity", 50051), ("organization", 50052), ("client-directory", 50053), ("messaging", 50054),
  ]

  /// A cluster that somebody else runs, such as a primary with its standby: a libpq connection
  /// string without `dbname` and `user`.
  static var foreignCluster: String? {
    ProcessInfo.processInfo.environment["CLIENTELE_DATABASE_CLUSTER"]
  }
  /// How the cluster is reached: a libpq connection string without `dbname` and `user`.
  func cluster() throws -> String {
    try Self.foreignCluster ?? "host=\(Self.socket(of: postgres, root: root))"
  }

  /// The folder of a private cluster's socket, libpq's `host`.
  static func socket(of cluster: URL, root: URL) throws -> String {
    try Shell.output(of: ["scripts/postgres.sh", "host", cluster.path], in: root)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// A libpq connection string as one of the project's roles.
  /// - Parameter cluster: as `cluster()` answers it.
  static func connection(cluster: String, user: String) -> String {
    "\(cluster) dbname=clientele user=\(user)"
  }

  /// The names of a service's processes: the service's own for the first, `identity-2` and so on.
  static func processes(of service: String) -> [String] {
    guard services.contains(service) else { return [service] }
    return (1...PortOptions.processes).map { $0 == 1 ? service : "\(service)-\($0)" }
  }

  /// A crash is told in lines that a log can take, without what was in registers.
  private static let backtrace =
    "enable=yes,interactive=no,color=no,images=none,registers=none,limit=24"

  /// What a program finds in its environment.
  /// - Parameter number: of the process among its service's, from 1.
  func environment(of program: String, _ number: Int, cluster: String) -> [String: String] {
    let schema = program.replacing("-", with: "_")
    let inherited = ProcessInfo.processInfo.environment.filter {
      ["PATH", "HOME", "LANG", "TZ", "SWIFT_BACKTRACE"].contains($0.key)
        || $0.key.hasPrefix("CLIENTELE_")
    }
    var variables = [
      "SWIFT_BACKTRACE": inherited["SWIFT_BACKTRACE"] ?? Self.backtrace,
      "CLIENTELE_HOST": "127.0.0.1",
      "CLIENTELE_PORT": String(ports[program] ?? gatewayPort),
      "CLIENTELE_TLS_CERTIFICATE": pki("\(program).pem"),
      "CLIENTELE_TLS_KEY": pki("\(program).key"),
      "CLIENTELE_TLS_CA": pki("ca.pem"),
      "CLIENTELE_CONTEXT_PUBLIC_KEYS": key("context-1.pub"),
      "CLIENTELE_PUBLIC_URL": publicURL,
    ]
    if program != "gateway" {
      variables["CLIENTELE_DATABASE"] = Self.connection(cluster: cluster, user: schema)
      variables["CLIENTELE_WORKER_DATABASE"] =
        Self.connection(cluster: cluster, user: "\(schema)_worker")
      variables["CLIENTELE_AUDIT_KEY"] = key("audit-\(program)-1.key")
      variables["CLIENTELE_AUDIT_COPY"] = auditCopy(of: program).path
    }
    for service in Self.services {
      let name = "CLIENTELE_" + service.uppercased().replacing("-", with: "_")
      variables[name] = address(service)
    }
    if program == "identity" {
      variables["CLIENTELE_CONTEXT_KEY"] = key("context-1.key")
      variables["CLIENTELE_INVITATION_KEY"] = key("invitation-1.key")
      variables["CLIENTELE_PEPPER"] = key("pepper-1.key")
    }
    if program == "client-directory" {
      variables["CLIENTELE_FIELD_KEYS"] = key("field-1.key")
      variables["CLIENTELE_FIELD_SECRETS"] = fieldSecrets.path
    }
    if program == "messaging" {
      variables["CLIENTELE_OUTBOX"] = outbox.path
    }
    variables["CLIENTELE_ADMIN_PORT"] =
      portOptions.adminPort(of: program, number).map(String.init) ?? ""
    // What the user set counts, but for what must fit together: places, certificates, roles.
    return variables.merging(inherited) { ours, _ in ours }
  }
}
