import Logging
public import Postgres
public import ServiceKit

extension Rig {
  /// The sealer of the service's audit log. Its key is the first file of `CLIENTELE_AUDIT_KEY`;
  /// `CLIENTELE_AUDIT_COPY` names the file outside the database that gets each seal too.
  public mutating func auditSealer(_ worker: Database) throws -> BackgroundTask {
    let path = settings.required("CLIENTELE_AUDIT_KEY", "file of the key that signs audit seals")
    let signer = settings.attempt { try AuditSigner(file: path) }
    let copy = settings.optional("CLIENTELE_AUDIT_COPY").map(SealFile.init)
    try settings.check()
    guard let signer else { throw SealFile.Unusable("no key to seal with") }
    if copy == nil { logger.warning("CLIENTELE_AUDIT_COPY is not set: seals have no copy") }
    return AuditSealer(
      service: name, worker: worker, signer: signer, copy: copy, logger: logger
    ).task
  }
}
