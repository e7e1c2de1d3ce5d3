// Command server is our Socket.IO server as the comparison runs it: on defaults, with one handler.
//
//	BENCH_SECRET=... server [-debug] [-profile-memory] [-metrics] [-shared-wait] bare|auth|query HS256
//	BENCH_PUBLIC_KEY=file.pem BENCH_ISSUER=... BENCH_AUDIENCE=... server auth|event RS256|ES256
//
// It listens on a free loopback port, which it prints, and by TLS if BENCH_CERTIFICATE names a file with a certificate and its key. If
// BENCH_DEFLATE is not empty it accepts permessage-deflate.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"socketiojwt/auth"
	"socketiojwt/bench/debug"
	"socketiojwt/bench/load"
	"socketiojwt/metrics"
	"socketiojwt/observe"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func main() {
	withDebug := flag.Bool("debug", false, "listen on another loopback port for profiles and for what the heap holds")
	profileMemory := flag.Bool("profile-memory", false, "record one allocation in 4 KiB, instead of none")
	namespaces := flag.Int("namespaces", 1, "serve so many namespaces, all with the same gate: /, /1, /2 and so on")
	measured := flag.Bool("metrics", false, "measure what metrics measure, and scrape them every second")
	sharedWait := flag.Bool("shared-wait", false, "wait for all idle WebSockets with one goroutine")
	flag.Parse()
	// Go records allocations in every program that can be asked for them, as this one can. One in production is not.
	runtime.MemProfileRate = 0
	if *profileMemory {
		runtime.MemProfileRate = 4 << 10
	}
	if err := run(flag.Arg(0), token.Algorithm(flag.Arg(1)), *withDebug, *measured, *sharedWait, *namespaces); err != nil {
		log.Fatal(err)
	}
}

func run(kind string, alg token.Algorithm, withDebug, measured, sharedWait bool, namespaces int) error {
	var looks atomic.Int64
	opts := socketio.Options{Now: func() time.Time {
		looks.Add(1)
		return time.Now()
	}}
	opts.Engine.MaxNewPerAddress = -1 // the load comes from one address
	opts.Engine.PerMessageDeflate = os.Getenv("BENCH_DEFLATE") != ""
	opts.Engine.SharedWait = sharedWait
	if kind == "event" {
		opts.MaxPendingAcks = 8 // or each refused token would wait for its acknowledgement
	}
	var m *metrics.Metrics
	var observer observe.Observer
	if measured {
		m = metrics.New()
		observer = m
	}
	opts.Observer = observer
	srv, err := socketio.NewServer(opts)
	if err != nil {
		return err
	}
	gate, err := guard(srv, kind, alg, namespaces, observer)
	if err != nil {
		return err
	}
	if m != nil {
		m.Server(srv)
		m.Gate("/", gate)
		go scrape(m.Handler())
	}
	handle(srv)
	handler, err := srv.Handler()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", handler)

	listener, err := (&net.ListenConfig{KeepAlive: -1}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ready := "ready " + listener.Addr().String()
	if withDebug {
		address, err := debug.Listen(gate, &looks)
		if err != nil {
			return err
		}
		ready += " " + address
	}
	fmt.Println(ready)
	if certificate := os.Getenv("BENCH_CERTIFICATE"); certificate != "" {
		return http.ServeTLS(listener, mux, certificate, certificate)
	}
	return http.Serve(listener, mux)
}

// scrape reads the metrics every second, more often than Prometheus does.
func scrape(metrics http.Handler) {
	for range time.Tick(time.Second) {
		metrics.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
}

// guard declares the namespaces open, or sets a gate before them, which it returns.
func guard(srv *socketio.Server, kind string, alg token.Algorithm, namespaces int, observer observe.Observer) (*auth.Gate, error) {
	opts := auth.Options{Observer: observer}
	var mode auth.EventOptions
	switch kind {
	case "bare":
		srv.Open()
		for i := 1; i < namespaces; i++ {
			srv.Of("/" + strconv.Itoa(i)).Open()
		}
		return nil, nil
	case "auth":
	case "event":
		mode.Attempts, opts.Timeout = 1<<30, 10*time.Minute
	case "query":
		opts.Sources = []auth.Source{auth.FromQuery("token")}
	default:
		return nil, fmt.Errorf("unknown kind %q", kind)
	}
	verifier, err := newVerifier(kind, alg)
	if err != nil {
		return nil, err
	}
	gate, err := auth.NewGate(verifier, opts)
	if err != nil {
		return nil, err
	}
	if kind == "event" {
		srv.Use(gate.Event(mode))
		return gate, nil
	}
	srv.Use(gate.Handshake)
	for i := 1; i < namespaces; i++ {
		srv.Of("/" + strconv.Itoa(i)).Use(gate.Handshake)
	}
	return gate, nil
}

func newVerifier(kind string, alg token.Algorithm) (*token.Verifier, error) {
	if alg == token.HS256 {
		return token.NewVerifier(token.Secret(os.Getenv("BENCH_SECRET")), token.Options{})
	}
	pem, err := os.ReadFile(os.Getenv("BENCH_PUBLIC_KEY"))
	if err != nil {
		return nil, err
	}
	key := token.PEM(pem, alg)
	if kind == "event" {
		key = key.WithID(load.KnownKeyID) // tokens that name another one choose a key that does not exist
	}
	return token.NewVerifier(key, token.Options{
		Issuers:   []string{os.Getenv("BENCH_ISSUER")},
		Audiences: []string{os.Getenv("BENCH_AUDIENCE")},
	})
}
