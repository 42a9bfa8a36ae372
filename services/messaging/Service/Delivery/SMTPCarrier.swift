import CCURL
import Foundation

/// Hands mails to an SMTP server through libcurl, one connection a mail.
struct SMTPCarrier: MailCarrier {
  let settings: SMTPSettings

  var destination: String { settings.server }

  /// Once a process, before any handle.
  private static let isInitialized = clientele_curl_global_init() == CURLE_OK

  func handOver(_ mail: OutgoingMail) -> Handover {
    guard Self.isInitialized, let handle = curl_easy_init() else {
      return .unreachable("the mail library cannot be started")
    }
    defer { curl_easy_cleanup(handle) }
    var recipients: UnsafeMutablePointer<curl_slist>?
    defer { curl_slist_free_all(recipients) }
    recipients = curl_slist_append(nil, "<\(mail.recipient)>")
    guard recipients != nil, configure(handle, mail, recipients) else {
      return .unreachable("the mail server's settings cannot be used")
    }
    let code = mail.bytes.withUnsafeBufferPointer { bytes in
      var upload = clientele_curl_upload(
        bytes: bytes.baseAddress, length: bytes.count, offset: 0)
      return withUnsafeMutablePointer(to: &upload) { upload in
        let code = clientele_curl_set_upload(handle, upload)
        return code == CURLE_OK ? curl_easy_perform(handle) : code
      }
    }
    var reply = 0
    _ = clientele_curl_response_code(handle, &reply)
    clientele_curl_cut(handle)
    return Self.outcome(code, reply: reply)
  }

  private func configure(
    _ handle: UnsafeMutableRawPointer, _ mail: OutgoingMail,
    _ recipients: UnsafeMutablePointer<curl_slist>?
  ) -> Bool {
    let privacy: Int =
      switch settings.startTLS {
      case .required: Int(CURLUSESSL_ALL.rawValue)
      case .optional: Int(CURLUSESSL_TRY.rawValue)
      case .off: Int(CURLUSESSL_NONE.rawValue)
      }
    let codes = [
      clientele_curl_set_string(handle, CURLOPT_URL, settings.server),
      clientele_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps"),
      clientele_curl_set_long(handle, CURLOPT_USE_SSL, privacy),
      clientele_curl_set_string(handle, CURLOPT_MAIL_FROM, "<\(mail.sender)>"),
      clientele_curl_set_list(handle, CURLOPT_MAIL_RCPT, recipients),
      clientele_curl_set_long(
        handle, CURLOPT_CONNECTTIMEOUT_MS, settings.connectTimeoutMilliseconds),
      clientele_curl_set_long(handle, CURLOPT_TIMEOUT_MS, settings.timeoutMilliseconds),
      // QUIT is answered within the same time, and not left to the clean-up, which knows no limit.
      clientele_curl_set_long(
        handle, CURLOPT_SERVER_RESPONSE_TIMEOUT, max(1, settings.timeoutMilliseconds / 1000)),
      clientele_curl_set_long(handle, CURLOPT_FORBID_REUSE, 1),
      // Signals are the process's own business.
      clientele_curl_set_long(handle, CURLOPT_NOSIGNAL, 1),
    ]
    let texts: [(CURLoption, String?)] = [
      (CURLOPT_USERNAME, settings.user), (CURLOPT_PASSWORD, settings.password),
      (CURLOPT_CAINFO, settings.authorityPath),
    ]
    let optional: [CURLcode] = texts.compactMap { option, value in
      value.map { clientele_curl_set_string(handle, option, $0) }
    }
    return (codes + optional).allSatisfy { $0 == CURLE_OK }
  }

  /// What the library's code and the server's last reply mean for the mail.
  static func outcome(_ code: CURLcode, reply: Int) -> Handover {
    switch code {
    case CURLE_OK:
      return .taken
    case CURLE_LOGIN_DENIED, CURLE_USE_SSL_FAILED, CURLE_PEER_FAILED_VERIFICATION,
      CURLE_SSL_CONNECT_ERROR, CURLE_REMOTE_ACCESS_DENIED:
      // The settings are wrong, or the server is not the one meant: no fault of the mail.
      return .unreachable("the mail server does not let us in")
    case CURLE_SEND_ERROR, CURLE_WEIRD_SERVER_REPLY, CURLE_RECV_ERROR:
      if (500...599).contains(reply) {
        return .refusedForGood("the mail server refused the message (\(reply))")
      }
      if (400...499).contains(reply) {
        return .refusedForNow("the mail server refused the message for now (\(reply))")
      }
      return .unreachable("the connection to the mail server was lost")
    default:
      return .unreachable("the mail server cannot be reached")
    }
  }
}
