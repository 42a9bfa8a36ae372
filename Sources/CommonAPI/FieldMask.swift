public import Protobuf

extension FieldMask {
  /// Paths in lowerCamelCase, joined by commas.
  public init(json: JSONValue) throws(JSONMappingError) {
    guard case .string(let text) = json, let paths = FieldMaskFormat.paths(text) else {
      throw JSONMappingError("must be field names joined by commas, such as \"givenName,email\"")
    }
    self.init(paths: paths)
  }

  /// Paths in lowerCamelCase, joined by commas.
  public var json: JSONValue { .string(FieldMaskFormat.text(paths)) }
}
