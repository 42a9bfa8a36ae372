"""Calls the services with a stock gRPC client (PyPI grpcio) that knows nothing of this project but
what server reflection tells it. Prints one line a check and ends with 1 when one failed.

usage: foreign_client.py --ca FILE --cert FILE --key FILE
         identity=HOST:PORT organization=HOST:PORT client-directory=HOST:PORT messaging=HOST:PORT
"""

import argparse
import sys
import time
import traceback
import uuid

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

SERVICES = {
    "identity": "clientele.identity.v1.IdentityService",
    "organization": "clientele.organization.v1.OrganizationService",
    "client-directory": "clientele.client_directory.v1.ClientDirectoryService",
    "messaging": "clientele.messaging.v1.MessagingService",
}
PASSWORD = "clientele-demo-password"
CONTEXT = "clientele-context-bin"


class Peer:
    """A service, its descriptors learnt by reflection."""

    def __init__(self, channel, service):
        self.channel = channel
        self.service = service
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

    def call(self, method, fields=None, metadata=(), timeout=5, service=None):
        """Calls a unary method with the fields of its request; answers the response message."""
        name = service or self.service
        found = self.pool.FindServiceByName(name).FindMethodByName(method)
        request = message_factory.GetMessageClass(found.input_type)(**(fields or {}))
        response = message_factory.GetMessageClass(found.output_type)
        invoke = self.channel.unary_unary(
            f"/{name}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        return invoke(request, metadata=metadata, timeout=timeout)


def refusal(body):
    """The code and the google.rpc.ErrorInfo of a call that must fail."""
    try:
        body()
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
        info = error_details_pb2.ErrorInfo()
        for detail in status.details:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                detail.Unpack(info)
        return error.code(), info
    raise AssertionError("the call was answered")


def equal(found, wanted):
    assert found == wanted, f"{found!r} instead of {wanted!r}"


def check_health(peer):
    stub = health_pb2_grpc.HealthStub(peer.channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    for name in ("", peer.service):
        equal(stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5).status, serving)
    code, _ = refusal(
        lambda: stub.Check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=5)
    )
    equal(code, grpc.StatusCode.NOT_FOUND)


def check_reflection(peer):
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    for version in ("v1", "v1alpha"):
        # Both versions have the same messages on the wire.
        ask = peer.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        answer = next(ask(iter([request]), timeout=5))
        names = [service.name for service in answer.list_services_response.service]
        assert peer.service in names, f"{peer.service} is not among {names}"
    assert peer.pool.FindServiceByName(peer.service).methods, "no methods"


def check_deadline(peer):
    """A call that could wait for 15 s ends with its deadline, with or without an answer."""
    begun = time.monotonic()
    try:
        peer.call(
            "ListEvents",
            {"wait": {"seconds": 15}, "kinds": ["nothing.of.the.kind"]},
            timeout=0.5,
            service="clientele.feed.v1.FeedService",
        )
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
    assert time.monotonic() - begun < 5, "the deadline was not kept"


def check_expiry(peers):
    """Checking a password takes longer than this call may."""
    code, _ = refusal(
        lambda: peers["identity"].call(
            "SignIn", {"identifier": "admin@demo.example", "password": "wrong"}, timeout=0.005
        )
    )
    equal(code, grpc.StatusCode.DEADLINE_EXCEEDED)


def check_details(peers):
    code, info = refusal(
        lambda: peers["identity"].call(
            "SignIn", {"identifier": "admin@demo.example", "password": "wrong password"}
        )
    )
    equal(code, grpc.StatusCode.UNAUTHENTICATED)
    equal((info.domain, info.reason), ("clientele", "SIGN_IN_REFUSED"))


def check_calls(peers):
    identity = peers["identity"]
    session = identity.call(
        "SignIn", {"identifier": "admin@demo.example", "password": PASSWORD}
    )
    organization = session.session.memberships[0].organization_id
    issued = identity.call(
        "IssueContextToken",
        {"session_token": session.session_token, "organization_id": organization},
    )
    context = ((CONTEXT, issued.context_token),)
    scope = {"organization_id": organization}
    found = peers["organization"].call("GetOrganization", scope, context)
    equal(found.organization_id, organization)
    clients = peers["client-directory"].call("ListClients", scope, context).clients
    assert clients, "the demo has no clients"
    one = peers["client-directory"].call(
        "GetClient", {**scope, "client_id": clients[0].client_id}, context
    )
    equal(one.family_name, clients[0].family_name)
    code, info = refusal(
        lambda: peers["client-directory"].call(
            "GetClient", {**scope, "client_id": str(uuid.uuid4())}, context
        )
    )
    equal((code, info.reason), (grpc.StatusCode.NOT_FOUND, "CLIENT_NOT_FOUND"))
    assert peers["messaging"].call("ListMessages", scope, context).messages, "no messages"
    code, info = refusal(lambda: peers["client-directory"].call("ListClients", scope))
    equal((code, info.reason), (grpc.StatusCode.UNAUTHENTICATED, "CONTEXT_MISSING"))


def main():
    parser = argparse.ArgumentParser()
    for name in ("ca", "cert", "key"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("services", nargs="+", metavar="NAME=HOST:PORT")
    options = parser.parse_args()
    credentials = grpc.ssl_channel_credentials(
        *(open(path, "rb").read() for path in (options.ca, options.key, options.cert))
    )
    peers = {}
    for pair in options.services:
        name, target = pair.split("=")
        peers[name] = Peer(grpc.secure_channel(target, credentials), SERVICES[name])
    checks = []
    for name, peer in peers.items():
        for check in (check_health, check_reflection, check_deadline):
            checks.append((f"{name}: {check.__name__}", lambda c=check, p=peer: c(p)))
    checks.append(("an expired call", lambda: check_expiry(peers)))
    checks.append(("error details", lambda: check_details(peers)))
    checks.append(("every service answers", lambda: check_calls(peers)))
    failed = 0
    for name, check in checks:
        try:
            check()
            print(f"ok      {name}")
        except Exception:  # Every failure is told, whatever it is.
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}")
    sys.exit(1 if failed else 0)


main()
