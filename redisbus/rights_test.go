package redisbus_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// New says which right is missing. See redis-adapter#513: Node's process ends later.
func TestNewNamesMissingRightsOnEachWire(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		s := ""
		if p.opts.Wire == redisbus.Sharded {
			s = "s"
		}
		for _, test := range []struct {
			rules []string
			want  []string
		}{
			{[]string{"-" + s + "subscribe"}, []string{"may not run " + strings.ToUpper(s) + "SUBSCRIBE"}},
			{[]string{"-" + s + "publish"}, []string{"may not run " + strings.ToUpper(s) + "PUBLISH"}},
			{[]string{"-pubsub"}, []string{"may not run PUBSUB"}},
			{[]string{"resetchannels", "&socket.io#*", "&socket.io-re*"}, []string{`channel "socket.io-go#`}},
			{[]string{"resetchannels", "&socket.io-*"}, []string{`channel "socket.io#/#`}},
			{[]string{"resetchannels"}, []string{`channel "socket.io#/#`, `channel "socket.io-go#`}},
		} {
			redis := p.servers[0]
			redis.Do(append([]string{"ACL", "SETUSER", "default", "reset", "on", "nopass", "+@all", "~*", "&*"}, test.rules...)...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			bus, err := redisbus.New(ctx, p.client, p.opts)
			cancel()
			if err == nil {
				_ = bus.Close(t.Context())
				t.Errorf("%v: New has no error", test.rules)
				continue
			}
			for _, want := range append(test.want, "ACL SETUSER default ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v: the error does not say %q:\n%v", test.rules, want, err)
				}
			}
		}
	})
}

// The rights that New says are enough are enough.
func TestRightsThatNewAsksForAreEnough(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		redis := p.servers[0]
		redis.Do("ACL", "SETUSER", "default", "reset", "on", "nopass")
		_, err := redisbus.New(t.Context(), p.client, p.opts)
		if err == nil {
			t.Fatal("New has no error")
		}
		_, rules, _ := strings.Cut(err.Error(), "ACL SETUSER default ")
		redis.Do(append([]string{"ACL", "SETUSER", "default"}, strings.Fields(strings.ReplaceAll(rules, "'", ""))...)...)
		s := startStream(t, p)
		if _, err := s.from.FetchSockets(s.from.ctx); err != nil {
			t.Error(err)
		}
		s.finish()
		if h := s.from.Stats().Bus; !h.Connected {
			t.Errorf("health %+v", h)
		}
	})
}

// All rights are taken away while the nodes run, and then the right to publish only.
func TestRightsTakenAway(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		redis := p.servers[0]
		s := startStream(t, p)
		redis.Do("ACL", "SETUSER", "default", "resetchannels")
		s.connected(false)
		s.local(100)
		redistest.Eventually(t, "the reason", func() bool {
			err := s.to.Stats().Bus.Err
			return err != nil && strings.Contains(err.Error(), "NOPERM")
		})
		redis.Do("ACL", "SETUSER", "default", "allchannels")
		s.connected(true)
		s.gaps(1)
		settle(t, p, 2, roomChannel)
		s.progress()
		redis.Do("ACL", "SETUSER", "default", "-publish", "-spublish")
		s.connected(false)
		s.local(100)
		redis.Do("ACL", "SETUSER", "default", "+publish", "+spublish")
		s.connected(true)
		s.finish()
	})
}
