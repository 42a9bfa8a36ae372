import Foundation
import ServiceKit

/// The keys identity alone has, read from files.
struct IdentitySecrets: Sendable {
  let signer: ContextSigner
  let links: InvitationKeys
  let peppers: PepperKeys
  let dictionary: String

  /// Notes what is missing; nil when anything is.
  init?(_ settings: inout ServiceSettings) {
    let context = settings.required("CLIENTELE_CONTEXT_KEY", "file of the Ed25519 seed")
    let invitations = settings.required(
      "CLIENTELE_INVITATION_KEY", "files of the keys of invitation links, the current one first")
    let pepper = settings.required(
      "CLIENTELE_PEPPER", "files of the keys passwords are mixed with, the current one first")
    dictionary = settings.string(
      "CLIENTELE_CRACKLIB", default: "/var/cache/cracklib/cracklib_dict")
    // Cracklib ends the process, or says yes to anything, when its files are absent.
    for ending in ["pwd", "pwi", "hwm"]
    where !FileManager.default.isReadableFile(atPath: "\(dictionary).\(ending)") {
      settings.note("CLIENTELE_CRACKLIB: \(dictionary).\(ending) cannot be read")
    }
    // Missing ones are noted already.
    guard ![context, invitations, pepper].contains("") else { return nil }
    let signer = settings.attempt { try KeyFiles.contextSigner(context) }
    let links = settings.attempt { try Self.secrets(invitations) }
    let peppers = settings.attempt { try Self.secrets(pepper) }
    guard let signer, let link = links?.first, let current = peppers?.first else { return nil }
    self.signer = signer
    self.links = InvitationKeys(
      current: link.secret, former: links?.dropFirst().map(\.secret) ?? [])
    self.peppers = PepperKeys(
      current: PepperKeys.Key(id: current.id, secret: current.secret),
      former: peppers?.dropFirst().map { PepperKeys.Key(id: $0.id, secret: $0.secret) } ?? [])
  }

  private static func secrets(_ paths: String) throws -> [(id: String, secret: [UInt8])] {
    try paths.split(separator: ",").map(String.init).map {
      (KeyFiles.keyID($0), try KeyFiles.secret($0))
    }
  }
}

extension IdentityLimits {
  /// Bounds from the environment; notes what is malformed.
  init(_ settings: inout ServiceSettings) {
    self.init()
    func read(_ name: String, _ bound: inout Int, _ settings: inout ServiceSettings) {
      bound = settings.int("CLIENTELE_" + name, default: bound, in: 1...10_000_000)
    }
    read("RESEND_PER_DAY", &resendsPerDay, &settings)
    resendInterval = settings.int(
      "CLIENTELE_RESEND_INTERVAL_SECONDS", default: resendInterval, in: 0...86_400)
    read("INVITATION_LIFE_SECONDS", &invitationLife, &settings)
    read("PROBE_HITS_PER_HOUR", &probeHitsPerHour, &settings)
    read("PROBE_HITS_PER_DAY", &probeHitsPerDay, &settings)
    read("SIGN_IN_FAILURES_PER_ACCOUNT", &failuresPerAccount, &settings)
    read("SIGN_IN_FAILURES_PER_ADDRESS", &failuresPerAddress, &settings)
    read("STAFF_SESSION_SECONDS", &staffSessionLife, &settings)
    read("STAFF_IDLE_SECONDS", &staffSessionIdle, &settings)
    read("CLIENT_SESSION_SECONDS", &clientSessionLife, &settings)
    read("CLIENT_IDLE_SECONDS", &clientSessionIdle, &settings)
    read("HASH_QUEUE", &hashQueue, &settings)
    read("HASH_WAIT_MS", &hashWaitMilliseconds, &settings)
  }
}
