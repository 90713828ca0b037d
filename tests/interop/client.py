"""A client made of nothing but grpcio and what its tools generate out of proto/. Says on stdout what it saw, as JSON."""

import json
import sys

import grpc
from freehold.v1 import prefix_pb2, prefix_pb2_grpc, scope_pb2, scope_pb2_grpc, watch_pb2, watch_pb2_grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

TIMEOUT = 20
NETWORK = "spaces/default/prefixes/10.8.0.0-24"


def details(error):
    """The details of an error by the name of their type."""
    found = {}
    for detail in rpc_status.from_call(error).details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.ResourceInfo):
            if detail.Is(kind.DESCRIPTOR):
                message = kind()
                detail.Unpack(message)
                found[kind.DESCRIPTOR.name] = message
    return found


def split(path):
    """The key and the chain, which lie in one file."""
    with open(path, encoding="ascii") as file:
        text = file.read()
    blocks = [block + "\n" for block in text.replace("\n-----BEGIN", "\n\0-----BEGIN").split("\0")]
    key = "".join(block for block in blocks if "PRIVATE KEY" in block)
    chain = "".join(block for block in blocks if "CERTIFICATE" in block)
    return key.encode(), chain.encode()


def main(target, roots_path, identity_path):
    with open(roots_path, "rb") as file:
        roots = file.read()
    key, chain = split(identity_path)
    channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(roots, key, chain))
    prefixes = prefix_pb2_grpc.PrefixServiceStub(channel)
    scopes = scope_pb2_grpc.ScopeServiceStub(channel)
    said = {}

    watch = watch_pb2_grpc.WatchServiceStub(channel).Watch(watch_pb2.WatchRequest(from_now=True), timeout=TIMEOUT)
    next(watch)

    network = prefix_pb2.Prefix(cidr="10.8.0.0/24", kind=prefix_pb2.Prefix.KIND_NETWORK)
    prefixes.CreatePrefix(prefix_pb2.CreatePrefixRequest(parent="spaces/default", prefix=network), timeout=TIMEOUT)
    scope = scope_pb2.Scope(network=NETWORK)
    scope.ranges.add(start="10.8.0.10", end="10.8.0.99")
    create = scope_pb2.CreateScopeRequest(scope_id="office", scope=scope)
    made = scopes.CreateScope(create, timeout=TIMEOUT)
    said["made"] = made.name
    said["server_side"] = {"network": made.network, "valid_seconds": made.lease_times.valid_seconds}
    said["listed"] = [row.name for row in scopes.ListScopes(scope_pb2.ListScopesRequest(), timeout=TIMEOUT).scopes]
    said["watched"] = [next(watch).changes[0].resource for _ in range(2)]
    watch.cancel()

    try:
        scopes.CreateScope(scope_pb2.CreateScopeRequest(scope_id="other", scope=scope), timeout=TIMEOUT)
    except grpc.RpcError as error:
        found = details(error)
        info = found["ErrorInfo"]
        said["error"] = {
            "code": error.code().name,
            "reason": info.reason,
            "domain": info.domain,
            "field": info.metadata["field"],
            "violations": [violation.field for violation in found["BadRequest"].field_violations],
            "resource": found["ResourceInfo"].resource_name,
        }

    stranger = grpc.secure_channel(target, grpc.ssl_channel_credentials(roots))
    try:
        scope_pb2_grpc.ScopeServiceStub(stranger).ListScopes(scope_pb2.ListScopesRequest(), timeout=TIMEOUT)
    except grpc.RpcError as error:
        said["without_certificate"] = {"code": error.code().name, "reason": details(error)["ErrorInfo"].reason}

    print(json.dumps(said))


main(*sys.argv[1:])
