import Feed
import OrganizationCore
import ServiceKit
import ServiceStorage

/// The process of the service `organization`.
@main enum OrganizationProcess {
  static func main() async {
    await ServiceProcess.main("organization") { rig in
      let database = try rig.database(.service, schema: OrganizationStorage.schemaVersion)
      let worker = try rig.database(.worker)
      let identity = try rig.channel(to: "identity")
      let sealer = try rig.auditSealer(worker)
      var assembly = OrganizationService.assembly(
        database: database, worker: worker, feed: try rig.feed(worker: worker),
        identity: identity, logger: rig.logger, clock: rig.clock)
      assembly.background.append(sealer)
      return assembly
    }
  }
}
