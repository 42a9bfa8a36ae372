import CommonAPI
import Protobuf

/// What every server answers beside its own services.
enum BuiltInServices {
  static func bindings(
    _ settings: ServerSettings, services: [ServiceBinding], health: HealthStatus
  ) -> [ServiceBinding] {
    var bindings: [ServiceBinding] = []
    if settings.servesHealth {
      bindings.append(
        ServiceBinding(HealthMethods.service, [healthCheck(health), healthWatch(health)]))
    }
    if settings.servesReflection {
      let shown =
        services.map(\.descriptor) + (settings.servesHealth ? [HealthMethods.service] : [])
        + [ServerReflectionMethods.service, V1AlphaServerReflectionMethods.service]
      let catalogue = FileCatalogue(shown)
      for service in [ServerReflectionMethods.service, V1AlphaServerReflectionMethods.service] {
        bindings.append(
          ServiceBinding(service, service.methods.map { reflection($0, catalogue) }))
      }
    }
    return bindings
  }

  private static func healthCheck(_ health: HealthStatus) -> MethodHandler {
    .unary(HealthMethods.check) { (request: HealthCheckRequest, _) -> HealthCheckResponse in
      guard let isServing = health.isServing(request.service) else {
        throw RPCError(.notFound, "there is no service \(request.service)")
      }
      return HealthCheckResponse(status: isServing ? .serving : .notServing)
    }
  }

  /// The state now, and whenever it changes; that a service is not known may change as well.
  private static func healthWatch(_ health: HealthStatus) -> MethodHandler {
    .serverStreaming(HealthMethods.watch) {
      (request: HealthCheckRequest, answers: MessageWriter<HealthCheckResponse>, _) in
      let watch = health.watch(request.service)
      defer { health.end(watch) }
      while true {
        let status: HealthCheckResponse.ServingStatus =
          switch try await watch.next() {
          case true?: .serving
          case false?: .notServing
          case nil: .serviceUnknown
          }
        try await answers.write(HealthCheckResponse(status: status))
      }
    }
  }

  /// Both versions of reflection have the same bytes on the wire, so one reader serves both.
  private static func reflection(
    _ method: MethodDescriptor, _ catalogue: FileCatalogue
  ) -> MethodHandler {
    .stream(method) { requests, answers, _ in
      var told: Set<Int> = []
      while let message = try await requests.next() {
        let request: ServerReflectionRequest = try requests.read(message.bytes)
        try await answers.write(catalogue.answer(request, told: &told).serialized())
      }
    }
  }
}
