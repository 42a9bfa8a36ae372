/// Every bound that identity keeps, with the value it has unless said otherwise. Times in seconds.
public struct IdentityLimits: Sendable, Hashable {
  /// Times an invitation may be sent again within 24 hours.
  public var resendsPerDay = 5
  /// Shortest time between two sendings of an invitation.
  public var resendInterval = 60
  /// How long the link of a sending opens.
  public var invitationLife = 7 * 24 * 3600

  /// Addresses found taken that a professional may learn of within an hour.
  public var probeHitsPerHour = 60
  /// Addresses found taken that an organisation's staff may learn of within 24 hours.
  public var probeHitsPerDay = 300

  /// Wrong passwords for one account (or one name tried) within `accountWindow`.
  public var failuresPerAccount = 10
  /// The time that `failuresPerAccount` counts over.
  public var accountWindow = 15 * 60
  /// Wrong passwords from one network address within `addressWindow`.
  public var failuresPerAddress = 30
  /// The time that `failuresPerAddress` counts over.
  public var addressWindow = 60

  /// Longest session of an account that works for an organisation.
  public var staffSessionLife = 12 * 3600
  /// Longest pause in it.
  public var staffSessionIdle = 30 * 60
  /// Longest session of anybody else.
  public var clientSessionLife = 24 * 3600
  /// Longest pause in it.
  public var clientSessionIdle = 60 * 60
  /// Life of a context token.
  public var contextLife = 60

  /// Passwords that may wait to be hashed; the next one is refused with SIGN_IN_BUSY.
  public var hashQueue = 20
  /// The longest a password waits to be hashed, in milliseconds.
  public var hashWaitMilliseconds = 1000

  /// The values above.
  public init() {}
}
