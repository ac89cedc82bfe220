package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	v1 "keybroker.test/pb/keybroker/v1"
)

var callContext = map[string]string{"host": "db1.example", "set": "nightly"}

// One envelope and what is in it.
func envelope(connection *grpc.ClientConn, key string) (*v1.UnwrapRequest, []byte) {
	plaintext := make([]byte, 32)
	_, err := rand.Read(plaintext)
	check(err)
	wrapped, err := v1.NewKeyServiceClient(connection).Wrap(
		context.Background(), &v1.WrapRequest{Key: key, Plaintext: plaintext, Context: callContext}, grpc.WaitForReady(true))
	check(err)
	return &v1.UnwrapRequest{Envelope: wrapped.Envelope, Context: callContext, Key: key}, plaintext
}

func encode(message proto.Message) *frame {
	encoded, err := proto.Marshal(message)
	check(err)
	return &frame{encoded}
}

// Sends the same request, one after the other in each of so many lanes, and checks every answer.
func lanes(connection *grpc.ClientConn, w *worker, method string, request *frame, inFlight, ops int, right func([]byte) error) {
	var running sync.WaitGroup
	for range inFlight {
		running.Go(func() {
			var answer frame
			for !w.stopping.Load() {
				started := time.Now()
				check(connection.Invoke(context.Background(), method, request, &answer, raw, grpc.WaitForReady(true)))
				check(right(answer.bytes))
				w.done(ops, started)
			}
		})
	}
	running.Wait()
}

func driveUnary(connection *grpc.ClientConn, w *worker, o options, inFlight int) {
	request, plaintext := envelope(connection, o.key)
	lanes(connection, w, v1.KeyService_Unwrap_FullMethodName, encode(request), inFlight, 1, func(answer []byte) error {
		if !bytes.Contains(answer, plaintext) {
			return fmt.Errorf("wrong answer: %x", answer)
		}
		return nil
	})
}

func driveBatch(connection *grpc.ClientConn, w *worker, o options, inFlight int) {
	request, plaintext := envelope(connection, o.key)
	batch := &v1.BatchRequest{Calls: calls(request, 0, o.frame)}
	lanes(connection, w, v1.KeyService_Batch_FullMethodName, encode(batch), inFlight, o.frame, func(answer []byte) error {
		if found := bytes.Count(answer, plaintext); found != o.frame {
			return fmt.Errorf("%d right answers of %d", found, o.frame)
		}
		return nil
	})
}

func calls(request *v1.UnwrapRequest, firstID uint64, count int) []*v1.Call {
	list := make([]*v1.Call, count)
	for i := range list {
		list[i] = &v1.Call{Id: firstID + uint64(i), Operation: &v1.Call_Unwrap{Unwrap: request}}
	}
	return list
}
