package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"

	"filippo.io/age"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// sops' key service has no package; a key is field 1 of its requests, an age key field 6 of a key.
const (
	sopsEncrypt = "/KeyService/Encrypt"
	sopsDecrypt = "/KeyService/Decrypt"
	ageKeyField = 6
)

func bytesField(number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
}

func sopsRequest(recipient string, payload []byte) *frame {
	key := bytesField(1, bytesField(ageKeyField, bytesField(1, []byte(recipient))))
	return &frame{append(key, bytesField(2, payload)...)}
}

// The one field of an answer.
func onlyField(answer []byte) []byte {
	_, _, length := protowire.ConsumeTag(answer)
	value, _ := protowire.ConsumeBytes(answer[max(length, 0):])
	return value
}

// Decrypts a data key through `sops keyservice`, as sops does for each file.
func driveSops(connection *grpc.ClientConn, w *worker, o options, inFlight int) {
	plaintext := make([]byte, 32)
	_, err := rand.Read(plaintext)
	check(err)
	var encrypted frame
	check(connection.Invoke(context.Background(), sopsEncrypt, sopsRequest(o.key, plaintext), &encrypted, raw, grpc.WaitForReady(true)))
	request := sopsRequest(o.key, onlyField(encrypted.bytes))
	lanes(connection, w, sopsDecrypt, request, inFlight, 1, func(answer []byte) error {
		if string(onlyField(answer)) != string(plaintext) {
			return fmt.Errorf("wrong answer: %x", answer)
		}
		return nil
	})
}

// Writes a new age identity to a file and prints its recipient.
func makeAgeIdentity(file string) {
	identity, err := age.GenerateX25519Identity()
	check(err)
	check(os.WriteFile(file, []byte(identity.String()+"\n"), 0o600))
	fmt.Println(identity.Recipient())
}
