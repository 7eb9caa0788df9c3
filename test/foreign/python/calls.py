"""Makes calls of every kind with grpcio, and prints their outcomes. Usage: python calls.py HOST:PORT"""

import sys

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from duetkv.v1 import key_value_pb2 as kv
from duetkv.v1 import key_value_pb2_grpc as kv_grpc

VALUE_BYTES = 1_000_000
LONG_SECONDS = 120
SHORT_SECONDS = 0.3


def main(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        client = kv_grpc.KeyValueServiceStub(channel)

        stored = client.Put(kv.PutRequest(key="large", value="v" * VALUE_BYTES), timeout=LONG_SECONDS)
        print(f"put {VALUE_BYTES} bytes at revision {stored.revision}")
        got = client.Get(kv.GetRequest(key="large"), timeout=LONG_SECONDS)
        print(f"got {len(got.entry.value)} bytes")
        batch = client.BatchGet(kv.BatchGetRequest(keys=["large", "none"]), timeout=LONG_SECONDS)
        print(f"batch: {len(batch.entries)} found, {len(batch.missing_keys)} missing")

        check = kv.Check(key="large", precondition=kv.Precondition(revision=9))
        mutation = kv.Mutation(put=kv.PutMutation(key="other", value="v"))
        refused = failure(lambda: client.Commit(kv.CommitRequest(checks=[check], mutations=[mutation])))
        info = error_info(refused)
        print(f"commit: {code(refused)} {info.reason}, current_revision {info.metadata['current_revision']}")
        missing = failure(lambda: client.Get(kv.GetRequest(key="none"), timeout=LONG_SECONDS))
        print(f"get: {code(missing)} {error_info(missing).reason}")

        touched = client.Touch(kv.TouchRequest(key="large", ttl=Duration(seconds=600)), timeout=LONG_SECONDS)
        print(f"touched at revision {touched.revision}")
        history = client.History(kv.HistoryRequest(key="large"), timeout=LONG_SECONDS)
        print(f"history: {len(history.events)} versions")

        quiet = kv.WatchRequest(prefix="quiet")
        expired = failure(lambda: list(client.Watch(quiet, timeout=SHORT_SECONDS)))
        print(f"deadline of a watch: {code(expired)}")

        changes = client.Watch(kv.WatchRequest(start_revision=0))
        value = next(event.entry.value for message in changes for event in message.events)
        changes.cancel()
        print(f"watched {len(value)} bytes and canceled")


def failure(call) -> grpc.RpcError:
    """Returns the error of a call that must fail."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call succeeded")


def code(error: grpc.RpcError) -> int:
    return error.code().value[0]


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    rpc_status.from_call(error).details[0].Unpack(info)
    return info


if __name__ == "__main__":
    main(sys.argv[1])
