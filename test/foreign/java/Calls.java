import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.rpc.ErrorInfo;
import io.duetkv.v1.BatchGetRequest;
import io.duetkv.v1.BatchGetResponse;
import io.duetkv.v1.Check;
import io.duetkv.v1.CommitRequest;
import io.duetkv.v1.GetRequest;
import io.duetkv.v1.HistoryRequest;
import io.duetkv.v1.KeyValueServiceGrpc;
import io.duetkv.v1.KeyValueServiceGrpc.KeyValueServiceBlockingStub;
import io.duetkv.v1.Mutation;
import io.duetkv.v1.Precondition;
import io.duetkv.v1.PutMutation;
import io.duetkv.v1.PutRequest;
import io.duetkv.v1.TouchRequest;
import io.duetkv.v1.WatchRequest;
import io.duetkv.v1.WatchResponse;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;

/**
 * Makes calls of every kind with grpc-java, and prints their outcomes. Run from its source with the classes of
 * examples/java, whose generated client it uses. The argument is HOST:PORT.
 */
public final class Calls {
  private static final int VALUE_BYTES = 1_000_000;
  private static final long SHORT_MS = 300;

  private Calls() {}

  public static void main(String[] args) throws Exception {
    ManagedChannel channel = Grpc.newChannelBuilder(args[0], InsecureChannelCredentials.create()).build();
    try {
      run(KeyValueServiceGrpc.newBlockingStub(channel).withDeadlineAfter(2, TimeUnit.MINUTES));
    } finally {
      // Not shutdownNow: a canceled watch is to end by its own RST_STREAM.
      channel.shutdown().awaitTermination(30, TimeUnit.SECONDS);
    }
  }

  private static void run(KeyValueServiceBlockingStub client) throws Exception {
    PutRequest put = PutRequest.newBuilder().setKey("large").setValue("v".repeat(VALUE_BYTES)).build();
    System.out.printf("put %d bytes at revision %d%n", VALUE_BYTES, client.put(put).getRevision());
    System.out.printf("got %d bytes%n", client.get(get("large")).getEntry().getValue().length());
    BatchGetResponse batch =
        client.batchGet(BatchGetRequest.newBuilder().addKeys("large").addKeys("none").build());
    System.out.printf("batch: %d found, %d missing%n", batch.getEntriesCount(), batch.getMissingKeysCount());

    CommitRequest commit =
        CommitRequest.newBuilder()
            .addChecks(Check.newBuilder().setKey("large").setPrecondition(Precondition.newBuilder().setRevision(9)))
            .addMutations(Mutation.newBuilder().setPut(PutMutation.newBuilder().setKey("other").setValue("v")))
            .build();
    StatusRuntimeException refused = failure(() -> client.commit(commit));
    ErrorInfo info = errorInfo(refused);
    System.out.printf(
        "commit: %d %s, current_revision %s%n",
        code(refused), info.getReason(), info.getMetadataOrThrow("current_revision"));
    StatusRuntimeException missing = failure(() -> client.get(get("none")));
    System.out.printf("get: %d %s%n", code(missing), errorInfo(missing).getReason());

    Duration ttl = Duration.newBuilder().setSeconds(600).build();
    TouchRequest touch = TouchRequest.newBuilder().setKey("large").setTtl(ttl).build();
    System.out.printf("touched at revision %d%n", client.touch(touch).getRevision());
    HistoryRequest history = HistoryRequest.newBuilder().setKey("large").build();
    System.out.printf("history: %d versions%n", client.history(history).getEventsCount());

    WatchRequest quiet = WatchRequest.newBuilder().setPrefix("quiet").build();
    KeyValueServiceBlockingStub brief = client.withDeadlineAfter(SHORT_MS, TimeUnit.MILLISECONDS);
    StatusRuntimeException ended = failure(() -> brief.watch(quiet).forEachRemaining(each -> {}));
    System.out.printf("deadline of a watch: %d%n", code(ended));

    // Leaving the watch cancels it by its context.
    try (Context.CancellableContext context = Context.current().withCancellation()) {
      context.run(() -> watch(client));
    }
  }

  private static void watch(KeyValueServiceBlockingStub client) {
    Iterator<WatchResponse> changes = client.watch(WatchRequest.newBuilder().setStartRevision(0).build());
    WatchResponse message = changes.next();
    while (message.getEventsCount() == 0) message = changes.next();
    System.out.printf("watched %d bytes and canceled%n", message.getEvents(0).getEntry().getValue().length());
  }

  private static GetRequest get(String key) {
    return GetRequest.newBuilder().setKey(key).build();
  }

  /** The error of a call that must fail. */
  private static StatusRuntimeException failure(Runnable call) {
    try {
      call.run();
    } catch (StatusRuntimeException error) {
      return error;
    }
    throw new AssertionError("the call succeeded");
  }

  private static int code(StatusRuntimeException error) {
    return error.getStatus().getCode().value();
  }

  private static ErrorInfo errorInfo(StatusRuntimeException error) throws Exception {
    Any detail = StatusProto.fromThrowable(error).getDetails(0);
    return detail.unpack(ErrorInfo.class);
  }
}
