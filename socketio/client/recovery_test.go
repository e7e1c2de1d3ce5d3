package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
)

// recovering runs test on each transport against a server that recovers sessions.
func recovering(t *testing.T, test func(f *fixture, opts client.Options)) {
	for name, list := range transports {
		t.Run(name, func(t *testing.T) {
			bubbleWith(t, socketio.Options{Recovery: &socketio.Recovery{}}, func(srv *socketio.Server) {
				echo(srv)
				srv.Of("/").Use(func(_ context.Context, s *socketio.Socket) error {
					s.SetRecoveryKey("user")
					return nil
				})
			}, func(f *fixture) { test(f, client.Options{Transports: list}) })
		})
	}
}

// pingTime is after how long a server notices that a client does not poll any more.
const pingTime = time.Minute

// news emits an event of a server to all of "/", and waits until the clients have it.
func (f *fixture) news(n int) {
	f.t.Helper()
	if err := f.srv.Emit("news", n, []byte("x")); err != nil {
		f.t.Fatal(err)
	}
	synctest.Wait()
}

// expectNews receives the events that news has sent.
func (f *fixture) expectNews(s *client.Socket, numbers ...int) {
	f.t.Helper()
	for _, want := range numbers {
		var n int
		if f.expect(s, "news", &n); n != want {
			f.t.Errorf("received %d, want %d", n, want)
		}
	}
}

// After a lost connection the socket is the same, and Receive returns each missed event once,
// before EventConnect.
func TestRecovery(t *testing.T) {
	recovering(t, func(f *fixture, opts client.Options) {
		opts.Auth = func(context.Context, string) (any, error) { return map[string]int64{"n": 1<<53 + 1}, nil }
		var payload atomic.Pointer[string]
		opts.Trace = func(sent bool, data []byte, _ bool) {
			if text, ok := strings.CutPrefix(string(data), "0"); ok && sent {
				payload.Store(&text)
			}
		}
		s := f.join(f.dial(opts), "/")
		f.expect(s, client.EventConnect)
		if s.Recovered() {
			f.t.Error("the first connection is recovered")
		}
		id := s.ID()
		f.news(1)
		f.expectNews(s, 1)
		for n := 2; n < 5; n++ { // the last offset can be one of a missed event
			f.cut(true)
			f.news(10 * n)
			time.Sleep(pingTime)
			f.news(10*n + 1)
			f.expect(s, client.EventDisconnect, new(string))
			f.cut(false)
			f.expectNews(s, 10*n, 10*n+1)
			f.expect(s, client.EventConnect)
			if !s.Recovered() || s.ID() != id {
				f.t.Errorf("recovered %t, id %q, want %q", s.Recovered(), s.ID(), id)
			}
			if got := *payload.Load(); !strings.Contains(got, `"n":9007199254740993,"offset":"`) {
				f.t.Errorf("auth payload %s", got)
			}
		}
		f.ask(s)
		f.expect(s, "echo")
		f.news(5)
		f.expectNews(s, 5)
	})
}

// A session that the server has forgotten is not continued, and the next one can be recovered.
func TestRecoveryTooLate(t *testing.T) {
	recovering(t, func(f *fixture, opts client.Options) {
		s := f.join(f.dial(opts), "/")
		f.expect(s, client.EventConnect)
		f.news(1)
		f.expectNews(s, 1)
		id := s.ID()
		f.cut(true)
		f.news(2)
		time.Sleep(3 * time.Minute)
		f.cut(false)
		f.expect(s, client.EventDisconnect, new(string))
		f.expect(s, client.EventConnect)
		if s.Recovered() || s.ID() == id {
			f.t.Errorf("recovered %t, id %q again", s.Recovered(), s.ID())
		}
		synctest.Wait()
		f.cut(true)
		f.news(3)
		time.Sleep(pingTime)
		f.cut(false)
		f.expect(s, client.EventDisconnect, new(string))
		f.expectNews(s, 3)
		f.expect(s, client.EventConnect)
		if !s.Recovered() {
			f.t.Error("not recovered")
		}
	})
}

// A socket that was joined again after Leave begins anew.
func TestRecoveryAfterLeave(t *testing.T) {
	recovering(t, func(f *fixture, opts client.Options) {
		c := f.dial(opts)
		s := f.join(c, "/")
		f.news(1)
		_ = s.Leave()
		s = f.join(c, "/")
		f.expect(s, client.EventConnect)
		if s.Recovered() {
			f.t.Error("recovered")
		}
	})
}

// asked returns the auth payloads of a client whose connection is lost after lines.
func asked(t *testing.T, lines []string) (payloads []string) {
	t.Helper()
	play(t, lines, func(f *fixture) {
		c := f.dial(client.Options{Trace: func(sent bool, data []byte, _ bool) {
			if text, ok := strings.CutPrefix(string(data), "0"); sent && ok {
				payloads = append(payloads, text)
			}
		}})
		f.join(c, "/")
		synctest.Wait()
		f.cut(false)
		time.Sleep(2 * time.Second)
	})
	return payloads
}

// The client sends back only what can be the id of a session and an offset.
func TestWhatIsAnOffset(t *testing.T) {
	const recoverable = `0{"sid":"s","pid":"p"}`
	long := strings.Repeat("x", 200)
	for _, test := range []struct{ lines, want string }{
		{recoverable, `{"pid":"p"}`},
		{recoverable + ` 2["news","a"]`, `{"offset":"a","pid":"p"}`},
		{recoverable + ` 2["news","a"] 2["news",{}] 2["news"] 2["news",""] 2["news",7]`, `{"offset":"a","pid":"p"}`},
		{recoverable + ` 2["news","a"] 2["news","` + long + `"]`, `{"offset":"a","pid":"p"}`},
		{recoverable + ` 2["news","a","\u0062"]`, `{"offset":"b","pid":"p"}`},
		{`0{"sid":"s","pid":"` + long + `"} 2["news","a"]`, ``},
		{`0{"sid":"s"} 2["news","a"]`, ``},
	} {
		if got := asked(t, strings.Split(test.lines, " ")); len(got) != 2 || got[0] != "" || got[1] != test.want {
			t.Errorf("after %s: payloads %q, want %q", test.lines, got, test.want)
		}
	}
}

// Events before the answer to CONNECT count as events that wait for Receive do. They are dropped
// if the server refuses the socket, or begins another session.
func TestHostileRecovery(t *testing.T) {
	const recoverable = `0{"sid":"s","pid":"p"}`
	missed := `2["missed",1]`
	flood := make([]string, 0, 100)
	for range 100 {
		flood = append(flood, `2["missed","`+strings.Repeat("x", 100)+`"]`)
	}
	for name, test := range map[string]struct {
		second []string
		want   string
	}{
		"recovered":             {[]string{missed, recoverable}, "connect disconnect missed connect"},
		"another session":       {[]string{missed, `0{"sid":"s","pid":"q"}`, `2["new"]`}, "connect disconnect connect new"},
		"no session":            {[]string{missed, `0{"sid":"s"}`, `2["new"]`}, "connect disconnect connect new"},
		"refused":               {[]string{missed, `4{"message":"no"}`}, "connect disconnect refused"},
		"refused for a while":   {[]string{missed, `4{"message":"no","data":{"temporary":true}}`}, "connect disconnect"},
		"ended":                 {[]string{missed, `1`}, "connect disconnect disconnected"},
		"too much":              {flood, "connect disconnect slow"},
		"no answer":             {[]string{missed}, "connect disconnect"},
		"a malformed answer":    {[]string{missed, `0{}`}, "connect disconnect"},
		"acknowledgement early": {[]string{`30[]`, missed, recoverable}, "connect disconnect missed connect"},
	} {
		t.Run(name, func(t *testing.T) {
			playInTurn(t, [][]string{{recoverable}, test.second}, func(f *fixture) {
				c := f.dial(client.Options{MaxPending: 10_000})
				s := f.join(c, "/")
				synctest.Wait()
				f.cut(false)
				if got := f.story(s); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		})
	}
}

// story receives for 3 seconds.
func (f *fixture) story(s *client.Socket) string {
	var story []string
	ctx, cancel := context.WithTimeout(f.ctx, 3*time.Second)
	defer cancel()
	for {
		e, err := s.Receive(ctx)
		var refused *client.ConnectError
		switch {
		case err == nil:
			story = append(story, e.Name)
			continue
		case errors.As(err, &refused):
			story = append(story, "refused")
		case errors.Is(err, client.ErrDisconnected):
			story = append(story, "disconnected")
		case errors.Is(err, client.ErrSlow):
			story = append(story, "slow")
		case !errors.Is(err, context.DeadlineExceeded):
			story = append(story, fmt.Sprint(err))
		}
		return strings.Join(story, " ")
	}
}

// The pid is a secret of the session, and not in the log.
func TestThePidIsNotInTheLog(t *testing.T) {
	playInTurn(t, [][]string{{`0{"sid":"s","pid":"secret"}`}, {`4{"message":"no"}`}}, func(f *fixture) {
		var log bytes.Buffer
		s := f.join(f.dial(client.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}), "/")
		synctest.Wait()
		f.cut(false)
		f.story(s)
		if log.Len() == 0 || strings.Contains(log.String(), "secret") {
			t.Errorf("log: %s", log.String())
		}
	})
}
