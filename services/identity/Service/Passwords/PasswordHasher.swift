import CArgon2
import Dispatch
import Foundation
import GRPC
public import Logging
import ServiceKit
import Synchronization

/// Hashes and compares passwords on one thread of its own, so that no event loop waits 50 ms, and
/// so that a storm of sign-ins takes the memory of one hash. Who would wait too long is refused.
public final class PasswordHasher: Sendable {
  /// argon2id: 19 MiB, 2 passes, 1 lane (the minimum OWASP advises).
  static let memoryKiB: UInt32 = 19456
  static let passes: UInt32 = 2
  static let lanes: UInt32 = 1
  static let saltBytes = 16
  static let tagBytes = 32

  /// How every stored hash of today's strength begins.
  static let header = "$argon2id$v=19$m=\(memoryKiB),t=\(passes),p=\(lanes)$"
  /// Compared with when there is no account: takes as long, and no password fits.
  private static let nobody =
    header + String(repeating: "A", count: 22) + "$" + String(repeating: "A", count: 43)

  /// glibc keeps a freed block of a hash's size for the next one; with a fixed threshold it goes
  /// back to the kernel, and an idle process is as small as before.
  private static let memoryIsGivenBack: Bool = {
    #if os(Linux)
      mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1
    #else
      false
    #endif
  }()

  private let peppers: PepperKeys
  private let rules: PasswordRules
  private let random: Randomness
  private let queueMax: Int
  private let waitMax: Duration
  private let logger: Logger
  private let queue = DispatchQueue(label: "clientele.passwords")
  private let waiting = Mutex(0)
  private let hashed = Mutex(0)

  /// Starts without a thread; the first password makes it.
  ///
  /// - Parameter dictionary: the cracklib dictionary's path without ending.
  public init(
    peppers: PepperKeys, dictionary: String = "/var/cache/cracklib/cracklib_dict",
    limits: IdentityLimits = IdentityLimits(), random: Randomness = .system,
    logger: Logger = Logger(label: "clientele.passwords")
  ) {
    self.peppers = peppers
    rules = PasswordRules(dictionary: dictionary)
    self.random = random
    _ = Self.memoryIsGivenBack
    queueMax = limits.hashQueue
    waitMax = .milliseconds(limits.hashWaitMilliseconds)
    self.logger = logger
  }

  /// What stands for a password where a request is compared with an earlier one: without the pepper
  /// it is nothing to try passwords against, and it is another for each request.
  func fingerprint(of password: String, in requestID: String) -> String {
    peppers.fingerprint("\(requestID) \(password)")
  }

  /// Hashes computed so far, dummies included.
  var hashCount: Int { hashed.withLock { $0 } }

  /// Checks a password being chosen and hashes it.
  /// Throws PASSWORD_TOO_COMMON, SIGN_IN_BUSY or PASSWORDS_UNAVAILABLE.
  ///
  /// - Parameter context: texts about the person that the password must not consist of.
  func hash(
    choosing password: Password, context: [String], deadline: Deadline
  ) async throws -> PasswordHash {
    try await onThread(deadline) { [self] in
      guard try !rules.forbid(password, context: context) else {
        throw IdentityError.passwordTooCommon
      }
      return try hashNow(password)
    }
  }

  /// Whether the password is the one hashed; false for no hash, after the same time.
  /// Throws SIGN_IN_BUSY or PASSWORDS_UNAVAILABLE.
  func verify(
    _ password: Password, against stored: PasswordHash?, deadline: Deadline
  ) async throws -> Bool {
    try await onThread(deadline) { [self] in
      let bytes = try mixed(password, keyID: stored?.pepperKeyID ?? peppers.current.id)
      hashed.withLock { $0 += 1 }
      let code = argon2id_verify(stored?.phc ?? Self.nobody, bytes, bytes.count)
      // All else, such as no memory, says nothing of the password.
      if code == ARGON2_VERIFY_MISMATCH.rawValue { return false }
      try Self.check(code)
      return stored != nil
    }
  }

  /// A new hash of a password just found right, when the stored one is weaker than today's or made
  /// with a former pepper; nil when it is not, or when the thread is busy.
  func renewal(
    of stored: PasswordHash, for password: Password, deadline: Deadline
  ) async -> PasswordHash? {
    guard !stored.phc.hasPrefix(Self.header) || stored.pepperKeyID != peppers.current.id else {
      return nil
    }
    return try? await onThread(deadline) { [self] in try hashNow(password) }
  }

  private func hashNow(_ password: Password) throws -> PasswordHash {
    let keyID = peppers.current.id
    let salt = random.bytes(Self.saltBytes)
    var encoded = [CChar](repeating: 0, count: 160)
    let mixed = try mixed(password, keyID: keyID)
    hashed.withLock { $0 += 1 }
    let code = argon2id_hash_encoded(
      Self.passes, Self.memoryKiB, Self.lanes, mixed, mixed.count, salt, salt.count,
      Self.tagBytes, &encoded, encoded.count)
    try Self.check(code)
    let text = encoded.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return PasswordHash(phc: String(decoding: text, as: UTF8.self), pepperKeyID: keyID)
  }

  private func mixed(_ password: Password, keyID: String) throws(PasswordTrouble) -> [UInt8] {
    guard let mixed = peppers.mixed(password, keyID: keyID) else {
      throw PasswordTrouble(cause: "there is no pepper \(keyID)")
    }
    return mixed
  }

  private static func check(_ code: Int32) throws(PasswordTrouble) {
    guard code != ARGON2_OK.rawValue else { return }
    throw PasswordTrouble(cause: "argon2: \(String(cString: argon2_error_message(code)))")
  }

  /// Runs a body on the thread, unless too many wait already or its turn comes too late.
  private func onThread<Result: Sendable>(
    _ deadline: Deadline, _ body: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    let admitted = waiting.withLock { count in
      guard count < queueMax else { return false }
      count += 1
      return true
    }
    guard admitted else { throw IdentityError.signInBusy }
    let latest = min(Deadline.after(waitMax), deadline)
    return try await withCheckedThrowingContinuation { continuation in
      queue.async { [self] in
        waiting.withLock { $0 -= 1 }
        guard !latest.hasPassed else {
          return continuation.resume(throwing: IdentityError.signInBusy)
        }
        continuation.resume(with: Swift.Result { try told(body) })
      }
    }
  }

  /// Trouble goes to the log with its cause, and to the caller without.
  private func told<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let trouble as PasswordTrouble {
      logger.error("passwords cannot be looked at", metadata: ["cause": "\(trouble.cause)"])
      throw IdentityError.passwordsUnavailable
    }
  }
}

/// What keeps passwords from being looked at and is no fault of theirs: no memory for argon2, a
/// pepper or a dictionary that is gone.
struct PasswordTrouble: Error {
  let cause: String
}

extension PasswordHasher {
  /// What is stored of one password that many accounts are seeded with. It blocks for 50 ms and asks
  /// no dictionary.
  ///
  /// - Parameter pepperFile: the key file; its name is the key's id.
  /// - Throws: PASSWORD_TOO_SHORT or PASSWORD_TOO_LONG; `KeyFiles.Unusable`; `PasswordTrouble`.
  public static func hash(
    seeding text: String, pepperFile: String
  ) throws -> (phc: String, pepperKeyID: String) {
    let key = PepperKeys.Key(
      id: KeyFiles.keyID(pepperFile), secret: try KeyFiles.secret(pepperFile))
    let hasher = PasswordHasher(peppers: PepperKeys(current: key))
    let stored = try hasher.hashNow(try Password(choosing: text))
    return (stored.phc, stored.pepperKeyID)
  }
}
