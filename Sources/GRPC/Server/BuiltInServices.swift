/// What every server answers beside its own services.
enum BuiltInServices {
  static func bindings(
    _ settings: ServerSettings, services: [ServiceBinding], health: HealthStatus
  ) -> [ServiceBinding] {
    []
  }
}
