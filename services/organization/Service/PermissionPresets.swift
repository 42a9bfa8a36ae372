public import CommonAPI

/// What each profile permits; written into the memberships that identity keeps. The only place that
/// says so.
public enum PermissionPresets {
  /// The permissions of a profile, sorted.
  public static func permissions(of profile: Profile) -> [String] {
    switch profile {
    case .superAdmin: (administrator + ["messages.read", "organization.manage"]).sorted()
    case .branchAdmin: administrator
    case .manager: ["clients.create", "clients.read_branch", "clients.update"]
    case .employee: ["clients.create", "clients.update"]
    case .readOnly, .unspecified, .unrecognized: []
    }
  }

  /// What both kinds of administrator may do; a branch administrator within own branches. Messages
  /// of the whole organisation are the super administrator's: everybody else reads those about
  /// clients they may see.
  private static let administrator = [
    "clients.assign", "clients.create", "clients.read_all", "clients.update", "employees.manage",
  ]
}
