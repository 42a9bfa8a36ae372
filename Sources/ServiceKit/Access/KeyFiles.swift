import Crypto
import Foundation

/// Secrets live in files of their own, never in the environment: a name such as `context-1.key`
/// gives the key id, the content is base64 or hexadecimal of at least 32 bytes.
public enum KeyFiles {
  /// Why a key file cannot be used; names the file, never its content.
  public struct Unusable: Error, CustomStringConvertible {
    /// What is wrong.
    public let description: String
  }

  /// The bytes of a secret.
  public static func secret(_ path: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path), data.count <= 4096,
      let text = String(data: data, encoding: .utf8)?.trimmingCharacters(
        in: .whitespacesAndNewlines)
    else { throw Unusable(description: "key file \(path) cannot be read") }
    guard let bytes = hexadecimal(text) ?? Data(base64Encoded: text).map([UInt8].init),
      bytes.count >= 32
    else {
      throw Unusable(
        description: "key file \(path) does not hold 32 bytes in base64 or hexadecimal")
    }
    return bytes
  }

  /// The key id of a file: its name without directory and ending.
  public static func keyID(_ path: String) -> String {
    URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
  }

  /// A signer from a file with a 32-byte Ed25519 seed.
  public static func contextSigner(_ path: String) throws -> ContextSigner {
    let key = try Curve25519.Signing.PrivateKey(rawRepresentation: secret(path).prefix(32))
    return ContextSigner(keyID: keyID(path), key: key)
  }

  /// A verifier from files with the public keys, 32 bytes each; paths separated by commas.
  public static func contextVerifier(_ paths: String) throws -> ContextVerifier {
    var keys: [String: Curve25519.Signing.PublicKey] = [:]
    for path in paths.split(separator: ",").map(String.init) {
      keys[keyID(path)] = try .init(rawRepresentation: secret(path).prefix(32))
    }
    return ContextVerifier(publicKeys: keys)
  }

  private static func hexadecimal(_ text: String) -> [UInt8]? {
    guard text.count.isMultiple(of: 2), text.allSatisfy(\.isHexDigit) else { return nil }
    var bytes: [UInt8] = []
    var rest = text[...]
    while !rest.isEmpty {
      guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}
