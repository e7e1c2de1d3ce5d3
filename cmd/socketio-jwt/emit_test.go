package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/socketio/sockettest"
)

// The sockets of all nodes that emit selects hear the event.
func TestEmit(t *testing.T) {
	for wire := range wires {
		t.Run(wire, func(t *testing.T) { testEmit(t, wire) })
	}
}

func testEmit(t *testing.T, wire string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	redis := redistest.Start(t)
	nodes := startNodes(t, redis, 2, "--redis-wire", wire)
	compact := nodes[0].login("ada")
	a, b := nodes[0].enter(ctx, "/", compact), nodes[1].enter(ctx, "/", compact)
	admin := nodes[1].enter(ctx, "/admin", compact)
	sayTo(ctx, t, "hello", a, a, b) // so that each node hears the other
	subscribed := func(n int, channel string) {
		t.Helper()
		redistest.Eventually(t, "subscriptions to "+channel, func() bool { return redis.Subscribers(channel)+redis.ShardSubscribers(channel) == n })
	}
	subscribed(2, "socket.io#/admin#")
	if wire != "streams" { // which has no channels of rooms
		subscribed(1, "socket.io#/#"+a.ID()+"#")
		subscribed(1, "socket.io#/#"+b.ID()+"#")
	}
	t.Setenv("SOCKETIO_JWT_REDIS", "redis://"+redis.Addr())
	t.Setenv("SOCKETIO_JWT_REDIS_WIRE", wire)
	next := func(p *sockettest.Peer, wanted ...string) {
		t.Helper()
		for _, want := range wanted {
			if e, err := p.Next(ctx); err != nil || fmt.Sprint(e) != want {
				t.Errorf("received %v, %v; want %s", e, err, want)
			}
		}
	}
	emit := func(stdin string, args ...string) {
		runWith(t, stdin, append([]string{"emit"}, args...)...).want(t, exitGood, "sent", "")
	}

	emit("", "--", "all", `"text"`, `{"a": [1.5,null,true]}`, "-3")
	emit(" {\"from\": \"input\"}\n", "--volatile", "--except="+a.ID(), "not-a", "-")
	emit("", "--room="+a.ID(), "--room", "a,b", "only-a", "--json")
	emit("", "--namespace", "/admin", "in-admin")
	emit("", "end")
	all, end := `all("text", {"a":[1.5,null,true]}, -3)`, `end()`
	next(a, all, `only-a()`, end)
	next(b, all, `not-a({"from":"input"})`, end)
	next(admin, `in-admin()`)
}

func TestEmitWithAPrefix(t *testing.T) {
	redis := redistest.Start(t)
	elsewhere := redis.Subscribe("other#/#")
	defer elsewhere.Close()
	node := redis.Subscribe("other-request#/#")
	defer node.Close()
	runWith(t, "", "emit", "--redis", "redis://"+redis.Addr(), "--redis-prefix", "other", "--volatile", "e").want(t, exitGood, "sent", "")
	if m := elsewhere.Next(); !strings.Contains(m.Payload, "volatile") {
		t.Errorf("sent %q", m.Payload)
	}
}

// An event that no node hears is an error, and so is one on the wire of no node.
func TestEmitThatIsNotHeard(t *testing.T) {
	redis := redistest.Start(t)
	n := startNodes(t, redis, 1, "--redis-wire", "sharded")[0]
	for _, test := range []struct {
		args  []string
		heard bool
	}{
		{[]string{"--redis-wire", "sharded"}, true},
		{[]string{"--redis-wire", "sharded", "--namespace", "/admin"}, true},
		{[]string{"--redis-wire", "sharded", "--namespace", "/none"}, false},
		{[]string{"--redis-wire", "sharded", "--redis-prefix", "other"}, false},
		{[]string{"--redis-wire", "classic"}, false},
		{[]string{"--redis-wire", "streams"}, false},
	} {
		o := runWith(t, "", append([]string{"emit", "--redis", "redis://" + redis.Addr(), "e"}, test.args...)...)
		if test.heard {
			o.want(t, exitGood, "sent", "")
		} else {
			o.want(t, exitFailed, "", "no node hears it")
		}
	}
	n.stop()
}

func TestEmitRefuses(t *testing.T) {
	redis := redistest.Start(t)
	redis.Do("ACL", "SETUSER", "mute", "on", ">password", "&socket.io*", "+hello")
	address := "redis://" + redis.Addr()
	for _, test := range []struct {
		args []string
		says string
	}{
		{nil, `missing argument "<event>"`},
		{[]string{"e"}, "SOCKETIO_JWT_REDIS"},
		{[]string{"--redis", "localhost", "e"}, "--redis must be a URL"},
		{[]string{"--redis", "redis://127.0.0.1:1", "e"}, "connect to Redis at 127.0.0.1:1"},
		{[]string{"--redis", "redis://mute:password@" + redis.Addr(), "e"}, "may not run PUBLISH"},
		{[]string{"--redis", address, "--redis-wire", "telepathy", "e"}, "--redis-wire must be one of"},
		{[]string{"--redis", address, "--namespace", "admin", "e"}, "begins with a slash"},
		{[]string{"--redis", address, "--timeout", "0s", "e"}, "--timeout must be positive"},
		{[]string{"--redis", address, "connect"}, "event name is empty or reserved"},
		{[]string{"--redis", address, "e", "1", "hello"}, "argument 2 of the event is not JSON"},
		{[]string{"--redis", address, "e", `{"a":1} x`}, "argument 1 of the event is not JSON"},
		{[]string{"--redis", address, "e", "-"}, "argument 1 of the event is not JSON"},
	} {
		runWith(t, " ", append([]string{"emit"}, test.args...)...).want(t, exitFailed, "", test.says)
	}
	runWith(t, "1", "emit", "--redis", address, "e", "-", "-").want(t, exitFailed, "", "only one argument")
	redis.Freeze()
	defer redis.Thaw()
	runWith(t, "", "emit", "--redis", address, "--timeout", "200ms", "e").want(t, exitFailed, "", "did not answer within --timeout")
}
