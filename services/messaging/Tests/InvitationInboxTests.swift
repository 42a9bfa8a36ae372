import Foundation
import IdentityAPI
import Postgres
import Protobuf
import ServiceKit
import TestKit
import Testing

@testable import MessagingCore

@Suite struct InvitationInboxTests {
  @Test("each sending becomes one message, however often it is told")
  func once() async throws {
    try await withStage { stage in
      let issued = InvitationIssued.sample(language: "fr-CA")
      for _ in 0..<3 { try await stage.apply(issued) }
      #expect(try await stage.column("state") == ["QUEUED"])
      #expect(try await stage.column("language") == ["fr"])
      #expect(
        try await stage.column("subject") == [
          "Centre Démo vous invite à activer votre compte client"
        ])
    }
  }

  @Test("a newer sending takes the place of an older unsent one")
  func superseded() async throws {
    try await withStage { stage in
      let invitation = UUIDv7.make()
      try await stage.apply(.sample(invitation: invitation, sendCount: 1))
      try await stage.apply(.sample(invitation: invitation, sendCount: 2))
      #expect(try await stage.column("state") == ["CANCELLED", "QUEUED"])
      // Told late, an older one is not sent either.
      try await stage.database.sql("delete from messaging.messages where send_count = 1")
      try await stage.apply(.sample(invitation: invitation, sendCount: 1))
      try await stage.delivery().drain()
      #expect(try await stage.column("state") == ["CANCELLED", "SENT"])
      #expect(stage.mails.count == 1)
    }
  }

  @Test("what was sent already stays sent")
  func sent() async throws {
    try await withStage { stage in
      let invitation = UUIDv7.make()
      try await stage.apply(.sample(invitation: invitation, sendCount: 1))
      try await stage.delivery().drain()
      try await stage.apply(.sample(invitation: invitation, sendCount: 2))
      #expect(try await stage.column("state") == ["SENT", "QUEUED"])
    }
  }

  @Test("names are made safe before they are stored")
  func names() async throws {
    try await withStage { stage in
      try await stage.apply(.sample(name: "Ada\r\nBcc: evil@example.org"))
      #expect(try await stage.column("display_name") == ["Ada Bcc: evil@example.org"])
    }
  }

  @Test("news that nobody can understand is parked, and the feed goes on")
  func poison() async throws {
    try await withStage { stage in
      stage.identity.announce(
        "invitation.created", [0xff, 0xff], organization: UUID.sampleOrganization.text)
      stage.identity.announce(.sample(email: "not an address"))
      stage.identity.announce(.sample())
      let delivery = try stage.delivery()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await delivery.follow(delivery.feed()) }
        group.addTask {
          while try await stage.database.count("messages") == 0 {
            try await Task.sleep(for: .milliseconds(50))
          }
        }
        _ = try await group.next()
        group.cancelAll()
      }
      #expect(try await stage.database.count("feed_parked") == 2)
      #expect(try await stage.column("recipient") == ["ada@example.org"])
    }
  }

  @Test("a follower that starts again goes on where it was")
  func position() async throws {
    try await withStage { stage in
      for expected in 1...3 {
        stage.identity.announce(.sample())
        let delivery = try stage.delivery()
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { await delivery.follow(delivery.feed()) }
          group.addTask {
            while try await stage.database.count("messages") < expected {
              try await Task.sleep(for: .milliseconds(20))
            }
          }
          _ = try await group.next()
          group.cancelAll()
        }
        #expect(try await stage.database.count("messages") == expected)
      }
      let position = try await stage.database.sql("select event_id from messaging.feed_positions")
      #expect(position == [["3"]])
    }
  }
}
