public import Foundation

/// Reads the fields of requests. Each function notes what is wrong and answers nil, so that all
/// bad fields are named at once.
public enum Parse {
  /// Languages the product speaks; regions of them are accepted and kept.
  public static let languages = ["fr", "en", "nl"]

  /// A UUID that must be there.
  public static func uuid(
    _ text: String, _ field: String, _ errors: inout FieldErrors
  ) -> UUID? {
    guard let uuid = UUID(text: text) else {
      errors.add(field, text.isEmpty ? "is required" : "is no UUID")
      return nil
    }
    return uuid
  }

  /// A UUID that may be left out.
  public static func optionalUUID(
    _ text: String, _ field: String, _ errors: inout FieldErrors
  ) -> UUID? {
    text.isEmpty ? nil : uuid(text, field, &errors)
  }

  /// Text for people: composed (NFC), without surrounding blanks, without control characters.
  ///
  /// - Parameter length: how many code points it may have, as the database counts them; a range from
  ///   0 lets it be empty.
  public static func text(
    _ text: String, _ field: String, _ length: ClosedRange<Int>, _ errors: inout FieldErrors
  ) -> String? {
    // A first bound in bytes, so that a huge text costs nothing.
    guard text.utf8.count <= length.upperBound * 16 else {
      errors.add(field, "has more than \(length.upperBound) characters")
      return nil
    }
    if isPlain(text), length.contains(text.utf8.count) { return text }
    let composed = text.precomposedStringWithCanonicalMapping
      .trimmingCharacters(in: .whitespacesAndNewlines)
    guard length.contains(composed.unicodeScalars.count) else {
      errors.add(
        field,
        composed.isEmpty
          ? "is required" : "must have \(length.lowerBound) to \(length.upperBound) characters")
      return nil
    }
    let forbidden = composed.unicodeScalars.contains {
      $0.properties.generalCategory == .control || $0.properties.generalCategory == .lineSeparator
        || $0.properties.generalCategory == .paragraphSeparator
    }
    guard !forbidden else {
      errors.add(field, "has control characters")
      return nil
    }
    return composed
  }

  /// Whether a text is as it is to be kept: visible ASCII, without surrounding blanks. Most are, and
  /// composing the others costs more than all else that a field is asked.
  private static func isPlain(_ text: String) -> Bool {
    let blank = UInt8(ascii: " ")
    return text.utf8.allSatisfy { (blank...UInt8(ascii: "~")).contains($0) }
      && text.utf8.first != blank && text.utf8.last != blank
  }

  /// A BCP 47 tag of a language the product speaks, in canonical case: `fr`, `fr-CA`.
  public static func language(
    _ text: String, _ field: String, _ errors: inout FieldErrors
  ) -> String? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count <= 2, let first = parts.first.map({ $0.lowercased() }),
      languages.contains(first)
    else {
      errors.add(field, "must be one of \(languages.joined(separator: ", ")), or a region of one")
      return nil
    }
    guard parts.count == 2 else { return first }
    let region = parts[1].uppercased()
    guard region.count == 2, region.utf8.allSatisfy({ $0 >= 0x41 && $0 <= 0x5a }) else {
      errors.add(field, "has an unknown region")
      return nil
    }
    return "\(first)-\(region)"
  }

  /// A page size: `standard` for 0.
  public static func pageSize(
    _ size: Int32, standard: Int = 50, max: Int = 500, field: String = "page_size",
    _ errors: inout FieldErrors
  ) -> Int {
    guard size >= 0, size <= max else {
      errors.add(field, "must be 0 to \(max)")
      return standard
    }
    return size == 0 ? standard : Int(size)
  }
}
