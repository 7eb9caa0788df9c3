// Watches a store with grpc-go as it is out of the box, and prints a line of JSON for each message:
//
//	go run . HOST:PORT HEX
//
// HEX is the WatchRequest. Messages are not decoded, so that no generated code is needed.
package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

// raw passes messages on as bytes.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = append([]byte(nil), data...); return nil }
func (raw) Name() string                       { return "proto" }

// Fields of duetkv.v1.WatchResponse.
const (
	revisionField = 1
	eventsField   = 2
)

func main() {
	if err := watch(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func watch(address, request string) error {
	message, err := hex.DecodeString(request)
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	description := &grpc.StreamDesc{ServerStreams: true}
	stream, err := connection.NewStream(context.Background(), description,
		"/duetkv.v1.KeyValueService/Watch", grpc.ForceCodec(raw{}))
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&message); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		var response []byte
		if err := stream.RecvMsg(&response); err != nil {
			return err
		}
		revision, events, err := summarize(response)
		if err != nil {
			return err
		}
		fmt.Printf("{\"bytes\":%d,\"revision\":%d,\"events\":%d}\n", len(response), revision, events)
	}
}

func summarize(response []byte) (revision uint64, events int, err error) {
	for len(response) > 0 {
		field, kind, length := protowire.ConsumeTag(response)
		if length < 0 {
			return 0, 0, protowire.ParseError(length)
		}
		response = response[length:]
		if field == revisionField {
			revision, _ = protowire.ConsumeVarint(response)
		} else if field == eventsField {
			events++
		}
		length = protowire.ConsumeFieldValue(field, kind, response)
		if length < 0 {
			return 0, 0, protowire.ParseError(length)
		}
		response = response[length:]
	}
	return revision, events, nil
}
