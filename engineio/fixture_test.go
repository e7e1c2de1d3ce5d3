package engineio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/leaktest"
	"socketiojwt/internal/memnet"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// recorder is a Conn that records its calls.
type recorder struct {
	s         *Session
	onMessage func(data []byte, binary bool)

	mu       sync.Mutex
	messages []string
	closed   []Reason
	late     bool // a message came after Closed
	ended    chan struct{}
}

func (c *recorder) Message(data []byte, binary bool) {
	c.mu.Lock()
	prefix := ""
	if binary {
		prefix = "binary:"
	}
	c.messages = append(c.messages, prefix+string(data))
	c.late = c.late || len(c.closed) > 0
	c.mu.Unlock()
	if c.onMessage != nil {
		c.onMessage(data, binary)
	}
}

func (c *recorder) Closed(reason Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = append(c.closed, reason)
	if len(c.closed) == 1 {
		close(c.ended)
	}
}

func (c *recorder) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.messages...)
}

// reasons returns why the session ended. More than one reason is an error.
func (c *recorder) reasons() []Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Reason(nil), c.closed...)
}

// echo makes the recorder answer each message with the same message.
func (c *recorder) echo() {
	c.onMessage = func(data []byte, binary bool) {
		if binary {
			c.s.Send(NewBinaryMessage(bytes.Clone(data)))
		} else {
			c.s.Send(NewMessage(bytes.Clone(data)))
		}
	}
}

// fixture is a Server behind an http.Server.
type fixture struct {
	t      *testing.T
	srv    *Server
	web    *http.Server
	client *http.Client
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	url    string // with the path
	opened chan *recorder
}

// onOpen, given to newFixture, may change a recorder before its session starts.
type onOpen func(*recorder, *http.Request) Conn

func newServer(t *testing.T, opts Options, hook onOpen) (*Server, chan *recorder) {
	t.Helper()
	opened := make(chan *recorder, 10_000)
	srv, err := NewServer(func(s *Session, r *http.Request) Conn {
		c := &recorder{s: s, ended: make(chan struct{})}
		opened <- c
		if hook != nil {
			return hook(c, r)
		}
		return c
	}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return srv, opened
}

// newPipe serves over net.Pipe, for use inside a synctest bubble.
func newPipe(t *testing.T, opts Options, hook onOpen, configure ...func(*http.Server)) *fixture {
	t.Helper()
	srv, opened := newServer(t, opts, hook)
	listener := memnet.Listen()
	f := &fixture{t: t, srv: srv, dial: listener.Dial, url: "http://pipe" + srv.opts.Path, opened: opened}
	f.web = &http.Server{Handler: srv, ErrorLog: testLog(t)}
	for _, set := range configure {
		set(f.web)
	}
	transport := &http.Transport{DialContext: listener.Dial, DisableCompression: true}
	f.client = &http.Client{Transport: transport}
	go f.web.Serve(listener)
	t.Cleanup(func() {
		srv.Close()
		transport.CloseIdleConnections()
		f.web.Close()
		time.Sleep(time.Minute) // for everybody to see it
	})
	return f
}

// patient returns opts with long times instead of the defaults, for servers that have no fake
// clock: on a busy machine a test may last longer than a heartbeat.
func patient(opts Options) Options {
	setDefault(&opts.PingInterval, time.Hour)
	setDefault(&opts.PingTimeout, time.Hour)
	setDefault(&opts.UpgradeTimeout, time.Hour)
	return opts
}

// newTCP serves over the loopback interface. Zero times mean an hour.
func newTCP(t *testing.T, opts Options, hook onOpen, configure ...func(*http.Server)) *fixture {
	t.Helper()
	return serveTCP(t, parkAfter, opts, hook, configure...)
}

// newParked is newTCP with connections that are parked at once.
func newParked(t *testing.T, opts Options, hook onOpen, configure ...func(*http.Server)) *fixture {
	t.Helper()
	return serveTCP(t, 0, opts, hook, configure...)
}

// newShared is newTCP with one goroutine that waits for all WebSockets.
func newShared(t *testing.T, opts Options, hook onOpen, configure ...func(*http.Server)) *fixture {
	t.Helper()
	opts.SharedWait = true
	return serveTCP(t, parkAfter, opts, hook, configure...)
}

func serveTCP(t *testing.T, parkAfter time.Duration, opts Options, hook onOpen, configure ...func(*http.Server)) *fixture {
	t.Helper()
	srv, opened := newServer(t, patient(opts), hook)
	srv.parkAfter, srv.linger = parkAfter, time.Minute // for peers that a busy machine delays
	web := httptest.NewUnstartedServer(srv)
	for _, set := range configure {
		set(web.Config)
	}
	web.Start()
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	t.Cleanup(func() {
		srv.Close()
		transport.CloseIdleConnections()
		web.Close()
	})
	return &fixture{t: t, srv: srv, web: web.Config, client: &http.Client{Transport: transport}, url: web.URL + srv.opts.Path, opened: opened}
}

// serveFunc is newPipe, newTCP, newParked or newShared.
type serveFunc func(*testing.T, Options, onOpen, ...func(*http.Server)) *fixture

// onBoth runs test over net.Pipe in a bubble, where a write waits for its reader and
// connections cannot be polled, and over TCP, where the opposite is true, without and with
// parked connections, and with one goroutine that waits for all WebSockets.
func onBoth(t *testing.T, test func(t *testing.T, serve serveFunc)) {
	t.Helper()
	t.Run("pipe", func(t *testing.T) { bubble(t, func(t *testing.T) { test(t, newPipe) }) })
	t.Run("tcp", func(t *testing.T) { test(t, newTCP) })
	t.Run("parked", func(t *testing.T) { test(t, newParked) })
	t.Run("shared", func(t *testing.T) { test(t, newShared) })
}

// bubble runs test with a clock that jumps when all goroutines wait.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// answer is the response to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers come in pairs.
func (f *fixture) do(ctx context.Context, method, query, body string, headers ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, f.url+"?"+query, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body == "" {
		req.Body, req.ContentLength = nil, 0
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

func (f *fixture) must(method, query, body string, headers ...string) answer {
	f.t.Helper()
	a, err := f.do(context.Background(), method, query, body, headers...)
	if err != nil {
		f.t.Fatalf("%s ?%s: %v", method, query, err)
	}
	return a
}

const pollingQuery = "EIO=4&transport=polling"

// open starts a session by polling and returns its query and its Conn.
func (f *fixture) open(headers ...string) (query string, c *recorder) {
	f.t.Helper()
	query, c, err := f.tryOpen(headers...)
	if err != nil {
		f.t.Fatal(err)
	}
	return query, c
}

func (f *fixture) tryOpen(headers ...string) (query string, c *recorder, err error) {
	a, err := f.do(context.Background(), "GET", pollingQuery, "", headers...)
	if err != nil || a.status != 200 {
		return "", nil, fmt.Errorf("handshake: %d %s %w", a.status, a.body, err)
	}
	c = <-f.opened
	return pollingQuery + "&sid=" + c.s.ID(), c, nil
}

// expect compares the response to a request.
func (f *fixture) expect(method, query, body string, status int, want string) {
	f.t.Helper()
	if a := f.must(method, query, body); a.status != status || a.body != want {
		f.t.Errorf("%s %q: got %d %q, want %d %q", method, body, a.status, a.body, status, want)
	}
}

const (
	badRequest     = `{"code":3,"message":"Bad request"}`
	unknownSession = `{"code":1,"message":"Session ID unknown"}`
)

// background starts a request and returns the channel for its response.
func (f *fixture) background(method, query, body string, headers ...string) <-chan answer {
	done := make(chan answer, 1)
	go func() {
		a, err := f.do(context.Background(), method, query, body, headers...)
		if err != nil {
			a.body = err.Error()
		}
		done <- a
	}()
	return done
}

// expectEnd waits for a session's end.
func expectEnd(t *testing.T, c *recorder, want Reason) {
	t.Helper()
	select {
	case <-c.ended:
	case <-time.After(time.Minute):
		t.Fatalf("the session has not ended; want %q", want)
	}
	if got := c.reasons(); len(got) != 1 || got[0] != want {
		t.Errorf("Closed with %q, want %q once", got, want)
	}
}

// expectNoSessions waits for the last session to end.
func (f *fixture) expectNoSessions() {
	f.t.Helper()
	for deadline := time.Now().Add(time.Minute); f.srv.Sessions() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("%d sessions are left", f.srv.Sessions())
		}
	}
}

func expectAlive(t *testing.T, c *recorder) {
	t.Helper()
	if got := c.reasons(); len(got) != 0 {
		t.Errorf("the session has ended with %q, want it alive", got)
	}
}
