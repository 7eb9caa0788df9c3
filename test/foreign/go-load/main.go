// Calls a store with grpc-go again and again, some calls at a time, until nobody listens any more:
//
//	go run . HOST:PORT
//
// Prints the number of calls that succeeded, a line for every 50 and one at the end, and a line for each call that failed.
// Messages are written as bytes, so that no generated code is needed.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	callers   = 8
	keyField  = 1
	textField = 2
)

// raw passes messages on as bytes.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	succeeded := make(chan struct{})
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() { callOn(connection, caller, succeeded) })
	}
	go func() {
		running.Wait()
		close(succeeded)
	}()
	calls := 0
	for range succeeded {
		calls++
		if calls%50 == 0 {
			fmt.Println(calls)
		}
	}
	fmt.Println(calls)
}

// callOn puts and gets in turns until a call fails.
func callOn(connection *grpc.ClientConn, caller int, succeeded chan<- struct{}) {
	key := protowire.AppendTag(nil, keyField, protowire.BytesType)
	key = protowire.AppendString(key, fmt.Sprintf("grpc-go %d", caller))
	put := protowire.AppendTag(append([]byte(nil), key...), textField, protowire.BytesType)
	put = protowire.AppendString(put, "v")
	for {
		for _, call := range []struct {
			method  string
			request []byte
		}{{"Put", put}, {"Get", key}} {
			var response []byte
			err := connection.Invoke(context.Background(), "/duetkv.v1.KeyValueService/"+call.method,
				&call.request, &response, grpc.ForceCodec(raw{}))
			if err != nil {
				// Nobody listens any more: no call was lost.
				if !strings.Contains(err.Error(), "connection refused") {
					fmt.Println("failed:", err)
				}
				return
			}
			succeeded <- struct{}{}
		}
	}
}
