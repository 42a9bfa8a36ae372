import Foundation

/// A certificate for localhost and the authority it is from, made by openssl for one run.
struct LocalCertificate {
  let certificatePath: String
  let keyPath: String
  /// What a client has to trust.
  let authorityPath: String

  /// Makes both in a new folder below the temporary one; their keys are readable by us alone.
  ///
  /// - Throws: when openssl is missing or refuses.
  static func make() throws -> LocalCertificate {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "clientele-interop-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    func path(_ name: String) -> String { folder.appending(path: name).path }
    let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch"]
    try openssl(
      ["req", "-x509", "-days", "30", "-subj", "/CN=interop authority"] + newKey + [
        "-keyout", path("ca.key"), "-out", path("ca.pem"),
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
      ])
    try openssl(
      ["req", "-subj", "/CN=localhost"] + newKey + [
        "-keyout", path("server.key"), "-out", path("server.csr"),
      ])
    let names = """
      basicConstraints = critical,CA:FALSE
      keyUsage = critical,digitalSignature
      extendedKeyUsage = serverAuth
      subjectAltName = DNS:localhost,DNS:*.test.google.fr,IP:127.0.0.1,IP:::1
      """
    try Data(names.utf8).write(to: folder.appending(path: "names.cnf"))
    try openssl([
      "x509", "-req", "-days", "30", "-in", path("server.csr"), "-CA", path("ca.pem"),
      "-CAkey", path("ca.key"), "-set_serial", "2", "-extfile", path("names.cnf"),
      "-out", path("server.pem"),
    ])
    return LocalCertificate(
      certificatePath: path("server.pem"), keyPath: path("server.key"),
      authorityPath: path("ca.pem"))
  }

  private struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private static func openssl(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments
    let errors = Pipe()
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    try process.run()
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: "openssl: \(String(decoding: said, as: UTF8.self))")
    }
  }
}
