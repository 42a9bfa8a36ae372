import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import MessagingAPI
import ServiceKit
import ServiceStorage
import Synchronization
import TestKit
import Testing

@testable import MessagingCore

@Suite struct SendAppReminderSmsTests {
  @Test(
    "a reminder is queued, sent to the mobile number, and a repeat is the same one",
    arguments: Depth.allCases)
  func sent(depth: Depth) async throws {
    try await withStage { stage in
      let client = Client.reachable(language: "fr-BE")
      try await stage.serving(at: depth, client: { $0.text == client.clientID ? client : nil }) {
        messaging in
        let staff = try TestIssuer.options(.reminding)
        let request = SendAppReminderSmsRequest.sample(client)
        let queued = try await messaging.sendAppReminderSms(request, options: staff)
        #expect(queued.state == .queued && queued.channel == .sms)
        #expect(queued.purpose == .appReminder && queued.recordID == client.clientID)
        #expect(queued.recipient == "+32470123456" && queued.language == "fr")
        let again = try await messaging.sendAppReminderSms(request, options: staff)
        #expect(again == queued)
        let carrier = ScriptedSMSCarrier([])
        try await stage.delivery(smsCarrier: carrier).drain()
        let sms = carrier.sms.withLock { $0 }
        #expect(sms.map(\.messageID.text) == [queued.messageID])
        #expect(sms.first?.recipient == "+32470123456")
        #expect(
          sms.first?.text
            == "Centre Démo : retrouvez votre compte dans l'application mobile. "
            + "Téléchargez-la ici : https://app.example")
        let message = try await messaging.getMessage(
          GetMessageRequest(
            organizationID: UUID.sampleOrganization.text, messageID: queued.messageID),
          options: try TestIssuer.options(.reader))
        #expect(message.state == .sent && message.createTime == queued.createTime)
      }
    }
  }

  @Test("each of the three conditions refuses by its own reason, and leaves nothing")
  func conditions() async throws {
    try await withStage { stage in
      var client = Client.reachable()
      let points = client.contactPoints
      let mobile = points.filter { $0.phoneType == .mobile }
      var secondary = points[0]
      secondary.rank = .secondary
      let refusals = [
        ("NO_PRIMARY_EMAIL", mobile), ("NO_PRIMARY_EMAIL", [secondary] + mobile),
        ("NO_MOBILE_NUMBER", points.filter { $0.phoneType != .mobile }),
        ("NO_MOBILE_NUMBER", [points[0]]),
      ]
      for (expected, points) in refusals {
        client.contactPoints = points
        #expect(await remind(client, in: stage) == expected)
      }
      // The way out leads to a number that SMS go to.
      #expect(
        MessagingError.noMobileNumber.rpcError.resolutions.map(\.fields)
          == [["kind": "CONTACT_KIND_PHONE", "phoneType": "PHONE_TYPE_MOBILE"]])
      client.contactPoints = points
      stage.identity.inApp.withLock { $0 = [client.accountID] }
      #expect(await remind(client, in: stage) == "APP_INSTALLED")
      for table in ["messages", "jobs", "sms_quotas", "audit_log", "idempotency"] {
        let rows = try await stage.database.count(table)
        #expect(rows == 0, "\(table)")
      }
      stage.identity.inApp.withLock { $0 = [] }
      #expect(await remind(client, in: stage) == nil)
    }
  }

  @Test("a repeat is answered as the first time, whatever became of the client since")
  func repeated() async throws {
    try await withStage { stage in
      let client = Client.reachable()
      let request = SendAppReminderSmsRequest.sample(client)
      try await stage.serving(at: .inProcess, client: { _ in client }) { messaging in
        let staff = try TestIssuer.options(.reminding)
        let first = try await messaging.sendAppReminderSms(request, options: staff)
        stage.identity.inApp.withLock { $0 = [client.accountID] }
        #expect(try await messaging.sendAppReminderSms(request, options: staff) == first)
        #expect(try await stage.database.count("messages") == 1)
      }
    }
  }

  @Test("a client and an organisation get so many a day, and another one is not held up by it")
  func quota() async throws {
    try await withStage { stage in
      let client = Client.reachable()
      for _ in 1...Reminders.perClientMax { #expect(await remind(client, in: stage) == nil) }
      #expect(await remind(client, in: stage) == "QUOTA")
      #expect(await remind(.reachable(), in: stage, smsMax: 4) == nil)
      #expect(await remind(.reachable(), in: stage, smsMax: 4) == "QUOTA")
      #expect(try await stage.database.count("messages") == 4)
      let other = try TestIssuer.options(.staff(of: .otherOrganization, ["clients.update"]))
      #expect(await remind(.reachable(), in: stage, smsMax: 4, as: other) == nil)
      // A day later the oldest counts no more.
      try await stage.database.sql(
        """
        update messaging.sms_quotas set moments[1] = moments[1] - interval '25 hours'
        where organization_id = '\(UUID.sampleOrganization.text)'
        """)
      #expect(await remind(client, in: stage) == nil)
      #expect(await remind(client, in: stage) == "QUOTA")
    }
  }

  @Test("calls at the same time get no more than the quota allows")
  func together() async throws {
    try await withStage { stage in
      let reasons = await withTaskGroup(of: String?.self) { group in
        for _ in 1...12 {
          group.addTask { await remind(.reachable(), in: stage, smsMax: 5) }
        }
        return await group.reduce(into: [String?]()) { $0.append($1) }
      }
      let queued = try await stage.database.count("messages")
      #expect(reasons.filter { $0 == nil }.count == 5 && queued == 5, "\(reasons)")
    }
  }

  @Test("who may, and whom they see", arguments: Depth.allCases)
  func access(depth: Depth) async throws {
    try await withStage { stage in
      try await stage.serving(at: depth, client: { _ in nil }) { messaging in
        let request = SendAppReminderSmsRequest.sample(.reachable())
        #expect(
          await reason {
            _ = try await messaging.sendAppReminderSms(
              request, options: try TestIssuer.options(.reminding))
          } == "CLIENT_NOT_FOUND")
        guard depth != .direct else { return }
        #expect(
          await reason {
            _ = try await messaging.sendAppReminderSms(
              request, options: try TestIssuer.options(.staff()))
          } == "NOT_PERMITTED")
      }
    }
  }

  @Test("first answers go after 72 hours, and only those")
  func sweep() async throws {
    try await withStage { stage in
      try await stage.remind(2)
      let sweep = AnswerSweep(worker: stage.worker)
      #expect(try await sweep.sweep() == 0)
      try await stage.database.sql(
        """
        update messaging.idempotency set created_at = now() - interval '73 hours'
        where request_id = (select request_id from messaging.idempotency limit 1)
        """)
      #expect(try await sweep.sweep() == 1)
      #expect(try await stage.database.count("idempotency") == 1)
    }
  }

  @Test("each call that changes something leaves one row on record, any other none")
  func audit() async throws {
    try await withStage { stage in
      let client = Client.reachable()
      let watch = AuditWatch(MessagingServiceMethods.all, in: stage.database)
      try await stage.serving(at: .inProcess, client: { _ in client }) { messaging in
        let staff = try TestIssuer.options(.reminding)
        let request = SendAppReminderSmsRequest.sample(client)
        _ = try await watch.changes("SendAppReminderSms") {
          try await messaging.sendAppReminderSms(request, options: staff)
        }
        try await watch.leavesNothing("SendAppReminderSms, repeated and refused") {
          _ = try await messaging.sendAppReminderSms(request, options: staff)
          stage.identity.inApp.withLock { $0 = [client.accountID] }
          #expect(await remind(client, in: stage) == "APP_INSTALLED")
        }
      }
      #expect(watch.missing.isEmpty, "\(watch.missing)")
      let personal = try await stage.database.sql(
        "select 1 from messaging.audit_log a where a::text ~ '470123456|Centre'")
      #expect(personal.isEmpty)
    }
  }
}

/// The reason a reminder of a client is refused for; nil when it is queued.
private func remind(
  _ client: Client, in stage: Stage, smsMax: Int = 50, as options: CallOptions? = nil
) async -> String? {
  await reason {
    try await stage.serving(at: .inProcess, smsMax: smsMax, client: { _ in client }) { messaging in
      var request = SendAppReminderSmsRequest.sample(client)
      if options != nil { request.organizationID = UUID.otherOrganization.text }
      _ = try await messaging.sendAppReminderSms(
        request, options: try options ?? TestIssuer.options(.reminding))
    }
  }
}

extension Caller {
  /// May have clients reminded.
  static var reminding: Caller { .staff(["clients.update"]) }
}

extension SendAppReminderSmsRequest {
  /// Another one each time.
  static func sample(
    _ client: Client, of organization: UUID = .sampleOrganization
  ) -> SendAppReminderSmsRequest {
    SendAppReminderSmsRequest(
      requestID: UUIDv7.make().text, organizationID: organization.text, clientID: client.clientID)
  }
}

extension Client {
  /// Somebody who fulfils all conditions, with a number at home beside the mobile one.
  static func reachable(_ id: UUID = UUIDv7.make(), language: String = "en") -> Client {
    func point(
      _ kind: ContactKind, _ rank: ContactRank, _ value: String, _ type: PhoneType = .unspecified
    ) -> ContactPoint {
      ContactPoint(
        contactPointID: UUIDv7.make().text, kind: kind, rank: rank, value: value, phoneType: type)
    }
    return Client(
      clientID: id.text, accountID: UUIDv7.make().text, language: language,
      contactPoints: [
        point(.email, .primary, "ada@example.org"),
        point(.phone, .primary, "+3223456789", .home),
        point(.phone, .secondary, "+32470123456", .mobile),
      ])
  }
}
