package redisbus_test

import (
	"fmt"
	"strings"
	"testing"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// Whatever arrives on a channel, the node goes on, and delivers the next message.
func TestPoisonOnEveryChannel(t *testing.T) {
	redis := redistest.Start(t)
	for _, key := range []string{"", "a key of our own nodes"} {
		t.Run(fmt.Sprintf("key %q", key), func(t *testing.T) {
			opts := redisbus.Options{Key: []byte(key)}
			a, b := start(t, redis.Addr(), opts, open), start(t, redis.Addr(), opts, open)
			p := a.dial("x")
			inRoom(t, redis, 1, "x", p.ID())
			id := string(a.bus.ID())
			sent := 0
			for _, channel := range []string{
				"socket.io#/#", "socket.io#/#x#", "socket.io#/#" + p.ID() + "#", "socket.io-request#/#",
				"socket.io-response#/#", "socket.io-response#/#" + id + "#", "socket.io-go#", "socket.io-go#" + id + "#",
			} {
				for _, payload := range poison(id) {
					if redis.Publish(channel, payload) == 0 {
						t.Fatalf("no node hears %s", channel)
					}
					sent++
				}
			}
			if err := b.To("x").Emit("after", sent); err != nil {
				t.Fatal(err)
			}
			expect(t, t.Context(), p, "after", fmt.Sprintf("after(%d)", sent))
			if events := p.Events(); len(events) > 0 {
				t.Errorf("the peer received %q", events)
			}
			if h := a.bus.Health(); h.Ignored == 0 || !h.Connected {
				t.Errorf("health %+v", h)
			}
			if n := len(a.bus.Nodes()); n != 1 {
				t.Errorf("%d other nodes are known: %v", n, a.bus.Nodes())
			}
			if n := strings.Count(a.log.String(), "\n"); n > 70 {
				t.Errorf("logged %d lines", n)
			}
			if infos, err := b.FetchSockets(b.ctx); len(infos) != 1 || err != nil {
				t.Errorf("fetched %v, %v", infos, err)
			}
		})
	}
}

// poison returns payloads that are malformed, or a message that must have no effect.
func poison(id string) []string {
	deep := strings.Repeat("\x91", 100_000)
	list := []string{
		"", "\x00", "garbage", "{", "{}", "[]", "null", "\"", "\xc1", "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff",
		"\x93\xa1x\xc0\xc0", "\x93\xa1x\x80\x80", "\x93\xc0\xc0\xc0", "\x93\x01\x02\x03", deep, "\x93\xa1x\x81\xa4data" + deep, strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000),
		"\x93\xa1x\x82\xa4type\x02\xa4data\x90\x83\xa5rooms\x90\xa6except\x90\xa5flags\x80",          // an event without a name
		"\x93\xa1x\x82\xa4type\x02\xa4data\x91\xa1e\x83\xa5rooms\x91\x80\xa6except\x90\xa5flags\x80", // a room that is an object
		`{"uid":"x","requestId":"1","type":5}`, `{"uid":"x","requestId":"1","type":99,"opts":{}}`, `{"uid":"x","type":"5"}`,
		`{"uid":"x","type":4,"opts":null,"close":true}`, `{"uid":"x","type":4,"opts":{"rooms":[{}]},"close":true}`, `{"uid":"x","type":2,"opts":{"rooms":[],"except":[]},"rooms":null}`,
		`{"requestId":"1","sockets":null}`, `{"requestId":"` + id + `.1","sockets":[{"id":1,"rooms":null,"handshake":7}]}`, `{"type":8,"requestId":"` + id + `.1","clientCount":-1}`,
		`{"type":8,"requestId":"` + id + `.1","clientCount":1e99}`, `{"type":6,"requestId":"` + id + `.9","data":{}}`,
		"1", "1h", "1b", "1q", "1m", "1x{}", "2h{}", `1h{"id":""}`, `1h{"id":"a#b"}`, `1h{"id":7}`, `1b{"id":"` + strings.Repeat("x", 1000) + `"}`, `1h` + strings.Repeat("[", 100_000),
		`1m{}`, `1m{"Kind":6,"Namespace":"/","To":{"All":true}}`, `1m{"Kind":101,"From":"x"}`, `1m{"Kind":8,"From":"x","Request":"1"}`, `1m{"Kind":3,"From":"` + id + `","Namespace":"/","To":{"All":true},"Data":["forged"]}`,
	}
	for i := range 256 {
		list = append(list, string([]byte{byte(i)}), string([]byte{0x93, 0xa1, 'x', byte(i)}), "1m"+string([]byte{byte(i)}))
	}
	return list
}

// Without the key, a client of Redis cannot speak as one of our own nodes.
func TestKeyOfOwnNodes(t *testing.T) {
	redis := redistest.Start(t)
	a := start(t, redis.Addr(), redisbus.Options{Key: []byte("secret")}, open)
	b := start(t, redis.Addr(), redisbus.Options{Key: []byte("another")}, open)
	c := start(t, redis.Addr(), redisbus.Options{Key: []byte("secret")}, open)
	d := start(t, redis.Addr(), redisbus.Options{}, open)
	for n, want := range map[*node]int{a: 1, c: 1, b: 0, d: 0} {
		if nodes := n.bus.Nodes(); len(nodes) != want {
			t.Errorf("node %s knows %v, want %d", n.bus.ID(), nodes, want)
		}
	}
	if !strings.Contains(a.log.String(), "not authenticated") {
		t.Errorf("logged %s", a.log)
	}
}
