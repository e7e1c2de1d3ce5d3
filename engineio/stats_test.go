package engineio

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// expectStats compares all figures once everything has come to rest, and those that are
// expected next with them: want changes the figures of before.
func expectStats(t *testing.T, srv *Server, was *Stats, what string, want func(*Stats)) {
	t.Helper()
	synctest.Wait()
	want(was)
	got := srv.Stats()
	got.ReceivedBytes, got.SentBytes, got.Queued, got.Goroutines = 0, 0, 0, 0 // see TestStatsOfBytes
	if was.Closed == nil {
		was.Closed = map[Reason]uint64{}
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", *was) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, *was)
	}
	*was = got
}

// Each figure of sessions moves with what it counts, and no other one does.
func TestStatsOfSessions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{AllowEIO3: true, Bind: func(*http.Request) string { return "me" }, MaxOutbound: 1000}, nil)
		var was Stats
		expectStats(t, f.srv, &was, "nothing", func(*Stats) {})

		query, c := f.open()
		expectStats(t, f.srv, &was, "a session by polling", func(s *Stats) { s.Opened, s.Polling = 1, 1 })
		answered := f.background("GET", query, "")
		expectStats(t, f.srv, &was, "a poll that waits", func(s *Stats) { s.Requests = 1 })
		_ = c.s.Send(NewMessage([]byte("hello")))
		<-answered
		expectStats(t, f.srv, &was, "its answer", func(s *Stats) { s.Requests = 0 })
		w := f.upgrade(query)
		expectStats(t, f.srv, &was, "an upgrade", func(s *Stats) { s.Polling, s.WebSocket, s.Upgraded = 0, 1, 1 })
		w.close()
		expectStats(t, f.srv, &was, "its end", func(s *Stats) { s.WebSocket, s.Closed[TransportClose] = 0, 1 })

		slow, c := f.openSocket()
		expectStats(t, f.srv, &was, "a session by WebSocket", func(s *Stats) { s.Opened, s.WebSocket = 2, 1 })
		for range 3 {
			_ = c.s.Send(NewMessage(make([]byte, 900)))
		}
		expectStats(t, f.srv, &was, "a peer that does not read", func(s *Stats) { s.WebSocket, s.Closed[SlowPeer] = 0, 1 })
		slow.close()

		old := f.socket("EIO=3&transport=websocket")
		old.read()
		c = <-f.opened
		expectStats(t, f.srv, &was, "a session of Engine.IO 3", func(s *Stats) { s.Opened, s.WebSocket, s.Legacy, s.LegacyWebSocket = 3, 1, 1, 1 })
		c.s.Abort("of the program")
		expectStats(t, f.srv, &was, "its end", func(s *Stats) { s.WebSocket, s.Legacy, s.LegacyWebSocket, s.Closed["of the program"] = 0, 0, 0, 1 })

		_, c = f.open()
		c.s.Close(ForcedClose)
		expectStats(t, f.srv, &was, "a session that closes", func(s *Stats) { s.Opened, s.Polling = 4, 1 })
		_ = f.srv.Close()
		expectStats(t, f.srv, &was, "the server's end", func(s *Stats) { s.Polling, s.Closed[ForcedClose] = 0, 1 })
	})
}

// A poll that is parked is a request until it is answered or lost. Its connection is not.
func TestStatsOfParkedPolls(t *testing.T) {
	onParked(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, nil)
		_, c := f.open()
		conn := f.connect()
		expect := func(n int) {
			t.Helper()
			eventually(t, fmt.Sprint(n, " requests"), func() bool { return f.srv.Stats().Requests == n })
		}
		f.parkPoll(conn, c, "")
		expect(1)
		_ = c.s.Send(NewMessage([]byte("hello")))
		conn.expectResponse("GET", "4hello")
		f.expectParked(1)
		expect(0)
		f.parkPoll(conn, c, "")
		expect(1)
		conn.Close()
		expectEnd(t, c, TransportError)
		expect(0)
	})
}

// Bytes are counted in both directions on both transports, and what waits is counted until it is
// written or dropped.
func TestStatsOfBytes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxOutbound: 5000}, nil)
		var was Stats
		moved := func(what string, received, sent, queued bool) {
			t.Helper()
			synctest.Wait()
			got := f.srv.Stats()
			if got.ReceivedBytes > was.ReceivedBytes+1000 != received || got.SentBytes > was.SentBytes+1000 != sent || got.Queued > 0 != queued {
				t.Errorf("%s: %d bytes received, %d sent, %d queued; before %d, %d, %d", what,
					got.ReceivedBytes, got.SentBytes, got.Queued, was.ReceivedBytes, was.SentBytes, was.Queued)
			}
			was = got
		}
		long := strings.Repeat("x", 1100)
		query, c := f.open()
		moved("a session by polling", false, false, false)
		f.must("POST", query, "4"+long)
		moved("a POST", true, false, false)
		_ = c.s.Send(NewMessage([]byte(long)))
		moved("a message for the next poll", false, false, true)
		f.must("GET", query, "")
		moved("the poll", false, true, false)
		_ = c.s.Send(NewMessage([]byte(long)))
		moved("another message", false, false, true)
		c.s.Abort("of the program")
		moved("the end of the session", false, false, false)

		w, c := f.openSocket()
		w.write("4" + long)
		moved("a frame", true, false, false)
		_ = c.s.Send(NewMessage([]byte(long)))
		moved("a message that is not read", false, false, true)
		if n := f.srv.Stats().Goroutines; n < 2 {
			t.Errorf("%d goroutines read and write", n)
		}
		w.read()
		moved("a message that is read", false, true, false)
		for range 3 {
			_ = c.s.Send(NewMessage([]byte(long)))
			synctest.Wait() // so that the first one is being written while the others wait
		}
		moved("a slow peer", false, false, true)
		c.s.Abort("of the program")
		moved("its end", false, false, false)
		w.close()
	})
}

// Each refusal is counted once, for its cause.
func TestStatsOfRefusals(t *testing.T) {
	var bind string
	for name, c := range map[string]struct {
		opts    Options
		hook    onOpen
		prepare func(f *fixture)
		query   string
		headers []string
		want    Refused
	}{
		"origin": {query: pollingQuery, headers: []string{"Origin", "https://evil.example"}, want: Refused{Origin: 1}},
		"allow": {
			opts:  Options{Allow: func(*http.Request) error { return errors.New("of the test") }},
			query: pollingQuery, want: Refused{Allow: 1},
		},
		"address": {
			opts:    Options{MaxNewPerAddress: 1},
			prepare: func(f *fixture) { f.open("Peer", "192.0.2.1:1") },
			query:   pollingQuery, headers: []string{"Peer", "192.0.2.1:2"}, want: Refused{Address: 1},
		},
		"full": {
			opts:    Options{MaxSessions: 1},
			prepare: func(f *fixture) { f.open() },
			query:   pollingQuery, want: Refused{Full: 1},
		},
		"shutdown": {prepare: func(f *fixture) { _ = f.srv.Close() }, query: pollingQuery, want: Refused{Full: 1}},
		"layer":    {hook: func(*recorder, *http.Request) Conn { return nil }, query: pollingQuery, want: Refused{Layer: 1}},
		"layer, by WebSocket": {
			hook:    func(*recorder, *http.Request) Conn { return nil },
			prepare: func(f *fixture) { f.socket(socketQuery).close() }, query: pollingQuery, want: Refused{Layer: 2},
		},
		"unbound": {
			opts:  Options{AllowEIO3: true, Bind: func(*http.Request) string { return bind }},
			query: "EIO=3&transport=polling", want: Refused{Unbound: 1},
		},
		"session":   {query: pollingQuery + "&sid=AAAAAAAAAAAAAAAAAAAAAA", want: Refused{UnknownSession: 1}},
		"transport": {query: "EIO=4&transport=carrier", want: Refused{Invalid: 1}},
		"protocol":  {query: "EIO=5&transport=polling", want: Refused{Invalid: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, c.opts, c.hook, fromHeader)
				if c.prepare != nil {
					c.prepare(f)
				}
				f.must("GET", c.query, "", c.headers...)
				synctest.Wait()
				got := f.srv.Stats()
				if got.Refused != c.want {
					t.Errorf("got %+v, want %+v", got.Refused, c.want)
				}
				if c.want.Layer > 0 && (got.Opened > 0 || len(got.Closed) > 0) {
					t.Errorf("a session that was not opened is counted: %+v", got)
				}
			})
		})
	}
}

// Sessions that many goroutines open and end at once are all counted, also while others read the
// figures.
func TestStatsAreConcurrent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for range 10 {
					if a, err := f.do(t.Context(), "GET", pollingQuery, ""); err != nil || a.status != 200 {
						t.Errorf("handshake: %d %q, %v", a.status, a.body, err)
						return
					}
					c := <-f.opened
					f.srv.Stats()
					c.s.Abort(ForcedClose)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		got := f.srv.Stats()
		if want := map[Reason]uint64{ForcedClose: 200}; got.Opened != 200 || got.Polling != 0 || !maps.Equal(got.Closed, want) {
			t.Errorf("%+v", got)
		}
	})
}
