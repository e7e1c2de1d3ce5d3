package metrics_test

import (
	"log"
	"net/http"

	"socketiojwt/auth"
	"socketiojwt/metrics"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// Serve the metrics where only operators can reach them.
func Example() {
	m := metrics.New()
	verifier, err := token.NewVerifier(token.Secret("a shared secret of at least 32 bytes"), token.Options{})
	if err != nil {
		log.Fatal(err)
	}
	gate, err := auth.NewGate(verifier, auth.Options{Observer: m})
	if err != nil {
		log.Fatal(err)
	}
	srv, err := socketio.NewServer(socketio.Options{Observer: m})
	if err != nil {
		log.Fatal(err)
	}
	srv.Use(gate.Handshake)
	m.Server(srv)
	m.Gate("/", gate)
	operations := http.NewServeMux()
	operations.Handle("GET /metrics", m.Handler())
	go func() { log.Print(http.ListenAndServe("localhost:9002", operations)) }()
}
