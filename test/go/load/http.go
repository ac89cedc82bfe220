package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

func httpClient(o options) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: o.inFlight, ForceAttemptHTTP2: true}
	if o.ca != "" {
		transport.TLSClientConfig = mutualTLS(o)
	}
	return &http.Client{Transport: transport}
}

// Posts the same body again and again, to a key service whose API is HTTP, and looks for what it must answer.
func driveHTTP(o options, w *worker) {
	client := httpClient(o)
	name, value, _ := strings.Cut(o.header, ": ")
	var running sync.WaitGroup
	for range o.inFlight {
		running.Go(func() {
			for !w.stopping.Load() {
				started := time.Now()
				request, err := http.NewRequest(http.MethodPost, o.target, strings.NewReader(o.body))
				check(err)
				request.Header.Set("Content-Type", "application/json")
				if name != "" {
					request.Header.Set(name, value)
				}
				check(post(client, request, []byte(o.expect)))
				w.done(1, started)
			}
		})
	}
	running.Wait()
}

func post(client *http.Client, request *http.Request, expect []byte) error {
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && !bytes.Contains(body, expect) {
		err = fmt.Errorf("status %d: %s", answer.StatusCode, body)
	}
	return err
}
