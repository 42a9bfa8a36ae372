import CCURL
import Foundation

/// Hands mails to an SMTP server through libcurl, one connection a mail.
struct SMTPCarrier: MailCarrier {
  let settings: SMTPSettings

  var destination: String { settings.server }

  func handOver(_ mail: OutgoingMail) -> Handover {
    guard let handle = CURLHandle() else {
      return .unreachable("the mail library cannot be started")
    }
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
        let code = clientele_curl_set_upload(handle.raw, upload)
        return code == CURLE_OK ? curl_easy_perform(handle.raw) : code
      }
    }
    let reply = handle.reply
    clientele_curl_cut(handle.raw)
    return Self.outcome(code, reply: reply)
  }

  private func configure(
    _ handle: borrowing CURLHandle, _ mail: OutgoingMail,
    _ recipients: UnsafeMutablePointer<curl_slist>?
  ) -> Bool {
    let privacy: Int =
      switch settings.startTLS {
      case .required: Int(CURLUSESSL_ALL.rawValue)
      case .optional: Int(CURLUSESSL_TRY.rawValue)
      case .off: Int(CURLUSESSL_NONE.rawValue)
      }
    let isReady = handle.configure(
      settings.server, schemes: "smtp,smtps", connecting: settings.connectTimeoutMilliseconds,
      total: settings.timeoutMilliseconds, authorities: settings.authorityPath)
    let codes = [
      clientele_curl_set_long(handle.raw, CURLOPT_USE_SSL, privacy),
      handle.set(CURLOPT_MAIL_FROM, "<\(mail.sender)>"),
      clientele_curl_set_list(handle.raw, CURLOPT_MAIL_RCPT, recipients),
      // QUIT is answered within the same time, and not left to the clean-up, which knows no limit.
      clientele_curl_set_long(
        handle.raw, CURLOPT_SERVER_RESPONSE_TIMEOUT, max(1, settings.timeoutMilliseconds / 1000)),
      handle.set(CURLOPT_USERNAME, settings.user), handle.set(CURLOPT_PASSWORD, settings.password),
    ]
    return isReady && codes.allSatisfy { $0 == CURLE_OK }
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
