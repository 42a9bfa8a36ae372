import CommonAPI
import GRPC
import IdentityAPI
import Testing

@testable import GatewayCore

@Suite struct PathPatternTests {
  @Test func readsLiteralsVariablesAndVerbs() throws {
    let pattern = try PathPattern("/v1/organizations/{organization_id}/clients/{client.id}:resend")
    #expect(pattern.verb == "resend")
    #expect(pattern.variables == [["organization_id"], ["client", "id"]])
    #expect(
      try PathPattern("/v1/invitations:lookup").segments == [
        .literal("v1"), .literal("invitations"),
      ])
    #expect(try PathPattern("/v1/x/{id=*}").variables == [["id"]])
  }

  @Test(arguments: [
    "v1/x", "/v1//x", "/v1/*", "/v1/{a=b/*}", "/v1/{a}{b}", "/v1/x:", "/v1/**", "/v1/{}",
    "/v1/a{b}", "/" + String(repeating: "a/", count: 20) + "a",
  ])
  func refusesWhatItDoesNotOffer(_ text: String) {
    #expect(throws: PathPattern.Malformed.self) { try PathPattern(text) }
  }

  @Test func fillsItsVariables() throws {
    let pattern = try PathPattern("/v1/a/{x}/b/{y}:go")
    #expect(pattern.filled([["x"]: "1 2/é"]) == "/v1/a/1%202%2F%C3%A9/b/{y}:go")
  }

  @Test func decodesPercentEscapes() {
    #expect(PercentCoding.decode("a%20b+c") == "a b+c")
    #expect(PercentCoding.decode("a+b", plusIsBlank: true) == "a b")
    for bad in ["%", "%4", "%zz", "%00", "%ff", "%c3"] {
      #expect(PercentCoding.decode(bad) == nil, "\(bad)")
    }
  }
}

@Suite struct RouteTreeTests {
  private func found(_ method: String, _ path: String) throws -> String {
    let table = try RouteTable(GatewayProcess.shown.flatMap(\.services))
    switch table.tree.find(method, path) {
    case .route(let route, let values):
      let shown = values.sorted { $0.key.joined() < $1.key.joined() }.map(\.value)
      return ([route.method.name] + shown).joined(separator: " ")
    case .otherMethods(let methods): return "405 " + methods.joined(separator: ",")
    case .nothing: return "404"
    }
  }

  @Test(arguments: [
    ("POST", "/v1/sessions", "SignIn"),
    ("DELETE", "/v1/sessions/current", "SignOut"),
    ("GET", "/v1/organizations/o/clients", "ListClients o"),
    ("HEAD", "/v1/organizations/o/clients", "ListClients o"),
    ("POST", "/v1/organizations/o/clients", "CreateClient o"),
    ("PATCH", "/v1/organizations/o/clients/c", "UpdateClient c o"),
    ("GET", "/v1/organizations/o/clients/a%2Fb", "GetClient a/b o"),
    ("GET", "/v1/organizations/o/clients/a:b", "GetClient a:b o"),
    ("POST", "/v1/organizations/o/clients/c:resendInvitation", "ResendInvitation c o"),
    ("POST", "/v1/organizations/o/clients:checkEmail", "CheckClientEmail o"),
    (
      "POST", "/v1/organizations/o/clients/c/contactPoints/p:setPrimary",
      "SetPrimaryContactPoint c p o"
    ),
    ("GET", "/v1/accounts/me", "GetMe"),
    ("POST", "/v1/accounts/me:changePassword", "ChangePassword"),
    ("PUT", "/v1/organizations/o/clients", "405 GET,POST"),
    ("GET", "/v1/invitations:lookup", "405 POST"),
    ("GET", "/v1/invitations:nothing", "404"),
    ("GET", "/v1/organizations/o/clients/", "404"),
    ("GET", "/v1/organizations//clients", "404"),
    ("GET", "/v1/organizations/%00/clients", "404"),
    ("GET", "/", "404"),
    ("GET", "", "404"),
    ("GET", "/" + String(repeating: "a/", count: 5_000), "404"),
  ])
  func findsTheMethod(_ method: String, _ path: String, _ expected: String) throws {
    #expect(try found(method, path) == expected)
  }

  @Test func showsNoInternalMethod() throws {
    let table = try RouteTable(GatewayProcess.shown.flatMap(\.services))
    for service in GatewayProcess.shown.flatMap(\.services) {
      for method in service.methods where !method.access.callers.contains("gateway") {
        #expect(method.httpRules.isEmpty, "\(method.path)")
        #expect(table.byRPC[String(method.path.dropFirst())] == nil)
      }
    }
  }

  @Test func refusesTwoRulesForOnePath() throws {
    let methods = [IdentityServiceMethods.signIn, IdentityServiceMethods.acceptInvitation].map {
      MethodDescriptor(
        service: $0.service, name: $0.name, access: $0.access,
        httpRules: [HTTPRule(method: "POST", pattern: "/v1/x", body: "*")],
        requestType: $0.requestType, responseType: $0.responseType)
    }
    let service = ServiceDescriptor(
      fullName: "x", methods: methods,
      fileDescriptors: IdentityServiceMethods.service.fileDescriptors)
    #expect(throws: RouteTree.Conflict.self) { try RouteTable([service]) }
  }

  @Test func refusesAVariableThatIsNoField() {
    let method = MethodDescriptor(
      service: "x", name: "X", access: IdentityServiceMethods.signIn.access,
      httpRules: [HTTPRule(method: "GET", pattern: "/v1/{nothing}")],
      requestType: SignInRequest.self, responseType: SignInResponse.self)
    let service = ServiceDescriptor(
      fullName: "x", methods: [method],
      fileDescriptors: IdentityServiceMethods.service.fileDescriptors)
    #expect(throws: Route.Unfit.self) { try RouteTable([service]) }
  }
}
