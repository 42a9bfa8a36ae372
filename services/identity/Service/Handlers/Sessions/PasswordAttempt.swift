import Foundation
import GRPC
import ServiceKit

extension IdentityService {
  /// Compares a password. Every path that does goes through here: the attempt is counted before
  /// the hash starts, so that guesses made at once cannot slip past the limit together.
  /// Throws SIGN_IN_THROTTLED, SIGN_IN_BUSY or PASSWORDS_UNAVAILABLE.
  ///
  /// - Parameter subjects: what a failure is counted against.
  func isRight(
    _ password: Password, _ stored: PasswordHash?, counting subjects: [FailureSubject],
    in call: CallContext
  ) async throws -> Bool {
    let now = clock.now()
    for subject in subjects {
      let (limit, window) = bounds(of: subject)
      try await storage.failures.reserve(
        subject, limit: limit, window: window, at: now, deadline: call.deadline)
    }
    let right: Bool
    do {
      right = try await passwords.verify(password, against: stored, deadline: call.deadline)
    } catch {
      try await storage.failures.takeBack(subjects, deadline: call.deadline)
      throw error
    }
    if right { try await storage.failures.succeeded(subjects, deadline: call.deadline) }
    return right
  }

  private func bounds(of subject: FailureSubject) -> (limit: Int, window: Int) {
    switch subject {
    case .account, .unknown: (limits.failuresPerAccount, limits.accountWindow)
    case .network: (limits.failuresPerAddress, limits.addressWindow)
    }
  }
}

/// The part of a network address that one household or office has: an IPv4 address, a /64 of IPv6.
enum Network {
  /// Nil for what is no address.
  static func of(_ address: String) -> String? {
    guard address.utf8.count <= 64 else { return nil }
    var four = in_addr()
    if inet_pton(AF_INET, address, &four) == 1 { return address }
    var six = in6_addr()
    guard inet_pton(AF_INET6, address, &six) == 1 else { return nil }
    let octets = withUnsafeBytes(of: &six) { [UInt8]($0) }
    let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
    if octets.starts(with: mapped) {
      return octets.suffix(4).map(String.init).joined(separator: ".")
    }
    return octets.prefix(8).map { String($0, radix: 16) }.joined(separator: ":") + "/64"
  }
}
