import GRPC
import ServiceKit

/// Has clients invited whose files say so. Safe to repeat, so a crash on the way costs nothing.
struct Invitations: Sendable {
  let identity: IdentityPeer

  func perform(_ job: InvitationJob) async throws {
    _ = try await identity.invite(job, options: .background())
    CrashPoint.reach("client-directory.invite.after-call")
  }
}
