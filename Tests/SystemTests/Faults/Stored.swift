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
    select 'contact ' || value || ' ' || client_id from client_directory.contact_points
    where value in ('\(phones.joined(separator: "','"))')
    union all
    select 'move ' || request_id from client_directory.idempotency
    where method like '%/SetPrimaryContactPoint'
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
    select 'a mail to ' || recipient || ' is ' || state || coalesce(': ' || failure, '')
    from messaging.messages left join messaging.dead_jobs on job_id = message_id
    where recipient like 'op%' and state <> 'SENT'
    """,
  ]

  /// What must be empty as well: changes without their one row in the audit log, and rows without
  /// their change. Whatever was asked for under a key left its answer under it, in the services
  /// behind the first one too, where keys are derived; mails are made and sent without a key.
  private static let unrecorded =
    DevNames.schemas.map { schema in
      """
      select '\(schema) ' || request_id || ' happened ' || sum(answers) || ' times, is on record '
        || sum(records)
      from (
        select request_id, 1 as answers, 0 as records from \(schema).idempotency
        union all
        select request_id, 0, 1 from \(schema).audit_log where request_id is not null) as told
      group by request_id having sum(answers) <> sum(records)
      """
    } + [
      """
      select m.state || ' message ' || m.message_id || ' is on record ' || count(a.action)
        || ' times: ' || coalesce(string_agg(a.action, ' '), '')
      from messaging.messages m left join messaging.audit_log a on a.object_id = m.message_id
      group by m.state, m.message_id
      having count(*) filter (where a.action = 'message.queue') <> 1
        or count(*) filter (where a.action = 'message.sent') <> (m.state = 'SENT')::integer
      """
    ]

  /// How many rows of the audit log tell of each key.
  private static let records = DevNames.schemas.map {
    "select request_id from \($0).audit_log where request_id is not null"
  }.joined(separator: " union all ")

  /// What the audit log lacks or has too much of, whoever caused it.
  private func unrecorded(_ stack: Stack) async throws -> [String] {
    var left: [String] = []
    for query in Self.unrecorded { left += try await stack.sql(query) }
    return left
  }

  /// What the callers were told, held against what is stored and what is on record, and the lists as
  /// they are.
  private func report(_ stack: Stack) async throws -> (OpReport, lists: [String: [String]]) {
    let rows = try await stack.sql(
      """
      select client_id || '|' || company_name from client_directory.clients
      where family_name like 'Op%'
      """)
    var lists: [String: [String]] = [:]
    var stored: [String: Int] = [:]
    for row in rows {
      let parts = row.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      lists[parts[0]] = parts[1].split(separator: ",").map(String.init)
    }
    for (list, marks) in lists {
      for mark in marks { stored["mark \(mark) \(list)", default: 0] += 1 }
    }
    for effect in try await stack.sql(Self.effects) { stored[effect, default: 0] += 1 }
    // The first sending belongs to what made the invitation.
    for (effect, count) in stored where effect.hasPrefix("resend ") {
      stored[effect] = count - 1
    }
    var recorded: [UUID: Int] = [:]
    for key in try await stack.sql(Self.records).compactMap(UUID.init(uuidString:)) {
      recorded[key, default: 0] += 1
    }
    return (OpReport(log.entries, stored: stored, recorded: recorded), lists)
  }

  /// Takes a row out of the audit log and doubles another, and expects to be told of both.
  func plantInAuditLog(_ stack: Stack) async throws {
    let columns =
      "organization_id, actor_account, actor_service, acting_as, action, object_kind, object_id, "
      + "request_id, detail"
    _ = try await stack.sql(
      """
      set session_replication_role = replica;
      insert into client_directory.audit_log (\(columns))
      select \(columns) from client_directory.audit_log
      where action = 'client.create' and request_id is not null order by audit_id desc limit 1;
      delete from client_directory.audit_log where audit_id = (
        select min(audit_id) from client_directory.audit_log
        where action = 'client.update' and request_id is not null)
      """)
    let (report, _) = try await report(stack)
    #expect(report.violations.count == 2)
    #expect(report.unrecorded.count == 1)
    #expect(report.recordedTwice.count == 1)
    #expect(try await unrecorded(stack).count == 2)
  }

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
    try await checkMails(stack)
    let (report, final) = try await report(stack)
    let listReport = lists.report(final: final)
    let tokenReport = tokens.report()
    Report.say("\(title): \(report)\n\(title), lists: \(listReport)")
    if tokenReport.reads > 0 { Report.say("\(title), tokens: \(tokenReport)") }
    #expect(report.violations == [])
    #expect(listReport.violations == [])
    #expect(tokenReport.violations == [])
    let unrecorded = try await unrecorded(stack)
    #expect(unrecorded.isEmpty, "\(unrecorded.prefix(20))")
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
