/// The flags that runners of gRPC's interoperability tests pass, in the spelling taken here.
public enum InteropFlags {
  /// What other implementations need and this one does not.
  private static let unused = ["--use_test_ca", "--custom_credentials_type", "--insecure"]

  /// Rewrites `--use_tls`, `--use_tls=true` and `--use_tls true` to `--tls`, and leaves out what is
  /// not needed here.
  public static func rewritten(_ arguments: some Sequence<String>) -> [String] {
    var rest = Array(arguments)[...]
    var result: [String] = []
    while let argument = rest.popFirst() {
      let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
      let name = parts.first ?? argument
      guard name == "--use_tls" || unused.contains(name) else {
        result.append(argument)
        continue
      }
      var value = parts.count > 1 ? parts[1] : nil
      if value == nil, let next = rest.first, !next.hasPrefix("-") { value = rest.popFirst() }
      if name == "--use_tls", value != "false" { result.append("--tls") }
    }
    return result
  }
}
