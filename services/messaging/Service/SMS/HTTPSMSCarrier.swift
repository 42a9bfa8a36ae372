import CCURL
import Foundation

/// Hands SMS to a provider over HTTP through libcurl: a POST of JSON, under the message's id as the
/// `Idempotency-Key`, so that a provider that honours it sends a repeat to nobody.
struct HTTPSMSCarrier: SMSCarrier {
  let settings: SMSSettings

  var destination: String { settings.url }

  private struct Body: Encodable {
    let from: String
    let id: String
    let text: String
    let to: String
  }

  func handOver(_ sms: OutgoingSMS) -> Handover {
    let id = sms.messageID.uuidString.lowercased()
    let body = Body(from: settings.sender, id: id, text: sms.text, to: sms.recipient)
    guard let handle = CURLHandle(), let json = try? JSONEncoder().encode(body) else {
      return .unreachable("the SMS library cannot be started")
    }
    var headers: UnsafeMutablePointer<curl_slist>?
    defer { curl_slist_free_all(headers) }
    var fields = ["Content-Type: application/json", "Idempotency-Key: \(id)", "Expect:"]
    if let token = settings.token { fields.append("Authorization: Bearer \(token)") }
    for field in fields {
      guard let longer = curl_slist_append(headers, field) else {
        return .unreachable("the SMS provider's settings cannot be used")
      }
      headers = longer
    }
    let isReady = handle.configure(
      settings.url, schemes: "http,https", connecting: settings.connectTimeoutMilliseconds,
      total: settings.timeoutMilliseconds, authorities: settings.authorityPath)
    let codes = [
      // What the environment says of proxies is meant for others: people's numbers go nowhere else.
      handle.set(CURLOPT_PROXY, ""),
      handle.set(CURLOPT_COPYPOSTFIELDS, String(decoding: json, as: UTF8.self)),
      clientele_curl_set_list(handle.raw, CURLOPT_HTTPHEADER, headers),
      clientele_curl_discard_answer(handle.raw),
    ]
    guard isReady, codes.allSatisfy({ $0 == CURLE_OK }) else {
      return .unreachable("the SMS provider's settings cannot be used")
    }
    let code = curl_easy_perform(handle.raw)
    return Self.outcome(code, status: handle.reply)
  }

  /// What the library's code and the provider's status mean for the SMS.
  static func outcome(_ code: CURLcode, status: Int) -> Handover {
    guard code == CURLE_OK else {
      switch code {
      case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE:
        return .unreachable("the SMS provider is not the one meant")
      case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE:
        return .unreachable("the connection to the SMS provider was lost")
      default:
        return .unreachable("the SMS provider cannot be reached")
      }
    }
    switch status {
    case 200...299: return .taken
    // The settings are wrong: no fault of the SMS.
    case 401, 403, 407: return .unreachable("the SMS provider does not let us in (\(status))")
    // It still has the first try of this SMS in hand.
    case 409: return .refusedForNow("the SMS provider refused the message for now (409)")
    case 408, 425, 429: return .unreachable("the SMS provider is busy (\(status))")
    case 400...499: return .refusedForGood("the SMS provider refused the message (\(status))")
    default: return .unreachable("the SMS provider is not well (\(status))")
    }
  }
}
