/// Keeps other sites from using a visitor's session cookie. With SameSite=Lax and the demand for a
/// JSON content type it is the third of three independent locks.
struct OriginRule: Sendable, Hashable {
  /// `scheme://authority` of the gateway as browsers see it.
  let publicOrigin: String

  /// True when a state-changing call that carries the cookie may go on: what the browser says about
  /// where it comes from must be there and must all match.
  func allows(_ request: EdgeRequest) -> Bool {
    let site = request.header("sec-fetch-site")
    let origin = request.header("origin")
    guard site != nil || origin != nil else { return false }
    return isOwn(site: site) && isOwn(origin: origin, of: request)
  }

  /// True when a call that sets the cookie may go on. Programs say nothing about where they come
  /// from, and may.
  func allowsSignIn(_ request: EdgeRequest) -> Bool {
    isOwn(site: request.header("sec-fetch-site"))
      && isOwn(origin: request.header("origin"), of: request)
  }

  private func isOwn(site: String?) -> Bool { site == nil || site == "same-origin" }

  /// The public origin, or the very host that was called: `localhost` for `127.0.0.1`.
  private func isOwn(origin: String?, of request: EdgeRequest) -> Bool {
    guard let origin else { return true }
    if origin == publicOrigin { return true }
    guard let host = request.header("host"), !host.isEmpty else { return false }
    let scheme = publicOrigin.prefix { $0 != ":" }
    return origin.lowercased() == "\(scheme)://\(host.lowercased())"
  }
}
