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

@Suite struct KeyDeskTests {
  /// As an operator, with the key files or with those of a rotation.
  private func desk(_ harness: DirectoryHarness, rotated: Bool = false) throws -> KeyDesk {
    let database = try harness.database.database(role: "postgres") {
      $0.connection += " options='-c search_path=client_directory'"
    }
    return KeyDesk(database: database, files: try harness.protection.files(rotated: rotated))
  }

  /// The keys as a process sees them that starts now.
  private func keyring(_ harness: DirectoryHarness, rotated: Bool = false) throws -> FieldKeyring {
    FieldKeyring(
      files: try harness.protection.files(rotated: rotated),
      table: DataKeys(database: harness.service))
  }

  /// Why a process that starts now does not have the keys; nil when it has.
  private func reason(
    _ harness: DirectoryHarness, _ organization: UUID
  ) async throws -> String? {
    do {
      _ = try await keyring(harness).keys(of: organization, deadline: .after(.seconds(30)))
      return nil
    } catch let refusal as ClientDirectoryError {
      return refusal.rpcError.reason
    }
  }

  /// A practice with clients who have a number each.
  private func populate(
    _ harness: DirectoryHarness, _ count: Int
  ) async throws -> (administrator: Caller, clients: [Client]) {
    let administrator = harness.staff(.superAdmin, of: harness.organization())
    try harness.allowIdentifiers(to: administrator)
    var clients: [Client] = []
    for index in 0..<count {
      let client = try await harness.create(by: administrator)
      try await harness.set(number(index), of: client, by: administrator)
      clients.append(client)
    }
    return (administrator, clients)
  }

  @Test("a rotation under load: all is encrypted anew, no read and no write fails")
  func rotation() async throws {
    try await withDirectory { harness in
      let (administrator, clients) = try await populate(harness, 40)
      let organization = try #require(administrator.organizationID)
      let desk = try desk(harness)
      let load = Load()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in 0..<4 {
          group.addTask {
            var turn = worker
            repeat {
              turn += 1
              let index = turn % clients.count
              // Twenty readings are a person's share: each has another reader.
              let reader = harness.staff(
                .superAdmin, of: TestOrganization(id: organization, branches: []))
              let read = try await harness.reveal(clients[index], by: reader)
              let expected = [number(index), number(index + 100)]
              #expect(expected.contains(read.filter(\.isNumber)))
              if worker == 0 {
                try await harness.set(number(index + 100), of: clients[index], by: administrator)
              }
              load.reads.withLock { $0 += 1 }
            } while !load.isOver.withLock { $0 }
          }
        }
        group.addTask {
          defer { load.isOver.withLock { $0 = true } }
          for version in Int32(2)...3 {
            let made = try await desk.rotate(organization)
            #expect(made == version)
            await harness.jobs.drain()
          }
        }
        try await group.waitForAll()
      }
      #expect(load.reads.withLock { $0 } >= 4)
      // What a process wrote with the version it still knew is found when the job looks once more.
      let later = Reencryption(
        database: harness.service, fieldKeys: try keyring(harness),
        clock: ServiceClock { Date(timeIntervalSinceNow: 60) })
      let job = ReencryptionJob(version: 3, since: Date())
      guard case .done = try await later.perform(job, of: organization).ending else {
        Issue.record("not done")
        return
      }
      let owner = try #require(try await desk.owners().first)
      #expect(owner.owner.version == 3)
      #expect(owner.behind == 0)
      #expect(try await desk.check().whole == clients.count)
      let versions = try await harness.database.sql(
        "select distinct key_version, get_byte(ciphertext, 4) from client_directory.identifiers")
      #expect(versions == [["3", "3"]])
    }
  }

  @Test("a job that comes too early waits for processes that know the former version alone")
  func lateWriters() async throws {
    try await withDirectory { harness in
      let (administrator, _) = try await populate(harness, 1)
      let organization = try #require(administrator.organizationID)
      _ = try await desk(harness).rotate(organization)
      let reencryption = Reencryption(
        database: harness.service, fieldKeys: try keyring(harness), clock: .system)
      let job = ReencryptionJob(version: 2, since: Date())
      guard
        case .again(let pause?, _, counts: false) = try await reencryption.perform(
          job, of: organization
        ).ending
      else {
        Issue.record("it does not look again")
        return
      }
      #expect(pause > .seconds(5))
      // Until then it has done what there was.
      #expect(try await desk(harness).owners().first?.behind == 0)
    }
  }

  @Test("a job that finds the keys destroyed is done: nothing is left to encrypt anew")
  func destroyedMeanwhile() async throws {
    try await withDirectory { harness in
      let (administrator, _) = try await populate(harness, 1)
      let organization = try #require(administrator.organizationID)
      let desk = try desk(harness)
      _ = try await desk.rotate(organization)
      #expect(try await desk.destroy(organization))
      await harness.jobs.drain()
      #expect(try await harness.database.count("jobs") == 0)
      #expect(try await harness.database.count("dead_jobs") == 0)
      #expect(try await harness.database.count("alerts") == 0)
    }
  }

  @Test("another master key wraps, and the former one is needed no more")
  func rewrap() async throws {
    try await withDirectory { harness in
      let (administrator, clients) = try await populate(harness, 2)
      let organization = try #require(administrator.organizationID)
      #expect(try await desk(harness, rotated: true).rewrap() == 2)
      #expect(try await desk(harness, rotated: true).rewrap() == 0)
      let alone = FieldKeyring(
        files: FieldProtectionFiles(
          masterKeys: MasterKeys(current: harness.protection.second),
          secrets: try OrganizationSecrets(folder: harness.protection.folder)),
        table: DataKeys(database: harness.service))
      let rows = try await harness.service.run(
        .organization(organization),
        Identifiers.select(organization, UUID(uuidString: clients[0].clientID) ?? UUID()))
      let row = try #require(rows.first)
      let digits = try await alone.open(
        row.ciphertext, in: row.kind.field, row: row.clientID, of: organization,
        deadline: .after(.seconds(30)))
      #expect(String(decoding: digits, as: UTF8.self) == number(0))
      // A process that knows the former one alone says so.
      #expect(try await reason(harness, organization) == "IDENTIFIER_KEYS_MISSING")
    }
  }

  @Test("destroyed: nothing opens any more, of a backup neither, and it is on record")
  func destruction() async throws {
    try await withDirectory { harness in
      let (administrator, clients) = try await populate(harness, 1)
      let (other, theirs) = try await populate(harness, 1)
      let organization = try #require(administrator.organizationID)
      // A backup of the database, as of now.
      try await harness.database.sql(
        "create table public.backup as select * from client_directory.data_keys")
      let desk = try desk(harness)
      #expect(try await desk.destroy(organization))
      #expect(try await desk.destroy(organization))
      #expect(try await desk.destroy(UUID()) == false)
      #expect(try await reason(harness, organization) == "IDENTIFIER_KEYS_DESTROYED")
      await #expect(throws: KeyDesk.Refusal.self) { try await desk.rotate(organization) }
      // The backup comes back, with the master key: without the secret it opens nothing.
      try await harness.database.sql(
        """
        delete from client_directory.data_keys;
        insert into client_directory.data_keys select * from public.backup
        """)
      #expect(try await reason(harness, organization) == "IDENTIFIER_KEYS_MISSING")
      let check = try await desk.check()
      #expect(check.whole == 1)
      #expect(check.broken == 1)
      #expect(try await harness.reveal(theirs[0], by: other).filter(\.isNumber) == number(0))
      // What is shown remains, and can be removed.
      #expect(try await harness.identifiers(of: clients[0], by: administrator).count == 1)
      let records = try await harness.database.sql(
        """
        select object_id, actor_service from client_directory.audit_log
        where action = 'data_key.destroy'
        """)
      #expect(records == [[organization.text, "operator"]])
    }
  }

  @Test("a check opens every number, and names what is wrong without telling it")
  func check() async throws {
    try await withDirectory { harness in
      let (_, clients) = try await populate(harness, 5)
      let desk = try desk(harness)
      #expect(try await desk.check() == KeyDesk.Check(whole: 5))
      try await harness.database.sql(
        """
        update client_directory.identifiers set ciphertext = set_byte(ciphertext, 20, 0)
          where client_id = '\(clients[0].clientID)' and get_byte(ciphertext, 20) <> 0;
        update client_directory.identifiers set blind_index = sha256('x')
          where client_id = '\(clients[1].clientID)';
        update client_directory.identifiers set masked = '**.**.**-***.00'
          where client_id = '\(clients[2].clientID)'
        """)
      let found = try await desk.check()
      #expect(found.broken >= 2)
      #expect(found.whole + found.broken == 5)
      for problem in found.problems {
        #expect(!(0..<5).contains { problem.contains(number($0)) })
      }
    }
  }
}

/// Readers and writers at work.
private final class Load: Sendable {
  let isOver = Mutex(false)
  let reads = Mutex(0)
}
