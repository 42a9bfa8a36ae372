import ClientDirectoryCore
import Feed
import ServiceKit
import ServiceStorage

/// The process of the service `client-directory`.
@main enum ClientDirectoryProcess {
  static func main() async {
    await ServiceProcess.main("client-directory") { rig in
      let database = try rig.database(.service, schema: ClientDirectoryStorage.schemaVersion)
      let worker = try rig.database(.worker)
      let identity = try rig.channel(to: "identity")
      let organization = try rig.channel(to: "organization")
      let protection = try rig.fieldProtection()
      let sealer = try rig.auditSealer(worker)
      var assembly = ClientDirectoryService.assembly(
        database: database, worker: worker, feed: try rig.feed(worker: worker),
        identity: identity, organization: organization, protection: protection,
        logger: rig.logger, clock: rig.clock)
      assembly.background.append(sealer)
      return assembly
    }
  }
}
