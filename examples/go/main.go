// Quick start: puts, gets, compares and swaps, commits, lists, watches and deletes.
// Usage: go run . [HOST:PORT]
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	duetkv "github.com/duetkv/duetkv/examples/go/gen"
)

func main() {
	address := "localhost:8080"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if err := run(address); err != nil {
		log.Fatal(err)
	}
}

func run(address string) error {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	client := duetkv.NewKeyValueServiceClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	text := "Hello"
	stored, err := client.Put(ctx, &duetkv.PutRequest{Key: "greeting", Value: &text})
	if err != nil {
		return err
	}
	fmt.Printf("put greeting at revision %d\n", stored.Revision)

	got, err := client.Get(ctx, &duetkv.GetRequest{Key: "greeting"})
	if err != nil {
		return err
	}
	fmt.Printf("got %q of revision %d\n", got.Entry.GetValue(), got.Entry.Revision)

	// A compare-and-swap succeeds while the entry has the revision that was read. The second one comes too late.
	current := got.Entry.Revision
	for _, text := range []string{"Good morning", "Good evening"} {
		swapped, err := client.Put(ctx, &duetkv.PutRequest{
			Key: "greeting", Value: &text, Precondition: ifRevision(got.Entry.Revision),
		})
		if reason, metadata := errorInfo(err); reason == "REVISION_MISMATCH" {
			fmt.Printf("refused %q: the revision is %s now\n", text, metadata["current_revision"])
		} else if err != nil {
			return err
		} else {
			current = swapped.Revision
			fmt.Printf("put %q at revision %d\n", text, current)
		}
	}

	german := "Guten Morgen"
	committed, err := client.Commit(ctx, &duetkv.CommitRequest{
		Checks: []*duetkv.Check{{Key: "greeting", Precondition: ifRevision(current)}},
		Mutations: []*duetkv.Mutation{
			{Kind: &duetkv.Mutation_Put{Put: &duetkv.PutMutation{Key: "greeting/de", Value: &german}}},
			{Kind: &duetkv.Mutation_Delete{Delete: &duetkv.DeleteMutation{Key: "greeting/fr"}}},
		},
	})
	if err != nil {
		return err
	}
	fmt.Printf("committed at revision %d\n", committed.Revision)

	page, err := client.List(ctx, &duetkv.ListRequest{Prefix: "greeting"})
	if err != nil {
		return err
	}
	var keys []string
	for _, entry := range page.Entries {
		keys = append(keys, entry.Key)
	}
	fmt.Printf("listed %s\n", strings.Join(keys, ", "))

	deleted, err := client.Delete(ctx, &duetkv.DeleteRequest{Key: "greeting"})
	if err != nil {
		return err
	}
	fmt.Printf("deleted greeting at revision %d\n", deleted.Revision)

	return watch(ctx, client, stored.Revision-1, deleted.Revision)
}

// watch prints every change after the revision start, up to the revision last.
func watch(ctx context.Context, client duetkv.KeyValueServiceClient, start, last int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes, err := client.Watch(ctx, &duetkv.WatchRequest{Prefix: "greeting", StartRevision: &start})
	if err != nil {
		return err
	}
	for {
		message, err := changes.Recv()
		if err != nil {
			return err
		}
		for _, event := range message.Events {
			fmt.Printf("watched %d %s %s\n", message.Revision, event.Type, event.Entry.Key)
		}
		if len(message.Events) > 0 && message.Revision == last {
			return nil
		}
	}
}

func ifRevision(revision int64) *duetkv.Precondition {
	return &duetkv.Precondition{Condition: &duetkv.Precondition_Revision{Revision: revision}}
}

// errorInfo returns the reason and the metadata of an error of the service; both are empty for other errors.
func errorInfo(err error) (string, map[string]string) {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.Reason, info.Metadata
		}
	}
	return "", nil
}
