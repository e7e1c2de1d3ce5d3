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
	eio3 := flag.Bool("eio3", false, "let peers of Engine.IO 3 in, as its suite needs")
	sharedWait := flag.Bool("shared-wait", false, "as engineio.Options.SharedWait")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *eio3, *sharedWait); err != nil {
		fmt.Fprintln(os.Stderr, "protocolserver:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, addr string, eio3, sharedWait bool) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	engine := engineio.Options{
		PingInterval:      300 * time.Millisecond,
		PingTimeout:       200 * time.Millisecond,
		MaxPayload:        1_000_000,
		InsecureAnyOrigin: true, // the suites run in browsers too, from another port
		AllowEIO3:         eio3,
		SharedWait:        sharedWait,
		Logger:            log,
	}
	if eio3 { // the suite shows nothing by which its sessions could be told apart
		engine.Bind = func(*http.Request) string { return "everybody" }
	}
	echo, err := engineio.NewServer(newEcho, engine)
	if err != nil {
		return err
	}
	// The second that the suites' own server has. No test depends on it, and one waits through three heartbeats of 300 ms before
	// any CONNECT, so that a machine busy with other things may fail it.
	srv, err := socketio.NewServer(socketio.Options{Engine: engine, ConnectTimeout: time.Second, Logger: log})
	if err != nil {
		return err
	}
	for _, name := range []string{"/", "/custom"} {
		setUp(srv.Of(name))
	}
	handler, err := srv.Handler()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/engine.io/", echo)
	mux.Handle("/socket.io/", handler)
	mux.Handle("/socket.io", handler) // for clients that leave out the last slash

	listeners, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	server := socketio.NewHTTPServer("", mux)
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		if eio3 {
			l = pacedListener{l}
		}
		go func() { failed <- server.Serve(l) }()
		fmt.Println("listening on", l.Addr())
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return errors.Join(err, srv.Close(), echo.Close(), server.Close())
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

// A pacedListener accepts connections on which the first packet of a WebSocket
// keeps a distance from the HTTP response before it. The suite of Engine.IO 3 starts
// to listen for messages a turn after it has seen the connection open, and misses one
// that came along with the response; that of Engine.IO 4 sees to it itself.
type pacedListener struct{ net.Listener }

func (l pacedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return paced{c}, err
}

type paced struct{ net.Conn }

func (c paced) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if bytes.HasPrefix(b, []byte("HTTP/1.1 101 ")) {
		time.Sleep(10 * time.Millisecond)
	}
	return n, err
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
	_ = e.session.Send(message) // fails if the session has ended, when no peer waits for it
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
