package redisbus_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func newEmitter(t testing.TB, redis *redistest.Server, opts redisbus.EmitterOptions) *redisbus.Emitter {
	t.Helper()
	e, err := redisbus.NewEmitter(t.Context(), rueidis.ClientOption{InitAddress: []string{redis.Addr()}}, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// What an emitter sends has its effect on the sockets of all nodes.
func TestEmitter(t *testing.T) { everywhere(t, testEmitter) }

func testEmitter(t *testing.T, redis *place) {
	heard := make(chan string, 10)
	setup := func(srv *socketio.Server) {
		open(srv)
		join(srv.Of("/admin").Open().Mux)
		srv.OnServerSide("hello", func(_ context.Context, e *socketio.ServerSideEvent) (any, error) {
			var text string
			var data []byte
			err := e.Scan(&text, &data)
			heard <- fmt.Sprint(text, " ", data, " of ", e.Node)
			return nil, err
		})
	}
	addr := redis.servers[0].Addr()
	a, b := start(t, addr, redis.opts, setup), start(t, addr, redis.opts, setup)
	x, y := a.dial("x", "both"), b.dial("y", "both")
	admin := b.dialTo("/admin")
	inRoom(t, redis, 2, "both")
	inRoom(t, redis, 1, "x", "y")
	e := newEmitter(t, redis.servers[0], redisbus.EmitterOptions{Wire: redis.opts.Wire})
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	next := func(p *sockettest.Peer, want string) {
		t.Helper()
		if received, err := p.Next(a.ctx); err != nil || fmt.Sprint(received) != want {
			t.Errorf("received %v, %v; want %s", received, err, want)
		}
	}
	do(e.Emit(a.ctx, "all", 1.5, []byte("bin"), nil))
	for _, p := range []*sockettest.Peer{x, y} {
		received, err := p.Next(a.ctx)
		var n float64
		var data []byte
		if err != nil || received.Scan(&n, &data) != nil || n != 1.5 || string(data) != "bin" {
			t.Errorf("received %v, %v", received, err)
		}
	}
	do(e.To("x", "x").Emit(a.ctx, "to x"))
	next(x, "to x()")
	do(e.To("both").Except(x.ID()).Volatile().Emit(a.ctx, "to y"))
	next(y, "to y()")
	do(e.Of("admin").Emit(a.ctx, "to admin"))
	next(admin, "to admin()")
	do(e.Emit(a.ctx, "all again"))
	next(x, "all again()")
	next(y, "all again()")

	do(e.To("x").SocketsJoin(a.ctx, "new"))
	inRoom(t, redis, 1, "new")
	do(e.To("new").SocketsLeave(a.ctx, "new"))
	inRoom(t, redis, 0, "new")
	do(e.ServerSideEmit(a.ctx, "hello", "w", []byte{7}))
	for range 2 {
		if got := <-heard; got != "w [7] of emitter" {
			t.Errorf("heard %q", got)
		}
	}
	do(e.To("y").DisconnectSockets(a.ctx, &socketio.Ending{Event: "bye", Args: []any{"now"}}))
	next(y, `bye("now")`)
	inRoom(t, redis, 0, "y")
}

func TestEmitterModes(t *testing.T) {
	redis := redistest.Start(t)
	const id = "eSC5ssmxsiQFi66JAAAA"
	for mode, want := range map[redisbus.Mode]string{redisbus.Dynamic: "socket.io#/#", redisbus.DynamicPrivate: "socket.io#/#" + id + "#", redisbus.Static: "socket.io#/#"} {
		recorder := redis.ShardSubscribe(want)
		e := newEmitter(t, redis, redisbus.EmitterOptions{Wire: redisbus.Sharded, Mode: mode})
		if err := e.To(id).Emit(t.Context(), "e"); err != nil {
			t.Error(err)
		}
		if m := recorder.Next(); m.Channel != want {
			t.Errorf("mode %d: sent to %s, want %s", mode, m.Channel, want)
		}
		recorder.Close()
	}
}

// TestEmitterSendsWhatNodesDoes compares with what @socket.io/redis-emitter 5.1.0 sends, byte by
// byte.
func TestEmitterSendsWhatNodesDoes(t *testing.T) {
	redis := redistest.Start(t)
	recorder := redis.SubscribePattern("socket.io*")
	defer recorder.Close()
	e := newEmitter(t, redis, redisbus.EmitterOptions{})
	ctx := t.Context()
	steps := map[string]error{
		"emitter emit":        e.Emit(ctx, "e", 1),
		"emitter binary":      e.Emit(ctx, "e", []byte{1}, map[string]any{"a": 1.5}),
		"emitter room":        e.To("r1").To("r1").Emit(ctx, "e"),
		"emitter rooms":       e.To("r1", "r2").Except("r3").Volatile().Emit(ctx, "e", "x"),
		"emitter admin":       e.Of("admin").Emit(ctx, "e"),
		"emitter join":        e.To("r1").SocketsJoin(ctx, "r7"),
		"emitter leave":       e.To("r1").Except("r2").SocketsLeave(ctx, "r7", "r8"),
		"emitter server side": e.ServerSideEmit(ctx, "hello", "w"),
		"emitter disconnect":  e.To("r9").DisconnectSockets(ctx, &socketio.Ending{WholeConnection: true}),
	}
	sent := make(map[string]bool)
	for range steps {
		m := recorder.Next()
		sent[m.Channel+" "+hex.EncodeToString([]byte(m.Payload))] = true
	}
	recorded, err := os.ReadFile("internal/wire/testdata/classic.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(recorded) {
		var c struct{ Step, Channel, JSON, Hex string }
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		err, ok := steps[c.Step]
		if !ok {
			continue
		}
		if want := c.Channel + " " + c.Hex + hex.EncodeToString([]byte(c.JSON)); err != nil || !sent[want] {
			t.Errorf("%s: %v; want %s %s%s", c.Step, err, c.Channel, c.JSON, c.Hex)
		}
		delete(steps, c.Step)
	}
	if len(steps) > 0 {
		t.Errorf("not recorded: %v", steps)
	}
}

// An empty list of rooms selects no socket, although it would select all on the wire.
func TestEmitterToNobody(t *testing.T) {
	redis := redistest.Start(t)
	e := newEmitter(t, redis, redisbus.EmitterOptions{})
	ctx := t.Context()
	redis.ResetCalls()
	for _, err := range []error{e.To().Emit(ctx, "e"), e.To().SocketsJoin(ctx, "r"), e.To().DisconnectSockets(ctx, nil), e.Except("a").To().SocketsLeave(ctx, "r")} {
		if err != nil {
			t.Error(err)
		}
	}
	if n := redis.Calls("publish"); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

func TestEmitterRefuses(t *testing.T) {
	redis := redistest.Start(t)
	e := newEmitter(t, redis, redisbus.EmitterOptions{})
	for _, name := range []string{"", "connect", "disconnect"} {
		if err := e.Emit(t.Context(), name); !errors.Is(err, socketio.ErrEventName) {
			t.Errorf("event %q: %v", name, err)
		}
		if err := e.ServerSideEmit(t.Context(), name); !errors.Is(err, socketio.ErrEventName) {
			t.Errorf("server-side event %q: %v", name, err)
		}
	}
	if err := e.Emit(t.Context(), "e", func() {}); err == nil {
		t.Error("a function was sent")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Emit(ended, "e"); !errors.Is(err, context.Canceled) {
		t.Errorf("context that has ended: %v", err)
	}
	redis.Freeze()
	within, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := e.Emit(within, "e"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("frozen Redis: %v", err)
	}
	redis.Thaw()
	redis.Stop()
	if err := e.Emit(t.Context(), "e"); err == nil {
		t.Error("Redis is stopped, and the event was sent")
	}
	redis.Restart()
	if err := e.Emit(t.Context(), "e"); err != nil {
		t.Errorf("Redis is back: %v", err)
	}
}

func TestNewEmitterSaysWhatIsMissing(t *testing.T) {
	redis := redistest.Start(t)
	redis.Do("ACL", "SETUSER", "mute", "on", ">secret", "&socket.io*", "+hello", "+ping", "+multi", "+discard")
	redis.Do("ACL", "SETUSER", "elsewhere", "on", ">secret", "&other*", "+publish", "+hello", "+ping", "+multi", "+discard")
	redis.Do("ACL", "SETUSER", "enough", "on", ">secret", "&socket.io*", "+publish", "+hello", "+multi", "+discard")
	redis.Do("ACL", "SETUSER", "keyless", "on", ">secret", "&socket.io*", "~other*", "+publish", "+hello", "+multi", "+discard", "+xadd")
	redis.Do("ACL", "SETUSER", "streams", "on", ">secret", "&socket.io*", "~socket.io*", "+publish", "+hello", "+multi", "+discard", "+xadd")
	as := func(user string) rueidis.ClientOption {
		return rueidis.ClientOption{InitAddress: []string{redis.Addr()}, Username: user, Password: "secret"}
	}
	for _, c := range []struct {
		name   string
		client rueidis.ClientOption
		opts   redisbus.EmitterOptions
		want   []string
	}{
		{"no address", rueidis.ClientOption{}, redisbus.EmitterOptions{}, []string{"InitAddress is empty"}},
		{"nothing listens", rueidis.ClientOption{InitAddress: []string{"127.0.0.1:1"}}, redisbus.EmitterOptions{}, []string{"connect to Redis at 127.0.0.1:1"}},
		{"unknown wire", rueidis.ClientOption{InitAddress: []string{redis.Addr()}}, redisbus.EmitterOptions{Wire: 77}, []string{"77"}},
		{"no command", as("mute"), redisbus.EmitterOptions{}, []string{"may not run PUBLISH", "ACL SETUSER mute '&socket.io*' +publish"}},
		{"no channel", as("elsewhere"), redisbus.EmitterOptions{}, []string{`may not PUBLISH channel "socket.io#/#"`}},
		{"other prefix", as("elsewhere"), redisbus.EmitterOptions{Prefix: "other"}, nil},
		{"enough", as("enough"), redisbus.EmitterOptions{}, nil},
		{"no command for streams", as("enough"), redisbus.EmitterOptions{Wire: redisbus.Streams}, []string{"may not run XADD", "ACL SETUSER enough '~socket.io*' +xadd '&socket.io*' +publish"}},
		{"no key", as("keyless"), redisbus.EmitterOptions{Wire: redisbus.Streams}, []string{`may not use key "socket.io"`}},
		{"enough for streams", as("streams"), redisbus.EmitterOptions{Wire: redisbus.Streams}, nil},
		{"option of another wire", as("enough"), redisbus.EmitterOptions{Streams: 2}, []string{"for the streams wire"}},
	} {
		e, err := redisbus.NewEmitter(t.Context(), c.client, c.opts)
		if c.want == nil {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			e.Close()
			continue
		}
		if err == nil {
			t.Errorf("%s: no error", c.name)
			e.Close()
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v; want %q", c.name, err, part)
			}
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the password is in the error: %v", c.name, err)
		}
	}
}
