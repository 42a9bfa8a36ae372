import ClientDirectoryAPI
import CommonAPI
import FieldProtection
import Foundation
import GRPC
import Postgres
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import ClientDirectoryCore
@testable import ServiceStorage

@Suite struct IndexRotationTests {
  @Test("at each step all is found and no number taken twice, by processes of two steps in a row")
  func steps() async throws {
    try await withDirectory { harness in
      let practice = try Practice(harness)
      let desk = try practice.desk()
      var former = try harness.process()
      try await practice.compare(former, former)
      #expect(try await desk.rotateIndexes(practice.organization) == 2)
      // A second one is refused, and makes the job again if it is gone.
      try await harness.database.sql("delete from client_directory.jobs")
      for _ in 0..<2 {
        await #expect(throws: KeyDesk.Refusal.self) {
          try await desk.rotateIndexes(practice.organization)
        }
      }
      #expect(
        try await harness.database.sql("select kind, dedupe_key from client_directory.jobs")
          == [["reindex-identifiers", "2"]])
      for keys in [[1, 2], [2, 2]] {
        let latest = try harness.process()
        try await practice.compare(former, latest)
        #expect(try await practice.versions() == keys.map { "\($0)" })
        // Too early: somebody may know less than this.
        guard case .again(let pause?, _, counts: false) = try await practice.turn() else {
          Issue.record("it does not wait")
          return
        }
        #expect(pause > .seconds(60))
        #expect(try await practice.versions() == keys.map { "\($0)" })
        try await practice.settle()
        guard case .again(IndexRotation.settling, _, counts: false) = try await practice.turn()
        else {
          Issue.record("it does not wait for the next step")
          return
        }
        former = latest
      }
      #expect(try await practice.versions() == ["2", nil])
      try await practice.compare(former, harness.process())
      guard case .done = try await practice.turn() else {
        Issue.record("it does not end")
        return
      }
      #expect(try await practice.twice() == 0)
      try await practice.compare(harness.process(), harness.process())
      #expect(try await practice.twice() == 0)
    }
  }

  @Test("under load no call fails, no number is taken twice, and all is found all the time")
  func load() async throws {
    try await withDirectory { harness in
      let practice = try Practice(harness)
      let desk = try practice.desk()
      // As in life, but for the times: keys are kept for a moment, and no call takes four seconds.
      let processes = try (0..<3).map { _ in try harness.process(life: .milliseconds(100)) }
      try await practice.race(number(0), processes[0], processes[1])
      try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in 0..<3 {
          group.addTask {
            var round = 0
            while !practice.book.isClosed.withLock({ $0 }) {
              round += 1
              if round <= 250 {
                try await practice.race(
                  number(worker * 250 + round), processes[worker], processes[(worker + 1) % 3])
              }
              try await practice.findSome(by: processes[worker])
            }
            #expect(round > 3)
          }
        }
        group.addTask {
          defer { practice.book.isClosed.withLock { $0 = true } }
          #expect(try await desk.rotateIndexes(practice.organization) == 2)
          var steps = 0
          while case .again(let pause?, _, _) = try await practice.turn(settling: .seconds(4)) {
            // As the queue does.
            try await Task.sleep(for: pause)
            steps += 1
            try #require(steps < 100)
          }
        }
        try await group.waitForAll()
      }
      #expect(try await practice.versions() == ["2", nil])
      #expect(try await practice.twice() == 0)
      try await practice.findAll(by: harness.process())
      let check = try await desk.check()
      #expect(check == KeyDesk.Check(whole: practice.book.withLock { $0.count }))
    }
  }

  @Test("a number that does not open stops it, with the others done, and nobody loses one")
  func unreadable() async throws {
    try await withDirectory { harness in
      let practice = try Practice(harness)
      let process = try harness.process()
      for index in 0..<3 { try await practice.race(number(index), process, process) }
      let broken = try #require(practice.book.withLock { $0[number(1)] })
      try await harness.database.sql(
        """
        update client_directory.identifiers set ciphertext = set_byte(ciphertext, 20,
          (get_byte(ciphertext, 20) + 1) % 256) where client_id = '\(broken)'
        """)
      _ = try await practice.desk().rotateIndexes(practice.organization)
      try await practice.settle()
      guard case .dead = try await practice.turn() else {
        Issue.record("it goes on")
        return
      }
      #expect(try await practice.twice() == 2)
      try await practice.findAll(by: harness.process())
      // Removed, or written anew, it is in nobody's way any more.
      let row = Client(clientID: broken, organizationID: practice.organization.text)
      try await harness.set(number(1), of: row, by: practice.administrator)
      guard case .again = try await practice.turn() else {
        Issue.record("it does not go on")
        return
      }
      #expect(try await practice.versions() == ["2", "2"])
    }
  }

  @Test("keys that were destroyed meanwhile end it")
  func destroyed() async throws {
    try await withDirectory { harness in
      let practice = try Practice(harness)
      let process = try harness.process()
      try await practice.race(number(0), process, process)
      _ = try await practice.desk().rotateIndexes(practice.organization)
      #expect(try await practice.desk().destroy(practice.organization))
      guard case .done = try await practice.turn() else {
        Issue.record("it goes on")
        return
      }
    }
  }

  @Test("the service removes a next key of indexes, and no other key")
  func removal() async throws {
    try await withDirectory { harness in
      let practice = try Practice(harness)
      let process = try harness.process()
      try await practice.race(number(0), process, process)
      _ = try await practice.desk().rotateIndexes(practice.organization)
      let remove = Statement<NoRow>("delete from data_keys where organization_id = $1")
      try await harness.service.run(
        .organization(practice.organization), remove(practice.organization))
      #expect(
        try await harness.database.sql(
          "select purpose from client_directory.data_keys order by purpose") == [["1"], ["2"]])
    }
  }
}

/// A practice, and who there has which number.
private struct Practice: Sendable {
  let harness: DirectoryHarness
  let administrator: Caller
  let organization: UUID
  let book = Book()

  init(_ harness: DirectoryHarness) throws {
    self.harness = harness
    administrator = harness.staff(.superAdmin, of: harness.organization())
    organization = try #require(administrator.organizationID)
    try harness.allowIdentifiers(to: administrator)
  }

  /// As an operator.
  func desk() throws -> KeyDesk {
    let database = try harness.database.database(role: "postgres") {
      $0.connection += " options='-c search_path=client_directory'"
    }
    return KeyDesk(database: database, files: try harness.protection.files())
  }

  /// A turn of the job.
  func turn(settling: Duration = IndexRotation.settling) async throws -> JobOutcome.Ending {
    let keyring = FieldKeyring(
      files: try harness.protection.files(), table: DataKeys(database: harness.service))
    return try await IndexRotation(
      database: harness.service, fieldKeys: keyring, settling: settling
    ).perform(for: organization).ending
  }

  /// So much time goes by that nobody works by older keys.
  func settle() async throws {
    try await harness.database.sql(
      "update client_directory.data_keys set created_at = created_at - interval '1 hour'")
  }

  /// The version that makes indexes, and the next one.
  func versions() async throws -> [String?] {
    try await harness.database.sql(
      """
      select max(version) filter (where purpose = 2), max(version) filter (where purpose = 3)
      from client_directory.data_keys
      """
    ).first ?? []
  }

  /// How many numbers have a second index.
  func twice() async throws -> Int {
    let rows = try await harness.database.sql(
      "select count(next_index) from client_directory.identifiers")
    return rows.first?.first.flatMap { $0 }.flatMap { Int($0) } ?? -1
  }

  /// Two processes give one number to two clients at once: one of them gets it.
  func race(_ number: String, _ one: DirectoryHarness, _ other: DirectoryHarness) async throws {
    let clients = try await [
      harness.create(by: administrator), harness.create(by: administrator),
    ]
    async let first = refusal { try await one.set(number, of: clients[0], by: administrator) }
    async let second = refusal { try await other.set(number, of: clients[1], by: administrator) }
    let refusals = await [first, second]
    #expect(refusals.compactMap { $0?.reason } == ["IDENTIFIER_IN_THIS_ORG"])
    let winner = refusals[0] == nil ? 0 : 1
    book.withLock { $0[number] = clients[winner].clientID }
  }

  func findAll(by process: DirectoryHarness) async throws {
    for (number, client) in book.withLock({ $0 }) {
      #expect(try await process.find(number, by: administrator).clientID == client)
    }
  }

  func findSome(by process: DirectoryHarness) async throws {
    let some = book.withLock { $0.randomElement() }
    if let (number, client) = some {
      #expect(try await process.find(number, by: administrator).clientID == client)
    }
  }

  /// What two processes write is one another's as well.
  func compare(_ one: DirectoryHarness, _ other: DirectoryHarness) async throws {
    try await findAll(by: one)
    try await findAll(by: other)
    for (writer, late) in [(one, other), (other, one)] {
      let request = SetIdentifierRequest.sample(
        of: try await harness.create(by: administrator), .nationalNumber, newNumber())
      let written = try await writer.api.setIdentifier(request, options: administrator.options)
      #expect(try await late.api.setIdentifier(request, options: administrator.options) == written)
      book.withLock { $0[request.number] = request.clientID }

      var changed = request
      changed.number = newNumber()
      let reused = await refusal {
        try await late.api.setIdentifier(changed, options: administrator.options)
      }
      #expect(reused?.reason == "REQUEST_ID_REUSED")

      let client = try await harness.create(by: administrator)
      let taken = await refusal {
        try await late.set(request.number, of: client, by: administrator)
      }
      #expect(taken?.reason == "IDENTIFIER_IN_THIS_ORG")

      changed.requestID = UUID().text
      changed.number = request.number
      changed.kind = .partnerNationalNumber
      let ownPartner = await refusal {
        try await late.api.setIdentifier(changed, options: administrator.options)
      }
      #expect(ownPartner?.reason == "IDENTIFIER_INVALID")
      for _ in 0..<3 { try await race(newNumber(), writer, late) }
    }
    try await findAll(by: one)
    try await findAll(by: other)
    let check = try await desk().check()
    #expect(check == KeyDesk.Check(whole: book.withLock { $0.count }))
  }

  private func newNumber() -> String { number(book.next()) }
}

/// Who has which number.
private final class Book: Sendable {
  /// Nothing more is written.
  let isClosed = Mutex(false)
  private let state = Mutex<(entries: [String: String], numbers: Int)>(([:], 0))

  func withLock<Result: Sendable>(
    _ body: (inout [String: String]) -> sending Result
  ) -> Result {
    state.withLock { body(&$0.entries) }
  }

  /// Another each time.
  func next() -> Int {
    state.withLock {
      $0.numbers += 1
      return $0.numbers
    }
  }
}

extension DirectoryHarness {
  /// Another process of the service, which opens the keys when it needs them first.
  /// - Parameter life: for how long it goes on with them.
  fileprivate func process(life: Duration = .seconds(3600)) throws -> DirectoryHarness {
    let peer = InProcessChannel(
      services: [identity.binding, peers.binding], interceptors: [],
      peer: Peer(serviceName: "client-directory", address: "test"))
    var other = ClientDirectoryService(
      storage: ClientDirectoryStorage(database: service), identity: peer, organization: peer)
    other.fieldKeys = FieldKeyring(
      files: try protection.files(), table: DataKeys(database: service), life: life)
    let channel = InProcessChannel(
      services: [.clientDirectoryService(other)], interceptors: [BelievingInterceptor()],
      peer: Peer(serviceName: "gateway", address: "direct"))
    return DirectoryHarness(
      api: ClientDirectoryServiceClient(channel), database: database, service: service,
      identity: identity, peers: peers, jobs: jobs, follower: follower, protection: protection)
  }
}
