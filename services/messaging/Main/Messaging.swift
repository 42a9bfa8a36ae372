import MessagingCore
import ServiceKit

/// The process of the service messaging.
@main enum Messaging {
  static func main() async {
    await ServiceProcess.main("messaging") { rig in
      try MessagingService.assemble(&rig)
    }
  }
}
