// Testserver is the server that the real clients of this folder talk to. Its
// namespaces are in app.go; control.go is how the tests reach behind the
// protocol, at /test/.
//
// It prints {"addr":"127.0.0.1:PORT"} once it listens, and ends by SIGTERM or
// when its standard input does, so that no crashed test run leaves it behind.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"socketiojwt/socketio"
)

// options are the flags. The secret comes from the environment, JWT_SECRET.
type options struct {
	addr              string
	issuer, audience  string
	leeway            time.Duration
	origins           []string
	insecureAnyOrigin bool
	eio3, deflate     bool
	sharedWait        bool
	webTransport      bool
	openRoot          bool
	heartbeat         time.Duration
	clientFiles       string
	keys              string
	onlyKeys          bool
	secret            string
	log               *slog.Logger
}

func main() {
	o := options{secret: os.Getenv("JWT_SECRET"), log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	flag.StringVar(&o.addr, "addr", "127.0.0.1:0", "where to listen; a loopback address, since /test/ is open to everybody")
	flag.StringVar(&o.issuer, "issuer", "", "the issuer that tokens need")
	flag.StringVar(&o.audience, "audience", "", "the audience that tokens need")
	flag.DurationVar(&o.leeway, "leeway", 0, "as token.Options.Leeway")
	flag.Func("origin", "a foreign origin to let in; may be repeated", func(origin string) error {
		o.origins = append(o.origins, strings.TrimSpace(origin))
		return nil
	})
	flag.BoolVar(&o.insecureAnyOrigin, "insecure-any-origin", false, "as engineio.Options.InsecureAnyOrigin")
	flag.BoolVar(&o.eio3, "eio3", false, "let clients of Socket.IO 1 and 2 in, and take tokens from the query")
	flag.BoolVar(&o.deflate, "deflate", false, "as engineio.Options.PerMessageDeflate")
	flag.BoolVar(&o.sharedWait, "shared-wait", false, "as engineio.Options.SharedWait")
	flag.BoolVar(&o.webTransport, "webtransport", false, "serve WebTransport too, with a certificate of its own")
	flag.BoolVar(&o.openRoot, "open-root", false, "admit all sockets to /, which clients of Socket.IO 1 and 2 always join")
	flag.DurationVar(&o.heartbeat, "heartbeat", 0, "as engineio.Options.PingInterval; with five times that to answer")
	flag.StringVar(&o.clientFiles, "client-files", "", "a folder with the files of the JavaScript client")
	flag.StringVar(&o.keys, "keys", "", "URL of a JWK Set, for the namespaces /issuer and /issuer-event")
	flag.BoolVar(&o.onlyKeys, "only-keys", false, "have no other namespaces than those of -keys")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "testserver:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, and then shuts down in good order.
func run(ctx context.Context, o options) error {
	app, err := newApp(o)
	if err != nil {
		return err
	}
	defer app.close()
	sockets, err := app.srv.Handler()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sockets)
	mux.Handle("/socket.io", sockets) // for clients that leave out the last slash
	mux.HandleFunc("GET /page", page)
	app.control(mux)

	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return fmt.Errorf("%s is no loopback address", o.addr)
	}
	server := socketio.NewHTTPServer("", mux)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	line := map[string]string{"addr": listener.Addr().String()}
	if o.webTransport {
		var stop func()
		if line["webtransport"], line["hash"], stop, err = serveWebTransport(sockets); err != nil {
			return err
		}
		defer stop()
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	return errors.Join(app.srv.Shutdown(ending), server.Shutdown(ending))
}

// page serves the page of the browser tests, which has only the JavaScript client
// from the server itself.
func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, `<!doctype html><title>testserver</title><script src="/socket.io/socket.io.js"></script>`)
}
