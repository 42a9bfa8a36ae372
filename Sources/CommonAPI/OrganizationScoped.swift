/// A request that names the organisation it is about in its field `organization_id`; the generator
/// says so of every message that has the field. The access rules compare it with the caller's.
public protocol OrganizationScoped {
  /// The organisation (UUID as text).
  var organizationID: String { get }
}
