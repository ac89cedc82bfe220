package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"

	v1 "keybroker.test/pb/keybroker/v1"
)

// A frame that is in flight again and again, with the same ids.
type slot struct {
	request *frame
	missing int
	sent    time.Time
}

func open(connection *grpc.ClientConn, method string) grpc.ClientStream {
	description := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := connection.NewStream(context.Background(), description, method, raw, grpc.WaitForReady(true))
	check(err)
	return stream
}

func (s *slot) send(stream grpc.ClientStream, calls int) {
	s.missing, s.sent = calls, time.Now()
	check(stream.SendMsg(s.request))
}

// Keeps so many frames in flight on one stream; a frame is sent again when all its results are there.
func driveSession(connection *grpc.ClientConn, w *worker, o options, inFlight int) {
	request, plaintext := envelope(connection, o.key)
	stream := open(connection, v1.KeyService_Session_FullMethodName)
	slots := make([]slot, inFlight)
	for i := range slots {
		first := uint64(i * o.frame)
		slots[i].request = encode(&v1.SessionRequest{Calls: calls(request, first, o.frame)})
		slots[i].send(stream, o.frame)
	}
	for open := inFlight; open > 0; {
		var answer frame
		check(stream.RecvMsg(&answer))
		check(eachResult(answer.bytes, func(id uint64, result []byte) error {
			if !bytes.Contains(result, plaintext) {
				return fmt.Errorf("call %d: wrong answer: %x", id, result)
			}
			s := &slots[id/uint64(o.frame)]
			if s.missing--; s.missing > 0 {
				return nil
			}
			w.done(o.frame, s.sent)
			if w.stopping.Load() {
				open--
			} else {
				s.send(stream, o.frame)
			}
			return nil
		}))
	}
	check(stream.CloseSend())
}

// Walks through a SessionResponse: its results are field 1, a result's id is field 1 of that.
func eachResult(message []byte, visit func(id uint64, result []byte) error) error {
	for len(message) > 0 {
		_, _, tagLength := protowire.ConsumeTag(message)
		if tagLength < 0 {
			return protowire.ParseError(tagLength)
		}
		result, length := protowire.ConsumeBytes(message[tagLength:])
		if length < 0 {
			return protowire.ParseError(length)
		}
		if err := visit(resultID(result), result); err != nil {
			return err
		}
		message = message[tagLength+length:]
	}
	return nil
}

// The id comes first where it is not 0, which proto3 leaves out.
func resultID(result []byte) uint64 {
	number, kind, length := protowire.ConsumeTag(result)
	if length < 0 || number != 1 || kind != protowire.VarintType {
		return 0
	}
	id, _ := protowire.ConsumeVarint(result[length:])
	return id
}
