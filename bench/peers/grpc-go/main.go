// Command grpc-go serves a map in memory behind the contract of Duet KV, by grpc-go: no log, no checks, no watches.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	duetkvv1 "github.com/duetkv/duetkv/gen/go/duetkv/v1"
)

type mapServer struct {
	duetkvv1.UnimplementedKeyValueServiceServer

	mutex    sync.RWMutex
	revision int64
	// An entry is never changed once it is in the map, since a response may still be encoded from it.
	entries map[string]*duetkvv1.Entry
}

func (s *mapServer) Put(_ context.Context, request *duetkvv1.PutRequest) (*duetkvv1.PutResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.revision++
	entry := s.put(request.Key, request.Value, request.BytesValue)
	return &duetkvv1.PutResponse{Revision: s.revision, Entry: entry}, nil
}

func (s *mapServer) Get(_ context.Context, request *duetkvv1.GetRequest) (*duetkvv1.GetResponse, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	entry, found := s.entries[request.Key]
	if !found {
		return nil, status.Error(codes.NotFound, "there is no such key")
	}
	return &duetkvv1.GetResponse{Revision: s.revision, Entry: entry}, nil
}

func (s *mapServer) BatchGet(
	_ context.Context,
	request *duetkvv1.BatchGetRequest,
) (*duetkvv1.BatchGetResponse, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	response := &duetkvv1.BatchGetResponse{Revision: s.revision}
	for _, key := range request.Keys {
		if entry, found := s.entries[key]; found {
			response.Entries = append(response.Entries, entry)
		} else {
			response.MissingKeys = append(response.MissingKeys, key)
		}
	}
	return response, nil
}

func (s *mapServer) Commit(_ context.Context, request *duetkvv1.CommitRequest) (*duetkvv1.CommitResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.revision++
	response := &duetkvv1.CommitResponse{Revision: s.revision}
	for _, mutation := range request.Mutations {
		result := &duetkvv1.MutationResult{}
		switch kind := mutation.Kind.(type) {
		case *duetkvv1.Mutation_Put:
			result.Entry = s.put(kind.Put.Key, kind.Put.Value, kind.Put.BytesValue)
		case *duetkvv1.Mutation_Delete:
			_, result.Deleted = s.entries[kind.Delete.Key]
			delete(s.entries, kind.Delete.Key)
		default:
			return nil, status.Error(codes.InvalidArgument, "empty mutation")
		}
		response.Results = append(response.Results, result)
	}
	return response, nil
}

// put stores a value at the current revision. It returns the entry without its value.
func (s *mapServer) put(key string, value *string, bytesValue []byte) *duetkvv1.Entry {
	createRevision, version := s.revision, int64(1)
	if previous, found := s.entries[key]; found {
		createRevision, version = previous.CreateRevision, previous.Version+1
	}
	updateTime := timestamppb.New(time.Now().Truncate(time.Millisecond))
	s.entries[key] = &duetkvv1.Entry{
		Key:            key,
		Value:          value,
		BytesValue:     bytesValue,
		Revision:       s.revision,
		CreateRevision: createRevision,
		Version:        version,
		UpdateTime:     updateTime,
	}
	return &duetkvv1.Entry{
		Key:            key,
		Revision:       s.revision,
		CreateRevision: createRevision,
		Version:        version,
		UpdateTime:     updateTime,
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	duetkvv1.RegisterKeyValueServiceServer(server, &mapServer{entries: map[string]*duetkvv1.Entry{}})
	ready := map[string]string{"msg": "ready", "listen": listener.Addr().String()}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(listener))
}
