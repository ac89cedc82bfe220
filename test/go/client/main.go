// Client uses keybroker with nothing but code generated from the published proto: over a unix socket or mutual
// TLS, unary, as a Batch and as a Session. It exits 0 when every answer was right.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	v1 "keybroker.test/pb/keybroker/v1"
)

var callContext = map[string]string{"host": "db1.example"}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func transport(ca, cert, key string) credentials.TransportCredentials {
	if ca == "" {
		return insecure.NewCredentials()
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(must(os.ReadFile(ca))) {
		check(fmt.Errorf("%s: no certificate", ca))
	}
	pair := must(tls.LoadX509KeyPair(cert, key))
	return credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13})
}

func main() {
	target := flag.String("target", "", "unix:PATH or HOST:PORT")
	key := flag.String("key", "default", "the key to wrap under")
	ca := flag.String("ca", "", "who vouches for the daemon; without it no TLS")
	cert := flag.String("cert", "", "our certificate")
	certKey := flag.String("cert-key", "", "its private key")
	flag.Parse()

	connection := must(grpc.NewClient(*target, grpc.WithTransportCredentials(transport(*ca, *cert, *certKey))))
	service := v1.NewKeyServiceClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()

	made := must(service.GenerateDataKey(ctx, &v1.GenerateDataKeyRequest{Key: *key, Context: callContext}))
	unary(ctx, service, made)
	request := &v1.UnwrapRequest{Envelope: made.Envelope, Context: callContext, Key: *key}
	batch(ctx, service, request, made.Plaintext)
	session(ctx, service, request, made.Plaintext)
	refusal(ctx, service, made)
	fmt.Println("ok")
}

func unary(ctx context.Context, service v1.KeyServiceClient, made *v1.GenerateDataKeyResponse) {
	renewed := must(service.Rewrap(ctx, &v1.RewrapRequest{Envelope: made.Envelope}))
	opened := must(service.Unwrap(ctx, &v1.UnwrapRequest{Envelope: renewed.Envelope, Context: callContext}))
	same(opened.Plaintext, made.Plaintext)
	checked := must(service.Check(ctx, &v1.CheckRequest{Envelope: renewed.Envelope, Context: callContext}))
	if !checked.Matches || !checked.Trusted {
		check(fmt.Errorf("the envelope does not match: %v", checked))
	}
	seen := must(service.Inspect(ctx, &v1.InspectRequest{Envelope: renewed.Envelope}))
	if seen.PlaintextLength != 32 || len(seen.Recipients) != 1 {
		check(fmt.Errorf("inspect saw %v", seen))
	}
}

func calls(request *v1.UnwrapRequest, count uint64) []*v1.Call {
	var list []*v1.Call
	for id := range count {
		list = append(list, &v1.Call{Id: id + 1, Operation: &v1.Call_Unwrap{Unwrap: request}})
	}
	return list
}

func batch(ctx context.Context, service v1.KeyServiceClient, request *v1.UnwrapRequest, plaintext []byte) {
	answer := must(service.Batch(ctx, &v1.BatchRequest{Calls: calls(request, 10)}))
	for i, result := range answer.Results {
		if result.Id != uint64(i+1) {
			check(fmt.Errorf("result %d has the id %d", i, result.Id))
		}
		same(result.GetUnwrap().GetPlaintext(), plaintext)
	}
}

func session(ctx context.Context, service v1.KeyServiceClient, request *v1.UnwrapRequest, plaintext []byte) {
	stream := must(service.Session(ctx))
	check(stream.Send(&v1.SessionRequest{Calls: calls(request, 10)}))
	check(stream.CloseSend())
	for seen := map[uint64]bool{}; len(seen) < 10; {
		for _, result := range must(stream.Recv()).Results {
			same(result.GetUnwrap().GetPlaintext(), plaintext)
			seen[result.Id] = true
		}
	}
}

func refusal(ctx context.Context, service v1.KeyServiceClient, made *v1.GenerateDataKeyResponse) {
	other := map[string]string{"host": "db2.example"}
	_, err := service.Unwrap(ctx, &v1.UnwrapRequest{Envelope: made.Envelope, Context: other})
	if status.Code(err) != codes.InvalidArgument {
		check(fmt.Errorf("another context answered %v", err))
	}
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Reason == "ENVELOPE_REFUSED" && info.Domain == "keybroker" {
			return
		}
	}
	check(fmt.Errorf("no ErrorInfo in %v", err))
}

func same(got, want []byte) {
	if !bytes.Equal(got, want) {
		check(fmt.Errorf("another data key came back"))
	}
}
