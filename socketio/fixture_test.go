package socketio_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/memnet"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// fixture is a server on a listener in memory, inside a synctest bubble. Time is fake, and a
// test can observe that nothing more happens.
type fixture struct {
	t   *testing.T
	ctx context.Context
	srv *socketio.Server
	in  *memnet.Listener

	header http.Header // of the long-polling requests
}

// bubble runs a test against a server set up by setup.
func bubble(t *testing.T, opts socketio.Options, setup func(srv *socketio.Server), test func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f, stop := start(t, opts, setup)
		defer stop() // even if the test has failed
		test(f)
	})
}

// start starts a server set up by setup. It must be called in a bubble.
func start(t *testing.T, opts socketio.Options, setup func(srv *socketio.Server)) (f *fixture, stop func()) {
	t.Helper()
	f, stop, err := tryStart(t, opts, setup)
	if err != nil {
		t.Fatal(err)
	}
	return f, stop
}

// tryStart is start for goroutines, which must not call Fatal.
func tryStart(t *testing.T, opts socketio.Options, setup func(srv *socketio.Server)) (f *fixture, stop func(), err error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	srv, err := socketio.NewServer(opts)
	if err != nil {
		return nil, nil, err
	}
	setup(srv)
	handler, err := srv.Handler()
	if err != nil {
		return nil, nil, err
	}
	in := memnet.Listen()
	web := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(in)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	return &fixture{t: t, ctx: ctx, srv: srv, in: in}, func() {
		cancel()
		_ = srv.Close()
		_ = web.Close()
		<-served
	}, nil
}

func (f *fixture) options(opts sockettest.Options) sockettest.Options {
	opts.NetDial = f.in.Dial
	return opts
}

// dial joins "/" or the namespace of opts. The peer leaves when the test ends.
func (f *fixture) dial(opts sockettest.Options) *sockettest.Peer {
	f.t.Helper()
	p, err := f.tryDial(opts)
	if err != nil {
		f.t.Fatalf("dial: %v", err)
	}
	return p
}

// tryDial is dial for goroutines, which must not call Fatalf.
func (f *fixture) tryDial(opts sockettest.Options) (*sockettest.Peer, error) {
	p, err := sockettest.Dial(f.ctx, "http://server", f.options(opts))
	if err == nil {
		f.t.Cleanup(func() { _ = p.Close() })
	}
	return p, err
}

// background dials in a goroutine and returns the channel for the peer. After a failure the
// peer is nil and the test has failed.
func (f *fixture) background(opts sockettest.Options) <-chan *sockettest.Peer {
	dialed := make(chan *sockettest.Peer, 1)
	go func() {
		p, err := f.tryDial(opts)
		if err != nil {
			f.t.Errorf("dial: %v", err)
		}
		dialed <- p
	}()
	return dialed
}

// refused tries to join and expects a refusal.
func (f *fixture) refused(opts sockettest.Options) *sockettest.ConnectError {
	f.t.Helper()
	p, err := sockettest.Dial(f.ctx, "http://server", f.options(opts))
	if err == nil {
		_ = p.Close()
		f.t.Fatal("admitted")
	}
	var refusal *sockettest.ConnectError
	if !errors.As(err, &refusal) {
		f.t.Fatalf("got %v, want a refusal", err)
	}
	return refusal
}

// ended waits for the end of p's socket and checks its error.
func (f *fixture) ended(p *sockettest.Peer, want error) {
	f.t.Helper()
	if err := p.Ended(f.ctx); !errors.Is(err, want) {
		f.t.Errorf("ended with %v, want %v", err, want)
	}
}

// expect takes the next event of that name and reads its arguments.
func (f *fixture) expect(p *sockettest.Peer, event string, dst ...any) {
	f.t.Helper()
	e, err := p.Expect(f.ctx, event)
	if err != nil {
		f.t.Fatalf("expect %q: %v", event, err)
	}
	if err := e.Scan(dst...); err != nil {
		f.t.Fatalf("event %q: %v", event, err)
	}
}

// nothing checks that p has received no event once all goroutines are idle.
func (f *fixture) nothing(p *sockettest.Peer) {
	f.t.Helper()
	synctest.Wait()
	if got := p.Events(); len(got) > 0 {
		f.t.Errorf("got events %q, want none", got)
	}
}

// record is a list that handlers write and tests read.
type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

func (r *record) all() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.lines...)
}

// gauge counts the calls that run at the same time.
type gauge struct {
	mu        sync.Mutex
	now, most int
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += n
	g.most = max(g.most, g.now)
}

func (g *gauge) peak() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}

func open(srv *socketio.Server) { srv.Open() }

// sidIn returns the ID of the session in an open packet.
func sidIn(open string) string {
	_, rest, _ := strings.Cut(open, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	return sid
}

// rooms admits three sockets: a in x, b in x and y, c in y.
func rooms(srv *socketio.Server) {
	srv.Open()
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		var auth struct{ Rooms []string }
		return errors.Join(scan(s.Handshake().Auth, &auth), s.Join(auth.Rooms...))
	})
}

// logged is a log that a test can read.
type logged struct{ lines record }

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *logged) Write(p []byte) (int, error) {
	l.lines.add(string(p))
	return len(p), nil
}

// count returns the number of lines that contain text.
func (l *logged) count(text string) int {
	n := 0
	for _, line := range l.lines.all() {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}
