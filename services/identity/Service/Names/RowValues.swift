import CommonAPI
import IdentityAPI

// Words of the schema and what they are called on the wire.

enum IdentifierKind: String, Sendable {
  case email = "EMAIL"
  case username = "USERNAME"
}

enum IdentifierState: String, Sendable {
  case reserved = "RESERVED"
  case verified = "VERIFIED"
  case retired = "RETIRED"
}

enum AccountStatus: String, Sendable {
  case pending = "PENDING"
  case active = "ACTIVE"
  case suspended = "SUSPENDED"
  case closed = "CLOSED"

  var onTheWire: AccountState {
    switch self {
    case .pending: .pending
    case .active: .active
    case .suspended: .suspended
    case .closed: .closed
    }
  }
}

enum InvitationAim: String, Sendable {
  case activate = "ACTIVATE"
  case joinStaff = "JOIN_STAFF"

  var onTheWire: InvitationPurpose {
    switch self {
    case .activate: .activate
    case .joinStaff: .joinStaff
    }
  }

  init?(_ purpose: InvitationPurpose) {
    switch purpose {
    case .activate: self = .activate
    case .joinStaff: self = .joinStaff
    case .unspecified, .unrecognized: return nil
    }
  }
}

enum InvitationStatus: String, Sendable {
  case pending = "PENDING"
  case accepted = "ACCEPTED"
  case revoked = "REVOKED"
}

enum HatWorn: String, Sendable {
  case staff = "STAFF"
  case client = "CLIENT"

  var onTheWire: Hat {
    switch self {
    case .staff: .staff
    case .client: .client
    }
  }

  init?(_ hat: Hat) {
    switch hat {
    case .staff: self = .staff
    case .client: self = .client
    case .unspecified, .unrecognized: return nil
    }
  }
}

enum ProfileHeld: String, Sendable, CaseIterable {
  case none = "NONE"
  case superAdmin = "SUPER_ADMIN"
  case branchAdmin = "BRANCH_ADMIN"
  case manager = "MANAGER"
  case employee = "EMPLOYEE"
  case readOnly = "READ_ONLY"

  var onTheWire: Profile {
    switch self {
    case .none: .unspecified
    case .superAdmin: .superAdmin
    case .branchAdmin: .branchAdmin
    case .manager: .manager
    case .employee: .employee
    case .readOnly: .readOnly
    }
  }

  init?(_ profile: Profile) {
    guard let held = Self.allCases.first(where: { $0.onTheWire == profile }) else { return nil }
    self = held
  }
}

/// Why an address or a username can or cannot become somebody's.
enum IdentifierDisposition: String, Sendable {
  case invalid = "INVALID"
  case available = "AVAILABLE"
  case onPlatform = "ON_PLATFORM"
  case professional = "PROFESSIONAL"
  /// The quota was spent: nothing was said.
  case refused = "REFUSED"

  var onTheWire: Disposition {
    switch self {
    case .invalid: .invalid
    case .available: .available
    case .onPlatform: .onPlatform
    case .professional: .professional
    case .refused: .unspecified
    }
  }
}
