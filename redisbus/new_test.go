package redisbus_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// New names what a user of its own lacks, without the password of the user. The rule that it
// suggests is enough.
func TestNewSuggestsRightsForAUser(t *testing.T) {
	redis := redistest.Start(t)
	const all = "&socket.io* +subscribe +unsubscribe +publish +pubsub|numsub +ping +multi +discard"
	for name, c := range map[string]struct {
		rules string
		wants []string
	}{
		"all":                {all, nil},
		"no SUBSCRIBE":       {all + " -subscribe", []string{"may not run SUBSCRIBE"}},
		"no PUBLISH":         {all + " -publish", []string{"may not run PUBLISH"}},
		"no NUMSUB":          {all + " -pubsub|numsub", []string{"may not run PUBSUB", "'pubsub|numsub' command"}},
		"no PING":            {all + " -ping", []string{"may not run PING"}},
		"another prefix":     {strings.Replace(all, "&socket.io*", "&other*", 1), []string{`channel "socket.io#/#"`, `channel "socket.io-go#"`, `channel "socket.io-request#/#"`, "SUBSCRIBE", "PUBLISH"}},
		"no own channels":    {strings.Replace(all, "&socket.io*", "&socket.io#* &socket.io-re*", 1), []string{`channel "socket.io-go#"`}},
		"no response":        {strings.Replace(all, "&socket.io*", "&socket.io#* &socket.io-go* &socket.io-request*", 1), []string{`channel "socket.io-response#/#"`}},
		"only one namespace": {strings.Replace(all, "&socket.io*", "&socket.io#/#* &socket.io-request#/#* &socket.io-response#/#* &socket.io-go#*", 1), nil},
	} {
		t.Run(name, func(t *testing.T) {
			redis.Do("ACL", "DELUSER", "node")
			redis.Do(append([]string{"ACL", "SETUSER", "node", "on", ">secret-of-node", "resetchannels"}, strings.Fields(c.rules)...)...)
			client := rueidis.ClientOption{InitAddress: []string{redis.Addr()}, Username: "node", Password: "secret-of-node"}
			bus, err := redisbus.New(t.Context(), client, redisbus.Options{})
			if len(c.wants) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				_ = bus.Close(t.Context())
				return
			}
			if err == nil {
				t.Fatal("New succeeded")
			}
			text := err.Error()
			for _, want := range append(c.wants, "ACL SETUSER node '&socket.io*' +subscribe") {
				if !strings.Contains(text, want) {
					t.Errorf("the error does not say %q:\n%s", want, text)
				}
			}
			if strings.Contains(text, "secret-of-node") {
				t.Errorf("the error has the password: %s", text)
			}
			_, rules, _ := strings.Cut(text, "ACL SETUSER node ")
			redis.Do(append([]string{"ACL", "SETUSER", "node"}, strings.Fields(strings.ReplaceAll(rules, "'", ""))...)...)
			if bus, err = redisbus.New(t.Context(), client, redisbus.Options{}); err != nil {
				t.Fatalf("after %q: %v", rules, err)
			}
			_ = bus.Close(t.Context())
		})
	}
}

// New fails if an option is invalid, or Redis cannot be reached.
func TestNewFails(t *testing.T) {
	redis := redistest.Start(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	redis.Do("ACL", "SETUSER", "other", "on", ">secret")
	at := func(addr string) rueidis.ClientOption { return rueidis.ClientOption{InitAddress: []string{addr}} }
	for name, c := range map[string]struct {
		ctx    context.Context
		client rueidis.ClientOption
		opts   redisbus.Options
		want   string
	}{
		"no address":       {t.Context(), rueidis.ClientOption{}, redisbus.Options{}, "InitAddress is empty"},
		"RESP2":            {t.Context(), rueidis.ClientOption{InitAddress: []string{redis.Addr()}, AlwaysRESP2: true}, redisbus.Options{}, "AlwaysRESP2"},
		"unknown wire":     {t.Context(), at(redis.Addr()), redisbus.Options{Wire: 99}, "Wire 99"},
		"a negative limit": {t.Context(), at(redis.Addr()), redisbus.Options{MaxQueue: -1}, "MaxQueue"},
		"nothing listens":  {t.Context(), at(closed.Addr().String()), redisbus.Options{}, closed.Addr().String()},
		"no answer":        {short, at(silent.Addr().String()), redisbus.Options{}, silent.Addr().String()},
		"a wrong password": {t.Context(), rueidis.ClientOption{InitAddress: []string{redis.Addr()}, Username: "other", Password: "wrong-secret"}, redisbus.Options{}, "WRONGPASS"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := redisbus.New(c.ctx, c.client, c.opts)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "redisbus: ") || strings.Contains(err.Error(), "wrong-secret") {
				t.Errorf("New: %v, want %q", err, c.want)
			}
			if name == "no answer" && time.Since(began) > 3*time.Second {
				t.Errorf("took %v", time.Since(began))
			}
		})
	}
}

// A Bus belongs to one server, and can be closed without one.
func TestBusBelongsToOneServer(t *testing.T) {
	redis := redistest.Start(t)
	n := start(t, redis.Addr(), redisbus.Options{}, open)
	if _, err := n.bus.Join(func(socketio.Message) {}); err == nil {
		t.Error("a second server has joined")
	}
	if h := n.bus.Health(); !h.Connected || h.Err != nil {
		t.Errorf("health %+v", h)
	}
	_ = n.Close()
	if err := n.bus.Publish(&socketio.Message{Kind: socketio.KindBroadcast, Namespace: "/", To: socketio.Selector{All: true}, Data: []byte(`["e"]`)}); err == nil {
		t.Error("Publish after Close succeeded")
	}
	if h := n.bus.Health(); h.Connected || h.Err == nil {
		t.Errorf("health after Close: %+v", h)
	}
	bus, err := redisbus.New(t.Context(), rueidis.ClientOption{InitAddress: []string{redis.Addr()}}, redisbus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if h := bus.Health(); h.Connected {
		t.Errorf("health before Join: %+v", h)
	}
	if err := bus.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// What was emitted before Shutdown is sent, and the other nodes know at once that the node has left.
func TestShutdownSendsWhatIsQueued(t *testing.T) {
	redis := redistest.Start(t)
	a, b := start(t, redis.Addr(), redisbus.Options{}, open), start(t, redis.Addr(), redisbus.Options{}, open)
	p := b.dial("x")
	inRoom(t, redis, 1, "x")
	const many = 2000
	for i := range many {
		if err := a.To("x").Emit("e", i); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Shutdown(a.ctx); err != nil {
		t.Fatal(err)
	}
	for i := range many {
		e, err := p.Expect(b.ctx, "e")
		var got int
		if err != nil || e.Scan(&got) != nil || got != i {
			t.Fatalf("received %v, %v; want number %d", e, err, i)
		}
	}
	redistest.Eventually(t, "the node has left", func() bool { return len(b.bus.Nodes()) == 0 })
	if took, partial := b.fetch(); took > time.Second || partial != nil {
		t.Errorf("fetched with %v after %v", partial, took)
	}
}
