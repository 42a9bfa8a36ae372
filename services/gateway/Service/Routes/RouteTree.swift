import GRPC

/// Finds the route of a path. A literal goes before a variable, a verb before a value with a colon.
struct RouteTree: Sendable {
  /// Parts of a path; a longer one has no route.
  static let segmentsMax = 16

  /// What was found for a path.
  enum Match: Sendable {
    /// The route, and the values of its variables by field path.
    case route(Route, [[String]: String])
    /// The path exists, for these HTTP methods.
    case otherMethods([String])
    case nothing
  }

  /// Two rules for the same paths, or one that names no field of its request.
  struct Conflict: Error, CustomStringConvertible {
    let description: String
  }

  private struct Node: Sendable {
    var literals: [String: Int] = [:]
    var variable: Int?
    /// By verb (empty without one), then by HTTP method.
    var ends: [String: [String: Route]] = [:]
  }

  private var nodes = [Node()]

  init() {}

  /// Adds a route. Throws `Conflict` when another has the same paths and HTTP method.
  mutating func add(_ route: Route) throws {
    var position = 0
    for segment in route.pattern.segments {
      position = child(of: position, for: segment)
    }
    let verb = route.pattern.verb ?? ""
    let method = route.rule.method
    if let other = nodes[position].ends[verb]?[method] {
      throw Conflict(
        description: "\(method) \(route.pattern.text) stands for \(other.method.path) and "
          + "\(route.method.path)")
    }
    nodes[position].ends[verb, default: [:]][method] = route
  }

  private mutating func child(of position: Int, for segment: PathPattern.Segment) -> Int {
    switch segment {
    case .literal(let text):
      if let next = nodes[position].literals[text] { return next }
      nodes.append(Node())
      nodes[position].literals[text] = nodes.count - 1
    case .variable:
      if let next = nodes[position].variable { return next }
      nodes.append(Node())
      nodes[position].variable = nodes.count - 1
    }
    return nodes.count - 1
  }

  /// Finds the route of a request.
  ///
  /// - Parameters:
  ///   - method: in upper case; HEAD finds the routes of GET.
  ///   - path: percent-encoded.
  func find(_ method: String, _ path: String) -> Match {
    guard path.hasPrefix("/") else { return .nothing }
    let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= Self.segmentsMax, let last = parts.last else { return .nothing }
    let method = method == "HEAD" ? "GET" : method
    var others: Set<String> = []
    if let colon = last.lastIndex(of: ":") {
      let verb = String(last[last.index(after: colon)...])
      let match = find(method, parts.dropLast() + [last[..<colon]], verb: verb)
      if case .route = match { return match }
      if case .otherMethods(let methods) = match { others.formUnion(methods) }
    }
    let match = find(method, parts, verb: "")
    if case .otherMethods(let methods) = match { others.formUnion(methods) }
    if case .route = match { return match }
    return others.isEmpty ? .nothing : .otherMethods(others.sorted())
  }

  private func find(_ method: String, _ parts: [Substring], verb: String) -> Match {
    var others: Set<String> = []
    for (position, values) in walk(parts[...], from: 0) {
      guard let routes = nodes[position].ends[verb] else { continue }
      guard let route = routes[method] else {
        others.formUnion(routes.keys)
        continue
      }
      return .route(
        route, Dictionary(zip(route.pattern.variables, values)) { first, _ in first })
    }
    return others.isEmpty ? .nothing : .otherMethods(others.sorted())
  }

  /// Every node the parts lead to, literals first, with the values taken on the way.
  private func walk(_ parts: ArraySlice<Substring>, from position: Int) -> [(Int, [String])] {
    guard let part = parts.first else { return [(position, [])] }
    var found: [(Int, [String])] = []
    let rest = parts.dropFirst()
    guard let value = PercentCoding.decode(part), !value.isEmpty else { return [] }
    if let next = nodes[position].literals[value] {
      found += walk(rest, from: next)
    }
    if let next = nodes[position].variable {
      found += walk(rest, from: next).map { ($0.0, [value] + $0.1) }
    }
    return found
  }
}
