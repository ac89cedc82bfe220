package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Both sides show a certificate, and the server's must be vouched for by the given authority.
func mutualTLS(o options) *tls.Config {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(o.ca)
	check(err)
	roots.AppendCertsFromPEM(pem)
	pair, err := tls.LoadX509KeyPair(o.cert, o.certKey)
	check(err)
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
}

func transportOf(o options) credentials.TransportCredentials {
	if o.ca == "" {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(mutualTLS(o))
}
