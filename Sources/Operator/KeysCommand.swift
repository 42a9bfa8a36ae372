import ArgumentParser
import ClientDirectoryCore
import Foundation

/// `clientele keys`: the keys of encrypted fields.
struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys",
    abstract: "Lists, rotates and destroys the keys of encrypted fields.",
    subcommands: [ListKeys.self, RewrapKeys.self, RotateKey.self, DestroyKeys.self],
    defaultSubcommand: ListKeys.self)
}

/// Where the keys are, and how the database is reached.
struct FieldKeyFiles: ParsableArguments {
  @Option(
    help: """
      Files of the master keys, the current one first, separated by commas. Default: \
      CLIENTELE_FIELD_KEYS, else the one of `make run`.
      """)
  var fieldKeys: String?

  @Option(
    help: """
      Folder of the organisations' secrets. Default: CLIENTELE_FIELD_SECRETS, else the one of \
      `make run`.
      """)
  var fieldSecrets: String?

  /// Throws for files that cannot be used.
  func files(directory: String = ".run") throws -> FieldProtectionFiles {
    let environment = ProcessInfo.processInfo.environment
    return try FieldProtectionFiles(
      files: fieldKeys ?? environment["CLIENTELE_FIELD_KEYS"] ?? "\(directory)/keys/field-1.key",
      folder: fieldSecrets ?? environment["CLIENTELE_FIELD_SECRETS"] ?? "\(directory)/field-secrets"
    )
  }
}

/// What the commands that change keys share.
struct KeyWork: ParsableArguments {
  @OptionGroup var database: ServiceDatabase
  @OptionGroup var files: FieldKeyFiles

  func run<Result: Sendable>(_ body: (KeyDesk) async throws -> Result) async throws -> Result {
    let files = try files.files()
    return try await database.within("client-directory") {
      try await body(KeyDesk(database: $0, files: files))
    }
  }

  static func organization(_ text: String) throws -> UUID {
    guard let id = UUID(uuidString: text) else {
      throw ValidationError("\(text) is no id of an organisation")
    }
    return id
  }
}

/// `clientele keys list`
struct ListKeys: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Lists the organisations that have keys, and what a rotation has still to do.")

  @OptionGroup var database: ServiceDatabase

  func run() async throws {
    let owners = try await database.within("client-directory") {
      try await KeyDesk(database: $0, files: nil).owners()
    }
    for (owner, behind, twice) in owners {
      let state =
        owner.destroyedAt.map { "destroyed \($0.formatted(.iso8601))" }
        ?? "version \(owner.version), indexes by version \(owner.indexVersion), "
        + "wrapped by \(owner.masterKeyIDs.joined(separator: ", "))"
      let isBehind = behind > 0 && owner.destroyedAt == nil
      print(
        "\(owner.organizationID.uuidString.lowercased())  \(state)"
          + (isBehind ? ", \(behind) numbers still of an older one" : "")
          + (owner.nextIndexVersion.map { ", version \($0) is taking the indexes over" } ?? "")
          + (twice > 0 ? ", \(twice) numbers still with two indexes" : ""))
    }
    if owners.isEmpty { print("no organisation has keys") }
  }
}

/// `clientele keys rewrap`
struct RewrapKeys: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rewrap",
    abstract: "Wraps all data keys by the current master key; no number is touched.",
    discussion: "Services must know both master keys before, and until it is done.")

  @OptionGroup var work: KeyWork

  func run() async throws {
    let count = try await work.run { try await $0.rewrap() }
    print("\(count) keys wrapped anew")
  }
}

/// `clientele keys rotate`
struct RotateKey: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate",
    abstract: "Gives an organisation a new key; what older ones encrypted is encrypted anew.",
    discussion: """
      client-directory does that in batches while it works; `clientele keys list` says how much is \
      left. With --indexes it is the key by which numbers are found, which takes some six minutes: \
      for a key that may have become known. All processes of client-directory must be of this build \
      or newer, and stay so until the list says that it is over.
      """)

  @Option(help: "The organisation (UUID).")
  var organization: String

  @Flag(help: "The key of indexes, instead of the one that encrypts.")
  var indexes = false

  @OptionGroup var work: KeyWork

  func run() async throws {
    let id = try KeyWork.organization(organization)
    let indexes = indexes
    let version = try await work.run {
      indexes ? try await $0.rotateIndexes(id) : try await $0.rotate(id)
    }
    print(
      "version \(version) \(indexes ? "takes the indexes over" : "encrypts from now on"); "
        + "`clientele keys list` says what is left to do")
  }
}

/// `clientele keys destroy`
struct DestroyKeys: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "destroy",
    abstract: "Destroys the keys of an organisation: its encrypted fields can never be read again.",
    discussion: """
      In backups of the database neither, once no backup of the folder of secrets has the \
      organisation's file.
      """)

  @Option(help: "The organisation (UUID).")
  var organization: String

  @Flag(help: "Yes, for good; else it is asked.")
  var yes = false

  @OptionGroup var work: KeyWork

  func run() async throws {
    let id = try KeyWork.organization(organization)
    if !yes {
      print("The register numbers of \(id.uuidString.lowercased()) can never be read again.")
      print("To destroy its keys, type its id: ", terminator: "")
      guard let answer = readLine(), UUID(uuidString: answer) == id else {
        print("nothing was destroyed")
        throw ExitCode.failure
      }
    }
    guard try await work.run({ try await $0.destroy(id) }) else {
      print("the organisation has no keys")
      throw ExitCode.failure
    }
    print("destroyed; remove its file from the backups of the folder of secrets as well")
  }
}
