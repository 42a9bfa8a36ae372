import ArgumentParser
import Foundation
import GRPC
import Logging
import ServiceKit

/// Which certificate a command shows; by default the operator's of the development run.
struct CertificateOptions: ParsableArguments {
  @Option(help: "PEM file of the certificate to show.")
  var cert = ".run/pki/operator.pem"

  @Option(help: "PEM file of its private key.")
  var key = ".run/pki/operator.key"

  @Option(help: "PEM file of the private authority.")
  var ca = ".run/pki/ca.pem"

  @Flag(help: "Speak without TLS.")
  var plaintext = false

  @Option(help: "Name of the service expected at the address; known for the ports of `make run`.")
  var expect: String?

  /// A channel to `host:port`.
  func channel(to address: String) throws -> ClientChannel {
    guard let colon = address.lastIndex(of: ":"),
      let port = Int(address[address.index(after: colon)...]), (1...65535).contains(port)
    else { throw ValidationError("\(address) is not host:port") }
    let tls = plaintext ? nil : settings
    let peer = expect ?? DevLayout.standardPorts.first { $0.1 == port }?.0
    if !plaintext {
      guard peer != nil else {
        throw ValidationError(
          "name the service at \(address) with --expect, such as --expect identity")
      }
      for path in [cert, key, ca] where !FileManager.default.isReadableFile(atPath: path) {
        throw ValidationError(
          "\(path) cannot be read: run from the checkout of a running `make run`, or name --cert, --key and --ca"
        )
      }
    }
    return try ClientChannel(
      host: String(address[..<colon]), port: port, tls: tls, expectedPeer: plaintext ? nil : peer)
  }

  /// The files, as the runtime wants them.
  var settings: TLSSettings {
    TLSSettings(
      certificatePath: cert, keyPath: key, authorityPath: ca,
      trustDomain: ServiceSettings().string(
        "CLIENTELE_TRUST_DOMAIN", default: ServiceSettings.trustDomain))
  }

  /// Commands answer by themselves; the runtime need not log.
  static var quiet: Logger {
    var logger = Logger(label: "clientele")
    logger.logLevel = .critical
    return logger
  }
}
