package redisbus_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

var clusterKey = []byte("a key of all nodes of the tests")

// node is a server that has joined through Redis.
type node struct {
	*socketio.Server
	t     testing.TB
	ctx   context.Context
	bus   *redisbus.Bus
	web   *httptest.Server
	log   *logBuffer
	gaps  *gapList
	redis string // address
}

// started has the nodes that run.
var started struct {
	sync.Mutex
	nodes map[*node]bool
}

// runs adds a node to those that run, or removes it.
func (n *node) runs(run bool) {
	started.Lock()
	defer started.Unlock()
	if started.nodes == nil {
		started.nodes = make(map[*node]bool)
	}
	if delete(started.nodes, n); run {
		started.nodes[n] = true
	}
}

// start starts a server on a bus of its own.
func start(t testing.TB, redis string, opts redisbus.Options, setup func(srv *socketio.Server)) *node {
	t.Helper()
	return startWith(t, rueidis.ClientOption{InitAddress: []string{redis}}, opts, setup)
}

// startRecovering is start for a server that recovers sessions.
func startRecovering(t testing.TB, redis string, opts redisbus.Options, recovery *socketio.Recovery, setup func(srv *socketio.Server)) *node {
	t.Helper()
	return startServer(t, rueidis.ClientOption{InitAddress: []string{redis}}, opts, socketio.Options{Recovery: recovery}, setup)
}

func startWith(t testing.TB, client rueidis.ClientOption, opts redisbus.Options, setup func(srv *socketio.Server)) *node {
	t.Helper()
	return startServer(t, client, opts, socketio.Options{}, setup)
}

func startServer(t testing.TB, client rueidis.ClientOption, opts redisbus.Options, server socketio.Options, setup func(srv *socketio.Server)) *node {
	t.Helper()
	n := &node{t: t, log: &logBuffer{}, gaps: &gapList{}, redis: client.InitAddress[0]}
	var cancel context.CancelFunc
	n.ctx, cancel = context.WithTimeout(context.Background(), 5*time.Minute) // for a whole test, on a busy machine
	logger := slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	opts.Logger, opts.OnGap = logger, n.gaps.add
	var err error
	if n.bus, err = redisbus.New(n.ctx, client, opts); err != nil {
		t.Fatal(err)
	}
	server.Bus, server.ClusterKey, server.Logger = n.bus.Join, clusterKey, logger
	if n.Server, err = socketio.NewServer(server); err != nil {
		t.Fatal(err)
	}
	setup(n.Server)
	handler, err := n.Handler()
	if err != nil {
		t.Fatal(err)
	}
	n.web = httptest.NewServer(handler)
	n.runs(true)
	t.Cleanup(func() {
		n.runs(false)
		_ = n.Close()
		n.web.Close()
		cancel()
		if text := n.log.String(); strings.Contains(text, "panic") {
			t.Errorf("node %s logged a panic:\n%s", n.bus.ID(), text)
		}
	})
	return n
}

// open admits all sockets to "/", and lets them join the rooms of their auth payload.
func open(srv *socketio.Server) {
	join(srv.Open().Mux)
}

func join(m *socketio.Mux) {
	m.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		args, err := socketio.ParseArguments(append(append([]byte{'['}, s.Handshake().Auth...), ']'), nil)
		if err != nil {
			return err
		}
		var auth struct{ Rooms []string }
		if err := args.Scan(&auth); err != nil {
			return err
		}
		return s.Join(auth.Rooms...)
	})
}

// dial connects a peer that is in rooms.
func (n *node) dial(rooms ...string) *sockettest.Peer { return n.dialTo("/", rooms...) }

func (n *node) dialTo(namespace string, rooms ...string) *sockettest.Peer {
	n.t.Helper()
	p, err := sockettest.Dial(n.ctx, n.web.URL, sockettest.Options{Namespace: namespace, Auth: map[string]any{"rooms": slices.Clip(append([]string{}, rooms...))}})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = p.Close() })
	return p
}

// A counter counts the subscribers of a channel.
type counter interface{ Subscribers(channel string) int }

// settle waits until Redis has as many subscribers of the channels as given.
func settle(t testing.TB, redis counter, want int, channels ...string) {
	t.Helper()
	for _, channel := range channels {
		if p, ok := redis.(*place); ok && !p.roomChannels() && strings.HasPrefix(channel, "socket.io#/#") && channel != "socket.io#/#" {
			p.inRoom(t, want, strings.TrimSuffix(strings.TrimPrefix(channel, "socket.io#/#"), "#"))
			continue
		}
		redistest.Eventually(t, fmt.Sprintf("%d subscribers of %s", want, channel), func() bool { return redis.Subscribers(channel) == want })
	}
}

// inRoom waits until a peer's room can be heard.
func inRoom(t testing.TB, redis counter, want int, rooms ...string) {
	t.Helper()
	if p, ok := redis.(*place); ok && p.opts.Wire == redisbus.Streams {
		p.inRoom(t, want, rooms...)
		return
	}
	for _, room := range rooms {
		settle(t, redis, want, "socket.io#/#"+room+"#")
	}
}

// logBuffer is a buffer for logs.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// gapList records gaps.
type gapList struct {
	mu   sync.Mutex
	list []redisbus.Gap
}

func (g *gapList) add(gap redisbus.Gap) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, gap)
}

func (g *gapList) all() []redisbus.Gap {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.list)
}
