package engineclient_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/engineclient"
	"socketiojwt/internal/leaktest"
	"socketiojwt/internal/memnet"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// transports are the ways to open a session.
var transports = map[string]engineclient.Options{
	"websocket": {},
	"polling":   {Polling: true},
	"upgrade":   {Polling: true, Upgrade: true},
}

// recorder is the server's end of a session, which answers each message with the same.
type recorder struct {
	s    *engineio.Session
	mute bool

	mu     sync.Mutex
	heard  []string
	closed []engineio.Reason
}

func (r *recorder) Message(data []byte, binary bool) {
	r.mu.Lock()
	r.heard = append(r.heard, string(data))
	r.mu.Unlock()
	switch {
	case r.mute:
	case binary:
		_ = r.s.Send(engineio.NewBinaryMessage(bytes.Clone(data)))
	default:
		_ = r.s.Send(engineio.NewMessage(bytes.Clone(data)))
	}
}

func (r *recorder) Closed(reason engineio.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = append(r.closed, reason)
}

func (r *recorder) messages() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.heard...)
}

func (r *recorder) reasons() []engineio.Reason {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]engineio.Reason(nil), r.closed...)
}

// fixture is a server in memory in a synctest bubble.
type fixture struct {
	t      *testing.T
	ctx    context.Context
	in     *memnet.Listener
	http   *http.Client
	opened chan *recorder
}

const url = "http://server/engine.io/"

// bubble runs test against a server.
func bubble(t *testing.T, opts engineio.Options, test func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opened := make(chan *recorder, 10)
		srv, err := engineio.NewServer(func(s *engineio.Session, r *http.Request) engineio.Conn {
			c := &recorder{s: s, mute: r.URL.Query().Has("mute")}
			opened <- c
			return c
		}, opts)
		if err != nil {
			t.Fatal(err)
		}
		serve(t, srv, func(f *fixture) {
			f.opened = opened
			test(f)
		})
		srv.Close()
	})
}

// serve serves handler in memory.
func serve(t *testing.T, handler http.Handler, test func(f *fixture)) {
	in := memnet.Listen()
	web := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(in)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	transport := &http.Transport{DialContext: in.Dial}
	defer func() {
		cancel()
		_ = web.Close()
		<-served
		transport.CloseIdleConnections()
	}()
	test(&fixture{t: t, ctx: ctx, in: in, http: &http.Client{Transport: transport}})
}

// onEach runs test once for each transport.
func onEach(t *testing.T, server engineio.Options, test func(f *fixture, opts engineclient.Options)) {
	t.Helper()
	for name, opts := range transports {
		t.Run(name, func(t *testing.T) {
			bubble(t, server, func(f *fixture) { test(f, opts) })
		})
	}
}

// dial opens a session, which is closed with the test.
func (f *fixture) dial(opts engineclient.Options) (*engineclient.Conn, *recorder) {
	f.t.Helper()
	return f.dialURL(url, opts)
}

func (f *fixture) dialURL(url string, opts engineclient.Options) (*engineclient.Conn, *recorder) {
	f.t.Helper()
	opts.HTTPClient = f.http
	c, err := engineclient.Dial(f.ctx, url, opts)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c, <-f.opened
}

// over is a handler that needs a port: what it serves is not in a bubble.
func over(t *testing.T, handler http.Handler) string {
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	return web.URL
}
