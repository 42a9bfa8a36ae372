import ServiceKit
import Testing

@Suite struct SettingsTests {
  @Test("every bad variable is listed at once")
  func problems() {
    var settings = ServiceSettings(["CLIENTELE_PORT": "ninety", "CLIENTELE_IDENTITY": "nowhere"])
    _ = settings.int("CLIENTELE_PORT", default: 1, in: 1...65535)
    _ = settings.address(of: "identity")
    _ = settings.required("CLIENTELE_DATABASE", "a connection string")
    let invalid = #expect(throws: ServiceSettings.Invalid.self) { try settings.check() }
    #expect(invalid?.problems.count == 3)
  }

  @Test("a switch is on or off, and nothing else")
  func switches() throws {
    var settings = ServiceSettings(["CLIENTELE_REFLECTION": "off", "CLIENTELE_STANDBY": "on"])
    let said = [
      settings.flag("CLIENTELE_REFLECTION", default: true),
      settings.flag("CLIENTELE_STANDBY", default: false),
      settings.flag("CLIENTELE_CORE_FILES", default: true),
      settings.flag("CLIENTELE_CORE_FILES", default: false),
    ]
    #expect(said == [false, true, true, false])
    try settings.check()
    var typo = ServiceSettings(["CLIENTELE_REFLECTION": "false"])
    _ = typo.flag("CLIENTELE_REFLECTION", default: true)
    let invalid = #expect(throws: ServiceSettings.Invalid.self) { try typo.check() }
    #expect(invalid?.problems == ["CLIENTELE_REFLECTION must be on or off"])
  }

  @Test("values are read, and left out ones have their default")
  func values() throws {
    var settings = ServiceSettings([
      "CLIENTELE_CLIENT_DIRECTORY": "[::1]:50053", "CLIENTELE_PORT": "8080",
    ])
    let address = settings.address(of: "client-directory")
    #expect(address.host == "::1" && address.port == 50053)
    #expect(settings.int("CLIENTELE_PORT", default: 1) == 8080)
    #expect(settings.string("CLIENTELE_HOST", default: "127.0.0.1") == "127.0.0.1")
    try settings.check()
  }
}
