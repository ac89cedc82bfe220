// Load drives a server of keybroker.v1 (or the bench's bare handler) and prints one line of JSON: operations,
// seconds, latencies, and the server's CPU time. Requests are encoded once and sent again and again, and answers
// are parsed no further than needed, so that this process is not what is measured.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

type options struct {
	target      string
	mode        string
	key         string
	pid         int
	inFlight    int
	connections int
	frame       int
	body        string
	header      string
	expect      string
	ca          string
	cert        string
	certKey     string
	warmup      time.Duration
	duration    time.Duration
}

// One connection's work: it counts and times operations until told to stop.
type worker struct {
	counting  *atomic.Bool
	stopping  *atomic.Bool
	mutex     sync.Mutex
	latencies []time.Duration
	ops       int
}

func (w *worker) done(ops int, since time.Time) {
	if !w.counting.Load() {
		return
	}
	took := time.Since(since)
	w.mutex.Lock()
	w.ops += ops
	w.latencies = append(w.latencies, took)
	w.mutex.Unlock()
}

type result struct {
	Ops       int     `json:"ops"`
	Seconds   float64 `json:"seconds"`
	P50Ms     float64 `json:"p50Ms"`
	P99Ms     float64 `json:"p99Ms"`
	ServerCPU float64 `json:"serverCpuSeconds"`
	ClientCPU float64 `json:"clientCpuSeconds"`
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func parse() options {
	var o options
	flag.StringVar(&o.target, "target", "", "unix:PATH or HOST:PORT")
	flag.StringVar(&o.mode, "mode", "unary", "unary, session, batch, bare-unary, bare-stream, sops, http, or age-identity")
	flag.StringVar(&o.key, "key", "default", "the key to wrap under; for sops an age recipient")
	flag.IntVar(&o.pid, "pid", 0, "the server's process, whose CPU time is read")
	flag.IntVar(&o.inFlight, "in-flight", 1, "requests or frames in flight, in all")
	flag.IntVar(&o.connections, "connections", 1, "connections they are spread over")
	flag.IntVar(&o.frame, "frame", 1, "calls in a Session's frame or a Batch")
	flag.StringVar(&o.body, "body", "", "http: what is posted")
	flag.StringVar(&o.header, "header", "", "http: a header, NAME: VALUE")
	flag.StringVar(&o.expect, "expect", "", "http: what the answer must contain")
	flag.StringVar(&o.ca, "ca", "", "a PEM file: mutual TLS")
	flag.StringVar(&o.cert, "cert", "", "with ca: our certificate")
	flag.StringVar(&o.certKey, "cert-key", "", "with ca: its private key")
	flag.DurationVar(&o.warmup, "warmup", time.Second, "time before the measurement")
	flag.DurationVar(&o.duration, "duration", 3*time.Second, "time measured")
	flag.Parse()
	return o
}

// The kind of load, run once per connection.
type driver func(connection *grpc.ClientConn, w *worker, o options, inFlight int)

var drivers = map[string]driver{
	"unary":       driveUnary,
	"session":     driveSession,
	"batch":       driveBatch,
	"bare-unary":  driveBareUnary,
	"bare-stream": driveBareStream,
	"sops":        driveSops,
}

func main() {
	o := parse()
	if o.mode == "age-identity" {
		makeAgeIdentity(o.target)
		return
	}
	var counting, stopping atomic.Bool
	var running sync.WaitGroup
	workers := make([]*worker, o.connections)
	for i := range workers {
		w := &worker{counting: &counting, stopping: &stopping}
		workers[i] = w
		running.Go(work(o, w, i))
	}
	report(measure(o, workers, &counting, &stopping, &running))
}

// The work of the i-th connection; HTTP keeps connections of its own.
func work(o options, w *worker, i int) func() {
	if o.mode == "http" {
		return func() { driveHTTP(o, w) }
	}
	drive, known := drivers[o.mode]
	if !known {
		fail(fmt.Errorf("no mode %q", o.mode))
	}
	connection, err := grpc.NewClient(o.target, grpc.WithTransportCredentials(transportOf(o)))
	check(err)
	return func() { drive(connection, w, o, share(o.inFlight, o.connections, i)) }
}

// The i-th connection's part of what is in flight.
func share(inFlight, connections, i int) int {
	part := inFlight / connections
	if i < inFlight%connections {
		part++
	}
	return part
}

func measure(o options, workers []*worker, counting, stopping *atomic.Bool, running *sync.WaitGroup) result {
	time.Sleep(o.warmup)
	cpu, own, started := cpuSeconds(o.pid), cpuSeconds(os.Getpid()), time.Now()
	counting.Store(true)
	time.Sleep(o.duration)
	counting.Store(false)
	r := result{
		Seconds:   time.Since(started).Seconds(),
		ServerCPU: cpuSeconds(o.pid) - cpu,
		ClientCPU: cpuSeconds(os.Getpid()) - own,
	}
	stopping.Store(true)
	running.Wait()
	var latencies []time.Duration
	for _, w := range workers {
		r.Ops += w.ops
		latencies = append(latencies, w.latencies...)
	}
	slices.Sort(latencies)
	r.P50Ms, r.P99Ms = quantile(latencies, 0.5), quantile(latencies, 0.99)
	return r
}

func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(float64(len(sorted)-1)*q)].Nanoseconds()) / 1e6
}

func report(r result) {
	line, err := json.Marshal(r)
	check(err)
	fmt.Println(string(line))
}
