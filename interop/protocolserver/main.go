// Protocolserver is what the protocols' official test suites expect to find: an
// Engine.IO server that echoes, and a Socket.IO server with the namespaces and
// events of the suites. See protocolsuite.mjs beside this folder.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
)

func main() {
	addr := flag.String("addr", "localhost:3000", "where to listen, on every address that the name has")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		fmt.Fprintln(os.Stderr, "protocolserver:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, addr string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	engine := engineio.Options{
		PingInterval:      300 * time.Millisecond,
		PingTimeout:       200 * time.Millisecond,
		MaxPayload:        1_000_000,
		InsecureAnyOrigin: true, // the suites run in browsers too, from another port
		Logger:            log,
	}
	echo, err := engineio.NewServer(newEcho, engine)
	if err != nil {
		return err
	}
	// The second that the suites' own server has. No test depends on it, and one waits through three heartbeats of 300 ms before
	// any CONNECT, so that a machine busy with other things may fail it.
	io, err := socketio.NewServer(socketio.Options{Engine: engine, ConnectTimeout: time.Second, Logger: log})
	if err != nil {
		return err
	}
	for _, name := range []string{"/", "/custom"} {
		setUp(io.Of(name))
	}
	handler, err := io.Handler()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/engine.io/", echo)
	mux.Handle("/socket.io/", handler)

	listeners, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- server.Serve(l) }()
		fmt.Println("listening on", l.Addr())
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return errors.Join(err, io.Close(), echo.Close(), server.Close())
}

// listen listens on every address of addr's host, since "localhost" may be
// 127.0.0.1 to one peer and ::1 to the next.
func listen(ctx context.Context, addr string) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, err
	}
	var listeners []net.Listener
	for _, address := range addresses {
		l, err := net.Listen("tcp", net.JoinHostPort(address, port))
		if err != nil {
			for _, l := range listeners {
				err = errors.Join(err, l.Close())
			}
			return nil, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// An echo sends back each message of one session.
type echo struct{ session *engineio.Session }

func newEcho(s *engineio.Session, _ *http.Request) engineio.Conn { return echo{s} }

// Message is called with data that is valid only until it returns.
func (e echo) Message(data []byte, binary bool) {
	data = bytes.Clone(data)
	message := engineio.NewBinaryMessage(data)
	if !binary {
		message = engineio.NewMessage(data)
	}
	_ = e.session.Send(message) // fails when the session has ended, and then nobody waits for it
}

func (e echo) Closed(engineio.Reason) {}

// setUp gives a namespace the handlers of the Socket.IO suite.
func setUp(n *socketio.Namespace) {
	n.Open()
	n.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		auth := s.Handshake().Auth
		if auth == nil {
			auth = json.RawMessage("{}")
		}
		return s.Emit("auth", auth)
	})
	n.Handle("message", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
		return s.Emit("message-back", e.Args()...)
	})
	n.Handle("message-with-ack", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
		return e.Ack(e.Args()...)
	})
}
