import IdentityCore
import ServiceKit

/// The process of the service `identity`.
@main enum IdentityProcess {
  static func main() async {
    await ServiceProcess.main("identity") { rig in
      try IdentityService.assemble(&rig)
    }
  }
}
