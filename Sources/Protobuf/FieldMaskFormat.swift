/// The JSON form of google.protobuf.FieldMask: paths in lowerCamelCase, joined by commas.
public enum FieldMaskFormat {
  /// The proto paths of a JSON mask; nil when a part is no lowerCamelCase path.
  public static func paths(_ text: String) -> [String]? {
    if text.isEmpty { return [] }
    var paths: [String] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard !part.isEmpty else { return nil }
      var path = ""
      for character in part.unicodeScalars {
        switch character {
        case "A"..."Z": path += "_" + character.properties.lowercaseMapping
        case "a"..."z", "0"..."9", ".": path.unicodeScalars.append(character)
        default: return nil
        }
      }
      paths.append(path)
    }
    return paths
  }

  /// The JSON mask of proto paths.
  public static func text(_ paths: [String]) -> String {
    paths.map { path in
      var text = ""
      var raise = false
      for character in path {
        if character == "_" {
          raise = true
        } else {
          text += raise ? character.uppercased() : String(character)
          raise = false
        }
      }
      return text
    }.joined(separator: ",")
  }
}
