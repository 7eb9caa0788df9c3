// Makes calls of every kind with grpc-go, and prints their outcomes. Built in the module of examples/go, whose generated
// client it uses. Usage: calls HOST:PORT
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
	"google.golang.org/protobuf/types/known/durationpb"

	duetkv "github.com/duetkv/duetkv/examples/go/gen"
)

const (
	valueBytes = 1_000_000
	long       = 2 * time.Minute
	short      = 300 * time.Millisecond
)

func main() {
	if err := run(os.Args[1]); err != nil {
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
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()

	value := strings.Repeat("v", valueBytes)
	stored, err := client.Put(ctx, &duetkv.PutRequest{Key: "large", Value: &value})
	if err != nil {
		return err
	}
	fmt.Printf("put %d bytes at revision %d\n", valueBytes, stored.Revision)
	got, err := client.Get(ctx, &duetkv.GetRequest{Key: "large"})
	if err != nil {
		return err
	}
	fmt.Printf("got %d bytes\n", len(got.Entry.GetValue()))
	batch, err := client.BatchGet(ctx, &duetkv.BatchGetRequest{Keys: []string{"large", "none"}})
	if err != nil {
		return err
	}
	fmt.Printf("batch: %d found, %d missing\n", len(batch.Entries), len(batch.MissingKeys))

	other := "v"
	_, err = client.Commit(ctx, &duetkv.CommitRequest{
		Checks: []*duetkv.Check{{Key: "large", Precondition: &duetkv.Precondition{
			Condition: &duetkv.Precondition_Revision{Revision: 9},
		}}},
		Mutations: []*duetkv.Mutation{
			{Kind: &duetkv.Mutation_Put{Put: &duetkv.PutMutation{Key: "other", Value: &other}}},
		},
	})
	info := errorInfo(err)
	fmt.Printf("commit: %d %s, current_revision %s\n", status.Code(err), info.GetReason(), info.GetMetadata()["current_revision"])
	_, err = client.Get(ctx, &duetkv.GetRequest{Key: "none"})
	fmt.Printf("get: %d %s\n", status.Code(err), errorInfo(err).GetReason())

	touched, err := client.Touch(ctx, &duetkv.TouchRequest{Key: "large", Ttl: durationpb.New(10 * time.Minute)})
	if err != nil {
		return err
	}
	fmt.Printf("touched at revision %d\n", touched.Revision)
	history, err := client.History(ctx, &duetkv.HistoryRequest{Key: "large"})
	if err != nil {
		return err
	}
	fmt.Printf("history: %d versions\n", len(history.Events))

	brief, cancelBrief := context.WithTimeout(ctx, short)
	defer cancelBrief()
	_, err = firstEvent(brief, client, &duetkv.WatchRequest{Prefix: "quiet"})
	fmt.Printf("deadline of a watch: %d\n", status.Code(err))

	start := int64(0)
	event, err := firstEvent(ctx, client, &duetkv.WatchRequest{StartRevision: &start})
	if err != nil {
		return err
	}
	fmt.Printf("watched %d bytes and canceled\n", len(event.Entry.GetValue()))
	return nil
}

// firstEvent watches until the first event, and cancels the watch.
func firstEvent(ctx context.Context, client duetkv.KeyValueServiceClient, request *duetkv.WatchRequest) (*duetkv.Event, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes, err := client.Watch(ctx, request)
	if err != nil {
		return nil, err
	}
	for {
		message, err := changes.Recv()
		if err != nil {
			return nil, err
		}
		if len(message.Events) > 0 {
			return message.Events[0], nil
		}
	}
}

func errorInfo(err error) *errdetails.ErrorInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info
		}
	}
	return nil
}
