import Foundation
import ServiceKit

/// The clients of an organisation, household by household: the same for the same seed and place.
struct SeedPopulation {
  let organization: SeedOrganization
  /// How many clients there are to be.
  let count: Int
  private var random: SeedRandom
  private var usernames: SeedUsernames
  private var made = 0

  /// Domains of addresses, all reserved for examples (RFC 2606).
  private static let domains = Frequent([
    "courriel.example", "mail.example", "post.example", "boite.example", "inbox.example",
  ])

  /// - Parameter planner: the one that made the organisation, for what it has drawn already.
  init(_ organization: SeedOrganization, count: Int, after planner: SeedPlanner) {
    self.organization = organization
    self.count = count
    random = planner.random
    usernames = planner.usernames
  }

  /// What the members of a household share.
  private struct Household {
    let branch: SeedOrganization.Branch
    let language: String
    let tongue: Tongue
    let address: SeedClient.Address
    let familyName: String
    let homePhone: String?
    /// The first adult's address, which is the secondary one of others.
    var email: String?
  }

  /// The next clients, so many or a few more; empty when all are made.
  mutating func next(_ wanted: Int) -> [SeedClient] {
    var clients: [SeedClient] = []
    while clients.count < wanted, made < count {
      var home = household()
      for number in 0..<min(householdSize(), count - made) {
        let client = member(number, of: &home)
        clients.append(client)
        made += 1
      }
    }
    return clients
  }

  private mutating func householdSize() -> Int {
    switch random.below(100) {
    case ..<45: 1
    case ..<65: 2
    case ..<78: 3
    case ..<93: 4
    default: 5
    }
  }

  private mutating func household() -> Household {
    let branch = organization.branches[random.below(organization.branches.count)]
    let language = organization.region.language(&random)
    let tongue = Tongue.of(language)
    // Some come from the next town.
    let towns = organization.region.towns
    let town = random.happens(70) ? branch.town : towns[random.below(towns.count)]
    let address = SeedClient.Address(
      street: tongue.streets[random.below(tongue.streets.count)],
      houseNumber: "\(1 + random.below(240))",
      box: random.happens(18) ? "\(1 + random.below(30))" : "",
      postalCode: postalCode(town), city: town.name, province: town.province,
      country: organization.region.country)
    return Household(
      branch: branch, language: language, tongue: tongue, address: address,
      familyName: tongue.family.draw(&random),
      homePhone: random.happens(25) ? phone(isMobile: false) : nil)
  }

  private mutating func postalCode(_ town: Town) -> String {
    guard organization.region.country == "CA" else { return town.postalCode }
    let letters = ["A", "B", "C", "E", "G", "H", "J", "K", "L", "M", "N", "P", "R", "S", "T"]
    return "\(town.postalCode) \(random.below(10))\(letters[random.below(15)])\(random.below(10))"
  }

  /// Numbers that nobody has: of fiction in Canada, of no operator in Belgium.
  private mutating func phone(isMobile: Bool) -> String {
    guard organization.region.country == "CA" else {
      return "+32\(isMobile ? 440 : 441)\(100_000 + random.below(900_000))"
    }
    return "+1\(isMobile ? 514 : 450)5550\(100 + random.below(100))"
  }

  private mutating func member(_ number: Int, of home: inout Household) -> SeedClient {
    let isAdult = number == 0 || number == 1 && random.happens(85)
    let given = home.tongue.given.draw(&random)
    let family = familyName(number, isAdult, of: home)
    let share = (Double(made) + Double.random(in: 0..<1, using: &random)) / Double(max(1, count))
    let opened = organization.createdAt.addingTimeInterval(86_400)
    let createdAt = opened.addingTimeInterval(
      share * SeedPlanner.closing.timeIntervalSince(opened))
    let access = access(given, family, isAdult, createdAt, &home)
    let points = points(access, isAdult, of: home, at: createdAt)
    let people = employees()
    let manager = random.happens(60) ? people.first : nil
    return SeedClient(
      id: UUIDv7.make(at: createdAt, using: &random), branchID: home.branch.id, givenName: given,
      familyName: family, preferredName: random.happens(6) ? String(given.prefix(3)) : "",
      language: home.language,
      companyName: isAdult && random.happens(6) ? "\(home.familyName) & Co" : "",
      address: home.address, createdAt: createdAt, state: access.state, account: access.account,
      caseManagerID: manager,
      caseManagerName: manager == nil && random.happens(12) ? home.tongue.given.draw(&random) : "",
      employeeIDs: people, labels: labels(home.tongue), points: points)
  }

  private mutating func familyName(
    _ number: Int, _ isAdult: Bool, of home: Household
  ) -> String {
    if number == 0 { return home.familyName }
    // Partners keep their names, and some children have both.
    if isAdult { return home.tongue.family.draw(&random) }
    guard random.happens(8) else { return home.familyName }
    return "\(home.familyName)-\(home.tongue.family.draw(&random))"
  }

  /// How a client gets in.
  private struct Access {
    var state = SeedClient.State.noLogin
    var account: SeedAccount?
    /// An address that is not the login.
    var sharedEmail: String?
  }

  private mutating func access(
    _ given: String, _ family: String, _ isAdult: Bool, _ createdAt: Date, _ home: inout Household
  ) -> Access {
    let chance = random.below(100)
    if chance < (isAdult ? 78 : 15) {
      let username = usernames.next(given, family)
      let local = username.lowercased().replacing("_", with: ".")
      let email = "\(local)@\(Self.domains.draw(&random))"
      if home.email == nil { home.email = email }
      return access(given, family, username, login: email, email, createdAt, home.language)
    }
    guard let email = home.email else { return Access() }
    if chance < (isAdult ? 86 : 52) {
      // Signs in with a username; the family's address brings the invitation (B8).
      let username = usernames.next(given, family)
      var found = access(given, family, username, login: nil, email, createdAt, home.language)
      found.sharedEmail = email
      return found
    }
    return Access(sharedEmail: chance < (isAdult ? 92 : 78) ? email : nil)
  }

  private mutating func access(
    _ given: String, _ family: String, _ username: String, login: String?, _ email: String,
    _ createdAt: Date, _ language: String
  ) -> Access {
    let state: SeedClient.State =
      switch random.below(100) {
      case ..<12: .invitable
      case ..<35: .invited
      default: .active
      }
    let answer = createdAt.addingTimeInterval(Double(600 + random.below(5 * 86_400)))
    let account = SeedAccount(
      id: UUIDv7.make(at: createdAt, using: &random), givenName: given, familyName: family,
      language: language, username: username, loginEmail: login, createdAt: createdAt,
      activatedAt: state == .active ? answer : nil,
      invitation: state == .invitable
        ? nil : .init(id: UUIDv7.make(at: createdAt, using: &random), email: email))
    return Access(state: state, account: account)
  }

  private mutating func points(
    _ access: Access, _ isAdult: Bool, of home: Household, at moment: Date
  ) -> [SeedClient.Point] {
    typealias Point = SeedClient.Point
    var points: [Point] = []
    func add(_ kind: Int16, _ rank: Int16, _ type: Int16, _ value: String, _ id: UUID) {
      points.append(Point(id: id, kind: kind, rank: rank, phoneType: type, value: value))
    }
    if let email = access.account?.loginEmail {
      add(Point.email, Point.primary, 0, email, UUIDv7.make(at: moment, using: &random))
    } else if let email = access.sharedEmail {
      add(Point.email, Point.secondary, 0, email, UUIDv7.make(at: moment, using: &random))
    }
    if random.happens(isAdult ? 72 : 12) {
      add(
        Point.phone, Point.primary, Point.mobile, phone(isMobile: true),
        UUIDv7.make(at: moment, using: &random))
    }
    if let number = home.homePhone {
      add(
        Point.phone, Point.secondary, Point.home, number, UUIDv7.make(at: moment, using: &random))
    }
    // The order in which the service reads them.
    return points.sorted { ($0.rank, $0.kind) < ($1.rank, $1.kind) }
  }

  private mutating func employees() -> [UUID] {
    let all = organization.employees
    let first = random.below(all.count)
    guard random.happens(40), all.count > 1 else { return [all[first].id] }
    let second = (first + 1 + random.below(all.count - 1)) % all.count
    return [all[first].id, all[second].id]
  }

  private mutating func labels(_ tongue: Tongue) -> [String] {
    let wanted =
      switch random.below(100) {
      case ..<40: 0
      case ..<75: 1
      case ..<93: 2
      default: 3
      }
    var labels: [String] = []
    for _ in 0..<wanted {
      let label = tongue.labels.draw(&random)
      if !labels.contains(label) { labels.append(label) }
    }
    return labels
  }
}
