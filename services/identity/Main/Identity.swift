import IdentityCore
import ServiceKit

@main enum Identity {
  static func main() async {
    await ServiceProcess.main("identity") { rig in
      try await IdentityService.assemble(&rig)
    }
  }
}
