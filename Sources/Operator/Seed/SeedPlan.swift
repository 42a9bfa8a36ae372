import CommonAPI
import Foundation
import ServiceKit

/// An organisation of the seed: all of it but its clients.
struct SeedOrganization: Sendable {
  struct Branch: Sendable {
    let id: UUID
    let name: String
    /// Where its clients live.
    let town: Town
  }

  struct Employee: Sendable {
    let id: UUID
    let account: SeedAccount
    let profile: Profile
    let branchIDs: [UUID]
  }

  let id: UUID
  let name: String
  let region: Region
  let createdAt: Date
  let branches: [Branch]
  let employees: [Employee]
}

/// Somebody who signs in, or is to.
struct SeedAccount: Sendable {
  struct Invitation: Sendable {
    let id: UUID
    let email: String
  }

  let id: UUID
  let givenName: String
  let familyName: String
  let language: String
  let username: String
  /// The address that signs in; nil for who has a username only.
  let loginEmail: String?
  let createdAt: Date
  /// When the invitation was accepted and the password chosen; nil while pending.
  let activatedAt: Date?
  let invitation: Invitation?

  var displayName: String { "\(givenName) \(familyName)" }
}

/// Usernames that nobody has. Organisations draw them side by side and get the same ones whatever
/// the order: the first is numbered 1, 11, 21 of a stem where ten are seeded, the second 2, 12, 22.
struct SeedUsernames {
  /// The highest number of each stem, in lower case, that is taken already.
  let taken: [String: Int]
  let place: Int
  let organizations: Int
  private var drawn: [String: Int] = [:]
  private var stems: [String: String] = [:]
  private let stem: @Sendable (_ given: String, _ family: String) -> String

  init(
    taken: [String: Int], place: Int, organizations: Int,
    stem: @escaping @Sendable (_ given: String, _ family: String) -> String
  ) {
    self.taken = taken
    self.place = place
    self.organizations = organizations
    self.stem = stem
  }

  mutating func next(_ given: String, _ family: String) -> String {
    let person = "\(given) \(family)"
    let name = stems[person] ?? stem(given, family)
    stems[person] = name
    let folded = name.lowercased()
    let count = drawn[folded, default: 0]
    drawn[folded] = count + 1
    let number = taken[folded, default: 0] + place + 1 + count * organizations
    return number == 1 ? name : "\(name)_\(number)"
  }
}

/// Makes organisations up: the same for the same seed and place.
struct SeedPlanner {
  let region: Region
  private(set) var random: SeedRandom
  private(set) var usernames: SeedUsernames
  private let clients: Int

  /// When the first organisation opened and when the last client came. Fixed, so that the same seed
  /// makes the same rows on any day.
  static let opening = Date(timeIntervalSince1970: 1_546_300_800)  // 2019-01-01
  static let closing = Date(timeIntervalSince1970: 1_780_272_000)  // 2026-06-01

  /// - Parameter clients: how many the organisation will have, which says how large it is.
  init(seed: UInt64, place: Int, clients: Int, usernames: SeedUsernames) {
    region = Region.all[place % Region.all.count]
    random = .part(place, of: seed)
    self.usernames = usernames
    self.clients = clients
  }

  mutating func organization() -> SeedOrganization {
    let tongue = Tongue.of(region.languages[0].tag)
    let town = region.towns[random.below(region.towns.count)]
    let name = "\(tongue.practice) \(tongue.family.draw(&random)), \(town.name)"
    let createdAt = Self.opening.addingTimeInterval(Double(random.below(90 * 86_400)))
    let branches = branches(first: town, at: createdAt)
    return SeedOrganization(
      id: Self.id(of: name), name: name, region: region, createdAt: createdAt, branches: branches,
      employees: employees(of: name, branches, at: createdAt))
  }

  /// Always the same for a name, so that a second seed finds the first one's organisation.
  static func id(of name: String) -> UUID {
    UUID(uuid: (0x5e, 0xed, 0, 0, 0, 0, 0x80, 0, 0x80, 0, 0, 0, 0, 0, 0, 0)).derived(name)
  }

  private mutating func branches(first: Town, at moment: Date) -> [SeedOrganization.Branch] {
    let count = min(6, 1 + clients / 4000)
    var towns = [first]
    for town in region.towns.shuffled(using: &random) where towns.count < count {
      if !towns.contains(where: { $0.name == town.name }) { towns.append(town) }
    }
    return towns.map {
      .init(id: UUIDv7.make(at: moment, using: &random), name: $0.name, town: $0)
    }
  }

  private mutating func employees(
    of organization: String, _ branches: [SeedOrganization.Branch], at moment: Date
  ) -> [SeedOrganization.Employee] {
    let domain = "\(Self.slug(organization)).example"
    let count = min(120, 5 + clients / 1000)
    return (0..<count).map { number in
      let profile = Self.profile(number)
      let tongue = Tongue.of(region.language(&random))
      let given = tongue.given.draw(&random)
      let family = tongue.family.draw(&random)
      let username = usernames.next(given, family)
      let local = number == 0 ? "admin" : username.lowercased().replacing("_", with: ".")
      let email = "\(local)@\(domain)"
      let account = SeedAccount(
        id: UUIDv7.make(at: moment, using: &random), givenName: given, familyName: family,
        language: region.languages[0].tag, username: username, loginEmail: email,
        createdAt: moment, activatedAt: moment.addingTimeInterval(3600),
        invitation: .init(id: UUIDv7.make(at: moment, using: &random), email: email))
      // None for a super administrator means every branch.
      let places = profile == .superAdmin ? [] : [branches[number % branches.count].id]
      return .init(
        id: UUIDv7.make(at: moment, using: &random), account: account, profile: profile,
        branchIDs: places)
    }
  }

  private static func profile(_ number: Int) -> Profile {
    switch number {
    case 0: .superAdmin
    case 1: .branchAdmin
    case 2: .manager
    case 3: .employee
    case 4: .readOnly
    case _ where number.isMultiple(of: 12): .branchAdmin
    case _ where number.isMultiple(of: 7): .manager
    default: .employee
    }
  }

  private static func slug(_ text: String) -> String {
    let plain = text.folding(options: [.diacriticInsensitive, .caseInsensitive], locale: nil)
    let words = plain.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
    return words.joined(separator: "-")
  }
}

/// The names of those who speak a language.
struct Tongue: Sendable {
  let given: Frequent
  let family: Frequent
  let streets: [String]
  let labels: Frequent
  /// What a practice is called.
  let practice: String

  static func of(_ tag: String) -> Tongue {
    switch tag.prefix(2) {
    case "nl": dutch
    case "en": english
    default: french
    }
  }

  private static let french = Tongue(
    given: Frequent(FrenchNames.given), family: Frequent(FrenchNames.family),
    streets: FrenchNames.streets,
    labels: Frequent([
      "suivi", "nouveau", "assurance", "enfant", "mobilité réduite", "groupe du mardi", "étudiant",
      "télétravail", "urgent", "à rappeler", "facture ouverte", "recommandé", "sport", "senior",
      "bilan annuel", "VIP",
    ]), practice: "Centre")
  private static let dutch = Tongue(
    given: Frequent(DutchNames.given), family: Frequent(DutchNames.family),
    streets: DutchNames.streets,
    labels: Frequent([
      "opvolging", "nieuw", "verzekering", "kind", "rolstoel", "dinsdaggroep", "student",
      "thuiswerk", "dringend", "terugbellen", "openstaande factuur", "doorverwezen", "sport",
      "senior", "jaarlijkse balans", "VIP",
    ]), practice: "Praktijk")
  private static let english = Tongue(
    given: Frequent(EnglishNames.given), family: Frequent(EnglishNames.family),
    streets: EnglishNames.streets,
    labels: Frequent([
      "follow-up", "new", "insurance", "child", "wheelchair", "Tuesday group", "student",
      "works from home", "urgent", "call back", "open invoice", "referred", "sports", "senior",
      "yearly review", "VIP",
    ]), practice: "Practice")
}

extension Region {
  /// A language as often as it is spoken.
  func language(_ random: inout SeedRandom) -> String {
    var mark = random.below(100)
    for (tag, share) in languages {
      if mark < share { return tag }
      mark -= share
    }
    return languages[0].tag
  }
}
