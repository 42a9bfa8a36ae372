import ServiceStorage
import Testing

@testable import ServiceKit

@Suite struct RigDatabaseTests {
  @Test(
    "a connection string that cannot be read is a bad setting, told without its words",
    arguments: ["host=/run password=my secret", "'", "postgresql://[::1"])
  func unreadable(connection: String) throws {
    var rig = Rig(name: "identity", settings: ServiceSettings(["CLIENTELE_DATABASE": connection]))
    let invalid = #expect(throws: ServiceSettings.Invalid.self) { _ = try rig.database(.service) }
    let problem = invalid?.problems.first { $0.hasPrefix("CLIENTELE_DATABASE ") }
    #expect(problem?.contains("must be a libpq connection string") == true)
    #expect(problem?.contains("secret") == false)
  }
}
