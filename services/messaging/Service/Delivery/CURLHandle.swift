import CCURL

/// One transfer of libcurl: made, configured, performed once, and thrown away with its connection.
struct CURLHandle: ~Copyable {
  let raw: UnsafeMutableRawPointer

  /// Once a process, before any handle.
  private static let isInitialized = clientele_curl_global_init() == CURLE_OK

  /// Nil when the library cannot be started.
  init?() {
    guard Self.isInitialized, let raw = curl_easy_init() else { return nil }
    self.raw = raw
  }

  deinit { curl_easy_cleanup(raw) }

  /// Sets what every transfer needs: the place, the schemes allowed there, and limits on time.
  ///
  /// - Parameters:
  ///   - connecting: milliseconds.
  ///   - total: milliseconds, connecting included.
  func configure(
    _ url: String, schemes: String, connecting: Int, total: Int, authorities: String?
  ) -> Bool {
    let codes = [
      clientele_curl_set_string(raw, CURLOPT_URL, url),
      clientele_curl_set_string(raw, CURLOPT_PROTOCOLS_STR, schemes),
      clientele_curl_set_long(raw, CURLOPT_CONNECTTIMEOUT_MS, connecting),
      clientele_curl_set_long(raw, CURLOPT_TIMEOUT_MS, total),
      clientele_curl_set_long(raw, CURLOPT_FORBID_REUSE, 1),
      // Signals are the process's own business.
      clientele_curl_set_long(raw, CURLOPT_NOSIGNAL, 1),
      set(CURLOPT_CAINFO, authorities),
    ]
    return codes.allSatisfy { $0 == CURLE_OK }
  }

  /// Sets a text; nil leaves the option as it is.
  func set(_ option: CURLoption, _ text: String?) -> CURLcode {
    text.map { clientele_curl_set_string(raw, option, $0) } ?? CURLE_OK
  }

  /// The server's last reply, 0 without one.
  var reply: Int {
    var reply = 0
    _ = clientele_curl_response_code(raw, &reply)
    return reply
  }
}
