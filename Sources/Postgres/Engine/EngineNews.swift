import Logging

/// NOTIFY, both ways.
///
/// A NOTIFY inside a writing transaction takes a lock on the whole database that lasts until the
/// commit is on disk, so that commits would queue one behind the other. Ours therefore comes after
/// the commit, in a transaction that writes nothing else and so waits for no disk. If the process
/// dies in between, nothing is lost: who follows a feed also looks every second.
extension Engine {
  static let announceStatement = Statement<NoRow>(
    "select pg_notify(current_schema() || '_events', '')", writes: false)

  /// At most one announcement a sweep, whatever the rate of commits.
  func announceIfDue() {
    guard owesAnnouncement else { return }
    owesAnnouncement = false
    accept(
      Call(
        .single, scope: .none, queries: [AnyQuery(Self.announceStatement())],
        deadline: now + settings.callTimeout))
  }

  func listen(to channel: String, id: Int, _ continuation: AsyncStream<String>.Continuation) {
    if listener == nil { listener = Listener(settings: settings, logger: logger) }
    if hosts.needsLookUp(now: now), hosts.current == nil { lookUp() }
    listener?.add(channel: channel, id: id, continuation, now: now, target: hosts.current)
  }
}
