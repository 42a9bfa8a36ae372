import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import OrganizationAPI
import Protobuf
import Testing

@testable import GatewayCore

@Suite struct TranscodingTests {
  private let services = ScriptedServices()

  private func list(_ query: String) async throws -> EdgeResponse {
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      ListClientsResponse(clients: [Client(clientID: Sample.client, givenName: "Ada")])
    }
    return try await services.gateway().respond(
      to: .sample("GET", Sample.clients + query, bearer: Sample.token))
  }

  @Test func fillsFieldsFromPathAndQuery() async throws {
    let answer = try await list(
      "?pageSize=20&page_token=a%2Bb+c&access_state=ACCESS_STATE_ACTIVE&orderBy=2&label=%C3%A9")
    #expect(answer.status == 200)
    #expect(answer.json["clients"]?.array?.first?["givenName"] == "Ada")
    let request = services.requests(
      ClientDirectoryServiceMethods.listClients, as: ListClientsRequest.self
    ).first
    #expect(request?.organizationID == Sample.organization)
    #expect(request?.pageSize == 20)
    #expect(request?.pageToken == "a+b c")
    #expect(request?.accessState == .active)
    #expect(request?.orderBy == .createTimeDesc)
    #expect(request?.label == "é")
  }

  @Test(arguments: [
    ("?pageSize=many", "pageSize"), ("?nothing=1", "nothing"),
    ("?organizationId=\(Sample.client)", "organizationId"),
    ("?organization_id=x", "organization_id"), ("?pageSize=1&page_size=2", "page_size"),
    ("?accessState=NOBODY", "accessState"), ("?a.b.c=1", "a.b.c"), ("?label=%zz", "label"),
    ("?pageSize=99999999999999999999", "pageSize"), ("?label=%00", "label"),
  ])
  func refusesBadQueries(_ query: String, _ field: String) async throws {
    let answer = try await list(query)
    #expect(answer.status == 400)
    #expect(answer.reason == "FIELDS_INVALID")
    #expect(answer.fields.map(FieldNames.lowerCamel) == [FieldNames.lowerCamel(field)])
  }

  @Test func mapsNestedRepeatedAndBooleanFields() throws {
    var shapes = MessageShapes()
    try shapes.add(ClientDirectoryServiceMethods.service.fileDescriptors)
    var fields = QueryFields(CreateClientRequest.fullName, shapes: shapes)
    var object = JSONObject()
    fields.read(
      "labels=a&labels=b&address.postalCode=1000&address.city=Gand&no_email_confirmed=true"
        + "&case_manager.name=Eve&noEmailConfirmed=maybe&address=x&labels.a=x",
      into: &object, taken: [])
    #expect(fields.violations.map(\.field) == ["noEmailConfirmed", "address", "labels.a"])
    let request = try CreateClientRequest(json: .object(object))
    #expect(request.labels == ["a", "b"])
    #expect(request.address == PostalAddress(postalCode: "1000", city: "Gand"))
    #expect(request.noEmailConfirmed)
    #expect(request.caseManager?.who == .name("Eve"))
  }

  @Test func readsTheWholeBody() async throws {
    services.answer(ClientDirectoryServiceMethods.updateClient) {
      (request: UpdateClientRequest, _) in
      request.client ?? Client()
    }
    let path = "\(Sample.clients)/\(Sample.client)"
    let answer = try await services.gateway().respond(
      to: .sample(
        "PATCH", path,
        json: """
          {"client":{"givenName":"Zoé","address":{"city":"Liège"}},"updateMask":"givenName,address",
           "client_id":"\(Sample.client)","etag":null}
          """, bearer: Sample.token))
    #expect(answer.status == 200)
    #expect(answer.json["givenName"] == "Zoé")
    let request = services.requests(
      ClientDirectoryServiceMethods.updateClient, as: UpdateClientRequest.self
    ).first
    #expect(request?.clientID == Sample.client)
    #expect(request?.updateMask?.paths == ["given_name", "address"])
  }

  @Test(arguments: [
    (#"{"organizationId":"\#(Sample.client)"}"#, "organizationId"),
    (#"{"organization_id":7}"#, "organizationId"),
    (#"{"nothing":1}"#, "nothing"),
    (#"{"givenName":7}"#, "givenName"),
    (#"{"givenName":"a","given_name":"b"}"#, "givenName"),
    (#"{"address":{"city":7}}"#, "address.city"),
    (#"{"labels":["a",7]}"#, "labels[1]"),
  ])
  func refusesBadBodies(_ body: String, _ field: String) async throws {
    let answer = try await services.gateway().respond(
      to: .sample("POST", Sample.clients, json: body, bearer: Sample.token))
    #expect(answer.status == 400)
    #expect(answer.fields == [field])
    #expect(services.seen(ClientDirectoryServiceMethods.createClient).isEmpty)
  }

  @Test(arguments: [
    "[]", "7", "{", "{\"a\":1,\"a\":2}", "\u{0}", String(repeating: "[", count: 40),
  ])
  func refusesWhatIsNoObject(_ body: String) async throws {
    let answer = try await services.gateway().respond(
      to: .sample("POST", Sample.clients, json: body, bearer: Sample.token))
    #expect(answer.status == 400)
    #expect(answer.reason == "BODY_MALFORMED")
  }

  @Test func refusesAQueryBesideABody() async throws {
    let answer = try await services.gateway().respond(
      to: .sample("POST", Sample.clients + "?givenName=Ada", json: "{}", bearer: Sample.token))
    #expect(answer.fields == ["givenName"])
  }

  @Test func takesACallWithoutABody() async throws {
    services.answer(ClientDirectoryServiceMethods.resendInvitation) {
      (_: ClientDirectoryAPI.ResendInvitationRequest, _) in
      ResendInvitationResponse(email: "ada@example.org", sendCount: 2)
    }
    let answer = try await services.gateway().respond(
      to: .sample(
        "POST", "\(Sample.clients)/\(Sample.client):resendInvitation", bearer: Sample.token))
    #expect(answer.status == 200)
    #expect(answer.json["sendCount"] == 2)
  }

  @Test func refusesOtherContentTypes() async throws {
    let gateway = try services.gateway()
    for type in [
      "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1",
    ] {
      let answer = await gateway.respond(
        to: .sample(
          "POST", Sample.clients, json: "{}", bearer: Sample.token, headers: ["content-type": type])
      )
      #expect(answer.status == 415)
      #expect(answer.reason == "CONTENT_TYPE_UNSUPPORTED")
    }
    #expect(Gateway.isJSON("Application/JSON; charset=UTF-8"))
  }

  @Test func refusesABodyThatIsTooLarge() async throws {
    var settings = GatewaySettings()
    settings.bodyBytesMax = 64
    let gateway = try services.gateway(settings)
    let fits = #"{"givenName":""# + String(repeating: "a", count: 48) + "\"}"
    #expect(fits.utf8.count == 64)
    services.answer(ClientDirectoryServiceMethods.createClient) { (_: CreateClientRequest, _) in
      Client()
    }
    let good = await gateway.respond(
      to: .sample("POST", Sample.clients, json: fits, bearer: Sample.token))
    #expect(good.status == 200)
    for declared in [[:], ["content-length": "65"]] {
      let answer = await gateway.respond(
        to: .sample(
          "POST", Sample.clients, json: fits + " ", bearer: Sample.token, headers: declared))
      #expect(answer.status == 413)
      #expect(answer.reason == "BODY_TOO_LARGE")
      #expect(answer.endsConnection)
    }
  }

  @Test func demandsAnOrganisationThatIsAnID() async throws {
    let answer = try await services.gateway().respond(
      to: .sample("GET", "/v1/organizations/nonsense/clients", bearer: Sample.token))
    #expect(answer.status == 400)
    #expect(answer.fields == ["organizationId"])
  }
}

@Suite struct IdempotencyKeyTests {
  private let services = ScriptedServices()
  private let key = "5f6c1d1e-3a7b-4c55-9d0b-1f2e3d4c5b6a"

  private func create(_ body: String, _ headers: [String: String] = [:]) async throws
    -> (EdgeResponse, CreateClientRequest?)
  {
    services.answer(ClientDirectoryServiceMethods.createClient) { (_: CreateClientRequest, _) in
      Client(clientID: Sample.client)
    }
    let answer = try await services.gateway().respond(
      to: .sample("POST", Sample.clients, json: body, bearer: Sample.token, headers: headers))
    let requests = services.requests(
      ClientDirectoryServiceMethods.createClient, as: CreateClientRequest.self)
    return (answer, requests.last)
  }

  @Test func fillsTheRequestID() async throws {
    let (answer, request) = try await create("{}", ["idempotency-key": key.uppercased()])
    #expect(answer.status == 200)
    #expect(request?.requestID == key)
  }

  @Test func makesOneWhenThereIsNone() async throws {
    let (_, first) = try await create("{}")
    let (_, second) = try await create(#"{"requestId":""}"#)
    #expect(UUID(uuidString: first?.requestID ?? "") != nil)
    #expect(UUID(uuidString: second?.requestID ?? "") != nil)
    #expect(first?.requestID != second?.requestID)
  }

  @Test func leavesTheCallersOwn() async throws {
    let (_, request) = try await create(#"{"request_id":"\#(key)"}"#)
    #expect(request?.requestID == key)
    let (same, _) = try await create(#"{"requestId":"\#(key)"}"#, ["idempotency-key": key])
    #expect(same.status == 200)
  }

  @Test func refusesWhatIsNoUUIDOrDiffers() async throws {
    let (bad, _) = try await create("{}", ["idempotency-key": "once"])
    #expect(bad.status == 400)
    #expect(bad.reason == "REQUEST_ID_INVALID")
    let (other, _) = try await create(
      #"{"requestId":"\#(Sample.client)"}"#, ["idempotency-key": key])
    #expect(other.fields == ["requestId"])
    #expect(services.seen(ClientDirectoryServiceMethods.createClient).isEmpty)
  }

  @Test func doesNotConcernReads() async throws {
    services.answer(OrganizationServiceMethods.getOrganization) {
      (_: GetOrganizationRequest, _) in Organization(name: "Demo")
    }
    let answer = try await services.gateway().respond(
      to: .sample(
        "GET", "/v1/organizations/\(Sample.organization)", bearer: Sample.token,
        headers: ["idempotency-key": "once"]))
    #expect(answer.status == 200)
  }
}
