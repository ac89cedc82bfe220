package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
)

// What the bare handler serves: Sample answers a sealed data key, Open and Stream open it.
const (
	bareUnary     = "/bench.Bare/Open"
	bareStream    = "/bench.Bare/Stream"
	bareSample    = "/bench.Bare/Sample"
	bareKeyLength = 32
)

// A sealed data key of the bare handler's own.
func sample(connection *grpc.ClientConn) *frame {
	var answer frame
	check(connection.Invoke(context.Background(), bareSample, &frame{}, &answer, raw, grpc.WaitForReady(true)))
	return &answer
}

func rightLength(answer []byte) error {
	if len(answer) != bareKeyLength {
		return fmt.Errorf("%d bytes answered", len(answer))
	}
	return nil
}

func driveBareUnary(connection *grpc.ClientConn, w *worker, o options, inFlight int) {
	lanes(connection, w, bareUnary, sample(connection), inFlight, 1, rightLength)
}

// Keeps so many messages in flight on one stream, whose answers come in order.
func driveBareStream(connection *grpc.ClientConn, w *worker, o options, inFlight int) {
	request := sample(connection)
	stream := open(connection, bareStream)
	sent := make([]time.Time, inFlight)
	for i := range sent {
		sent[i] = time.Now()
		check(stream.SendMsg(request))
	}
	for open, i := inFlight, 0; open > 0; i = (i + 1) % inFlight {
		var answer frame
		check(stream.RecvMsg(&answer))
		check(rightLength(answer.bytes))
		w.done(1, sent[i])
		if w.stopping.Load() {
			open--
			continue
		}
		sent[i] = time.Now()
		check(stream.SendMsg(request))
	}
	check(stream.CloseSend())
}
