"""Quick start: puts, gets, compares and swaps, commits, lists, watches and deletes.

Usage: python main.py [HOST:PORT]
"""

import sys

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from duetkv.v1 import key_value_pb2 as kv
from duetkv.v1 import key_value_pb2_grpc as kv_grpc

DEADLINE_SECONDS = 30


def main(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        client = kv_grpc.KeyValueServiceStub(channel)

        stored = client.Put(kv.PutRequest(key="greeting", value="Hello"), timeout=DEADLINE_SECONDS)
        print(f"put greeting at revision {stored.revision}")

        entry = client.Get(kv.GetRequest(key="greeting"), timeout=DEADLINE_SECONDS).entry
        print(f'got "{entry.value}" of revision {entry.revision}')

        # A compare-and-swap succeeds while the entry has the revision that was read. The second one comes too late.
        current = entry.revision
        unchanged = kv.Precondition(revision=current)
        for text in ("Good morning", "Good evening"):
            try:
                request = kv.PutRequest(key="greeting", value=text, precondition=unchanged)
                current = client.Put(request, timeout=DEADLINE_SECONDS).revision
                print(f'put "{text}" at revision {current}')
            except grpc.RpcError as error:
                info = error_info(error)
                if info is None or info.reason != "REVISION_MISMATCH":
                    raise
                print(f'refused "{text}": the revision is {info.metadata["current_revision"]} now')

        committed = client.Commit(
            kv.CommitRequest(
                checks=[kv.Check(key="greeting", precondition=kv.Precondition(revision=current))],
                mutations=[
                    kv.Mutation(put=kv.PutMutation(key="greeting/de", value="Guten Morgen")),
                    kv.Mutation(delete=kv.DeleteMutation(key="greeting/fr")),
                ],
            ),
            timeout=DEADLINE_SECONDS,
        )
        print(f"committed at revision {committed.revision}")

        page = client.List(kv.ListRequest(prefix="greeting"), timeout=DEADLINE_SECONDS)
        print("listed", ", ".join(entry.key for entry in page.entries))

        deleted = client.Delete(kv.DeleteRequest(key="greeting"), timeout=DEADLINE_SECONDS)
        print(f"deleted greeting at revision {deleted.revision}")

        # Every change after the revision before the first put.
        request = kv.WatchRequest(prefix="greeting", start_revision=stored.revision - 1)
        changes = client.Watch(request, timeout=DEADLINE_SECONDS)
        for message in changes:
            for event in message.events:
                print("watched", message.revision, kv.Event.Type.Name(event.type), event.entry.key)
            if message.events and message.revision == deleted.revision:
                changes.cancel()
                break


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo | None:
    """Returns the reason and the metadata of an error of the service; None for other errors."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info
    return None


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:8080")
