import MessagingCore
import ServiceKit
import ServiceStorage

/// The process of the service messaging.
@main enum Messaging {
  static func main() async {
    await ServiceProcess.main("messaging") { rig in
      let settings = DeliverySettings(&rig.settings)
      let identity = rig.channel(to: "identity")
      let clientDirectory = rig.channel(to: "client-directory")
      let database = try rig.database(.service)
      let workerDatabase = try rig.database(.worker)
      let service = MessagingService(
        messages: Messages(database: database), clientDirectory: clientDirectory)
      let delivery = try Delivery(
        settings: settings, database: workerDatabase, identity: identity, clock: rig.clock,
        log: rig.logger)
      return Assembly(
        services: [.messagingService(service), .feed(of: workerDatabase)],
        background: delivery.tasks,
        isReady: { database.isAvailable && workerDatabase.isAvailable },
        close: {
          await database.close()
          await workerDatabase.close()
        })
    }
  }
}
