// Seedserver is the server that the tests of the npm package socketio-jwt expect
// to find: its three fixtures, using only the public API. See seedsuite.test.mjs
// beside this folder.
//
//	seedserver '{"port":9000,"fixture":"index","secret":"...","timeout":1000,"handshake":true}'
//
// It prints a line once it listens. SIGTERM ends it within about a second and frees
// its port. So does the end of its standard input, unless that is a terminal or no
// input at all, so that a test run that was killed does not leave it on the port.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"socketiojwt/socketio"
)

// options are those of the fixture's start, in the words of the old library.
type options struct {
	Port           int               `json:"port"`
	Fixture        string            `json:"fixture"` // index, namespace or secret_function
	Secret         string            `json:"secret"`
	Secrets        map[string]string `json:"secrets"` // by the id of the user, in place of Secret
	Timeout        int               `json:"timeout"` // in milliseconds
	Handshake      bool              `json:"handshake"`
	HeaderRequired bool              `json:"auth_header_required"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, "seedserver:", err)
		os.Exit(1)
	}
}

// run serves until ctx or the standard input ends.
func run(ctx context.Context, text string) error {
	var o options
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return fmt.Errorf("the last argument must be the options, in JSON: %w", err)
	}
	sockets, err := newSockets(o, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	handler, err := sockets.Handler()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", handler)
	mux.Handle("/socket.io", handler) // for clients that leave out the last slash
	mux.HandleFunc("POST /login", o.login)

	// Which of its addresses "localhost" is depends on the client.
	addresses, err := net.DefaultResolver.LookupHost(ctx, "localhost")
	if err != nil {
		return err
	}
	server := socketio.NewHTTPServer("", mux)
	failed := make(chan error, len(addresses))
	for _, address := range addresses {
		listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(o.Port)))
		if err != nil {
			return err
		}
		go func() { failed <- server.Serve(listener) }()
	}
	fmt.Println("listening on", addresses, "at port", o.Port)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if input, err := os.Stdin.Stat(); err == nil && input.Mode()&os.ModeCharDevice == 0 {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
		awaitLeaving(sockets)
	}
	return errors.Join(err, sockets.Close(), server.Close())
}

// leaveTimeout is how long sessions may take to end by themselves. Some tests leave clients
// behind, whose sessions do not.
const leaveTimeout = time.Second

// awaitLeaving waits until no session is left, or for leaveTimeout. Many tests call close in a
// client and end at once. If the server closed the connections while the client's last
// requests were in progress, the client would report an error to the test that has passed.
func awaitLeaving(sockets *socketio.Server) {
	for deadline := time.Now().Add(leaveTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if engine := sockets.Stats().Engine; engine.Polling+engine.WebSocket == 0 {
			return
		}
	}
}
