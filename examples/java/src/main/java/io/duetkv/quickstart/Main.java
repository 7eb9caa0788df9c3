package io.duetkv.quickstart;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import io.duetkv.v1.Check;
import io.duetkv.v1.CommitRequest;
import io.duetkv.v1.DeleteMutation;
import io.duetkv.v1.DeleteRequest;
import io.duetkv.v1.Entry;
import io.duetkv.v1.Event;
import io.duetkv.v1.GetRequest;
import io.duetkv.v1.KeyValueServiceGrpc;
import io.duetkv.v1.KeyValueServiceGrpc.KeyValueServiceBlockingStub;
import io.duetkv.v1.ListRequest;
import io.duetkv.v1.Mutation;
import io.duetkv.v1.Precondition;
import io.duetkv.v1.PutMutation;
import io.duetkv.v1.PutRequest;
import io.duetkv.v1.WatchRequest;
import io.duetkv.v1.WatchResponse;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * Quick start: puts, gets, compares and swaps, commits, lists, watches and deletes. The argument is HOST:PORT.
 */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    String address = args.length > 0 ? args[0] : "localhost:8080";
    ManagedChannel channel = Grpc.newChannelBuilder(address, InsecureChannelCredentials.create()).build();
    try {
      run(KeyValueServiceGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS));
    } finally {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  private static void run(KeyValueServiceBlockingStub client) throws InvalidProtocolBufferException {
    long first = client.put(put("greeting", "Hello").build()).getRevision();
    System.out.printf("put greeting at revision %d%n", first);

    Entry entry = client.get(GetRequest.newBuilder().setKey("greeting").build()).getEntry();
    System.out.printf("got \"%s\" of revision %d%n", entry.getValue(), entry.getRevision());

    // A compare-and-swap succeeds while the entry has the revision that was read. The second one comes too late.
    long current = entry.getRevision();
    for (String text : List.of("Good morning", "Good evening")) {
      try {
        PutRequest swap = put("greeting", text).setPrecondition(ifRevision(entry.getRevision())).build();
        current = client.put(swap).getRevision();
        System.out.printf("put \"%s\" at revision %d%n", text, current);
      } catch (StatusRuntimeException error) {
        ErrorInfo info = errorInfo(error);
        if (!info.getReason().equals("REVISION_MISMATCH")) throw error;
        String actual = info.getMetadataOrThrow("current_revision");
        System.out.printf("refused \"%s\": the revision is %s now%n", text, actual);
      }
    }

    PutMutation german = PutMutation.newBuilder().setKey("greeting/de").setValue("Guten Morgen").build();
    CommitRequest commit =
        CommitRequest.newBuilder()
            .addChecks(Check.newBuilder().setKey("greeting").setPrecondition(ifRevision(current)))
            .addMutations(Mutation.newBuilder().setPut(german))
            .addMutations(Mutation.newBuilder().setDelete(DeleteMutation.newBuilder().setKey("greeting/fr")))
            .build();
    System.out.printf("committed at revision %d%n", client.commit(commit).getRevision());

    List<Entry> entries = client.list(ListRequest.newBuilder().setPrefix("greeting").build()).getEntriesList();
    System.out.printf("listed %s%n", entries.stream().map(Entry::getKey).collect(Collectors.joining(", ")));

    long last = client.delete(DeleteRequest.newBuilder().setKey("greeting").build()).getRevision();
    System.out.printf("deleted greeting at revision %d%n", last);

    // Leaving the watch cancels it by its context.
    try (Context.CancellableContext context = Context.current().withCancellation()) {
      context.run(() -> watch(client, first - 1, last));
    }
  }

  /** Prints every change after the revision {@code start}, up to the revision {@code last}. */
  private static void watch(KeyValueServiceBlockingStub client, long start, long last) {
    WatchRequest request = WatchRequest.newBuilder().setPrefix("greeting").setStartRevision(start).build();
    Iterator<WatchResponse> changes = client.watch(request);
    while (changes.hasNext()) {
      WatchResponse message = changes.next();
      for (Event event : message.getEventsList()) {
        System.out.printf("watched %d %s %s%n", message.getRevision(), event.getType(), event.getEntry().getKey());
      }
      if (message.getEventsCount() > 0 && message.getRevision() == last) return;
    }
  }

  private static PutRequest.Builder put(String key, String value) {
    return PutRequest.newBuilder().setKey(key).setValue(value);
  }

  private static Precondition ifRevision(long revision) {
    return Precondition.newBuilder().setRevision(revision).build();
  }

  /** The reason and the metadata of an error of the service; empty for other errors. */
  private static ErrorInfo errorInfo(StatusRuntimeException error) throws InvalidProtocolBufferException {
    com.google.rpc.Status status = StatusProto.fromThrowable(error);
    if (status == null) return ErrorInfo.getDefaultInstance();
    for (Any detail : status.getDetailsList()) {
      if (detail.is(ErrorInfo.class)) return detail.unpack(ErrorInfo.class);
    }
    return ErrorInfo.getDefaultInstance();
  }
}
