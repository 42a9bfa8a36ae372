import Foundation
import TestKit
import Testing

extension Workload {
  /// What the database holds of the workload's effects, and how often.
  private static let effects = """
    select 'client ' || family_name from client_directory.clients where family_name like 'Op%'
    union all
    select 'contact ' || value from client_directory.contact_points where value like 'cp%'
    union all
    select 'employee ' || email from organization.employees where email like 'op%'
    union all
    select 'resend ' || record_id from identity.invitations
    join identity.invitation_sends using (organization_id, invitation_id)
    where invitations.email like 'op%@clients.example'
    """

  /// What must be empty once everything has settled: somebody invited not once, somebody with mails
  /// that no invitation explains or without those that one promises, a mail nobody noted as sent.
  private static let unsettled = [
    """
    select 'not one invitation for ' || c.family_name from client_directory.clients c
    join client_directory.contact_points p using (organization_id, client_id)
    where p.value like 'op%' and 1 <> (
      select count(*) from identity.invitations i where i.record_id = c.client_id)
    """,
    """
    select 'not one invitation for ' || e.email from organization.employees e
    where e.email like 'op%' and 1 <> (
      select count(*) from identity.invitations i where i.record_id = e.employee_id)
    """,
    """
    select 'mails to ' || i.email || ' are not ' || i.send_count from identity.invitations i
    where i.email like 'op%' and i.send_count <> (
      select count(*) from messaging.messages m where m.recipient = i.email)
    """,
    """
    select 'a mail to ' || recipient || ' is ' || state from messaging.messages
    where recipient like 'op%' and state <> 'SENT'
    """,
  ]

  /// Waits until all news has arrived everywhere, and holds what the callers were told against what
  /// is stored. Prints what came of it.
  func settle(_ stack: Stack, _ title: String) async throws {
    var left: [String] = []
    do {
      try await wait("all invitations and mails have settled", within: .seconds(120)) {
        left = []
        for query in Self.unsettled { left += try await stack.sql(query) }
        return left.isEmpty
      }
    } catch {
      Issue.record("\(error): \(left.prefix(20))")
    }
    let rows = try await stack.sql(
      """
      select client_id || '|' || company_name from client_directory.clients
      where family_name like 'Op%'
      """)
    var final: [String: [String]] = [:]
    var stored: [String: Int] = [:]
    for row in rows {
      let parts = row.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      final[parts[0]] = parts[1].split(separator: ",").map(String.init)
    }
    for (list, marks) in final {
      for mark in marks { stored["mark \(mark) \(list)", default: 0] += 1 }
    }
    for effect in try await stack.sql(Self.effects) { stored[effect, default: 0] += 1 }
    // The first sending belongs to what made the invitation.
    for (effect, count) in stored where effect.hasPrefix("resend ") {
      stored[effect] = count - 1
    }
    try await checkMails(stack)
    let report = OpReport(log.entries, stored: stored)
    let listReport = lists.report(final: final)
    print("\(title): \(report)\n\(title), lists: \(listReport)")
    #expect(report.violations == [])
    #expect(listReport.violations == [])
    #expect(report.inDoubt == 0)
    #expect(report.acknowledged >= 50)
    #expect(listReport.acknowledged >= 10)
  }

  /// As many mails as messages, and none twice.
  private func checkMails(_ stack: Stack) async throws {
    let messages = try await stack.sql(
      "select count(*) from messaging.messages where recipient like 'op%'")
    let names = try FileManager.default.contentsOfDirectory(atPath: stack.outbox.path)
    let mails = names.filter { name in
      name.hasSuffix(".eml")
        && FileManager.default.contents(atPath: stack.outbox.appending(path: name).path)?
          .firstRange(of: Data("<op".utf8)) != nil
    }
    #expect(messages == ["\(mails.count)"])
  }
}
