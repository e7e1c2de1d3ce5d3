package socketio_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
)

// quiet returns a logger into l without lines of level Debug.
func quiet(l *logged) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// An event that no handler wants is counted, and the events around it are handled in order. Anything that
// the program has registered for such events still sees them.
func TestEventWithoutAHandler(t *testing.T) {
	var ran record
	var log logged
	note := func(what string) socketio.Handler {
		return func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			ran.add(what + " " + e.Name())
			return nil
		}
	}
	for _, c := range []struct {
		name  string
		opts  socketio.Options
		setup func(srv *socketio.Server)
		want  string
	}{
		{"nothing", socketio.Options{Logger: quiet(&log)}, func(*socketio.Server) {}, "known a,known b"},
		{"debug log", socketio.Options{Logger: log.logger()}, func(*socketio.Server) {}, "known a,known b"},
		{"HandleAny", socketio.Options{Logger: quiet(&log)}, func(srv *socketio.Server) { srv.HandleAny(note("any")) },
			"known a,any unknown,any 7,known b"},
		{"Wrap", socketio.Options{Logger: quiet(&log)}, func(srv *socketio.Server) {
			srv.Wrap(func(next socketio.Handler) socketio.Handler {
				return func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
					ran.add("wrapped " + e.Name())
					return next(ctx, s, e)
				}
			})
		}, "wrapped a,known a,wrapped unknown,wrapped 7,wrapped b,known b"},
		{"Intercept", socketio.Options{Logger: quiet(&log)}, func(srv *socketio.Server) {
			srv.Use(func(_ context.Context, s *socketio.Socket) error {
				return s.Intercept("unknown", func(context.Context, *socketio.Socket, *socketio.Event) error {
					ran.add("intercepted")
					return nil
				})
			})
		}, "known a,intercepted,known b"},
	} {
		ran, log = record{}, logged{}
		bubble(t, c.opts, func(srv *socketio.Server) {
			srv.Open()
			srv.Handle("a", note("known"))
			srv.Handle("b", note("known"))
			c.setup(srv)
		}, func(f *fixture) {
			path := f.pollingSession()
			for _, packet := range []string{"40", `42["a"]`, `42["unknown",1]`, `427["7"]`, `42["b"]`} {
				f.post(path, packet)
				synctest.Wait() // an intercepted event may overtake others
			}
			if got := strings.Join(ran.all(), ","); got != c.want {
				t.Errorf("%s: ran %q, want %q", c.name, got, c.want)
			}
			if got := f.srv.Stats().Received; got != 4 {
				t.Errorf("%s: %d events counted, want 4", c.name, got)
			}
			if got, want := log.count("no handler for event") > 0, c.name == "debug log"; got != want {
				t.Errorf("%s: logged %v, want %v", c.name, got, want)
			}
		})
	}
}

// An Observer is told about events without a handler.
func TestObserverOfAnEventWithoutAHandler(t *testing.T) {
	w := new(watcher)
	var log logged
	bubble(t, socketio.Options{Logger: quiet(&log), Observer: w}, open, func(f *fixture) {
		path := f.pollingSession()
		f.post(path, "40")
		synctest.Wait()
		f.post(path, `42["unknown"]`)
		synctest.Wait()
		if told := strings.Join(w.all(), "\n"); !strings.Contains(told, "handle / ") {
			t.Errorf("told %q", told)
		}
	})
}

// A packet that breaks the protocol closes the connection also if its event has no handler.
func TestMalformedEventWithoutAHandler(t *testing.T) {
	for packet, closed := range map[string]bool{
		`42["unknown",{"a":[1]}]`: false,
		`42["unknown",]`:          true,
		`42["unknown"`:            true,
		`42["unknown"]]`:          true,
		`42["unknown",` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `]`: true,
		`42["disconnect"]`:                        true,
		`42["` + strings.Repeat("x", 1000) + `"]`: true,
		`42["` + strings.Repeat("x", 100) + `"]`:  false,
		`42[]`:                                    true,
		`42[null]`:                                true,
		`42[17]`:                                  false,
		`42/other,["unknown"]`:                    true,
	} {
		var log logged
		bubble(t, socketio.Options{Logger: quiet(&log)}, open, func(f *fixture) {
			path := f.pollingSession()
			f.post(path, "40")
			synctest.Wait() // an event of a socket that is still connecting closes the connection
			f.post(path, packet)
			synctest.Wait()
			if got := f.srv.Stats().Violations == 1; got != closed {
				t.Errorf("%.40s: closed %v, want %v", packet, got, closed)
			}
		})
	}
}

// An event of a held socket counts as an early one, also if it has no handler.
func TestEarlyEventWithoutAHandler(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: quiet(&log)}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Hold(socketio.HoldOptions{Drop: true})
		})
	}, func(f *fixture) {
		path := f.pollingSession()
		f.post(path, "40")
		synctest.Wait()
		f.post(path, `42["unknown"]`)
		synctest.Wait()
		if got := f.srv.Stats(); got.Received != 1 || got.Dropped != 1 {
			t.Errorf("%d events received and %d dropped, want 1 and 1", got.Received, got.Dropped)
		}
	})
}

// TestIgnoredEventsAreHandledAsOthers checks that events which are dropped early are counted, and malformed ones refused, as those that
// take the ordinary way because a debug log wants them. The events are changed at random.
func TestIgnoredEventsAreHandledAsOthers(t *testing.T) {
	seeds := []string{`["unknown"]`, `["unknown",{"a":[1,{"b":null}]}]`, `["known",1,-2,true,"x"]`, `[17,"a"]`, `["disconnect"]`,
		`["unknown",{"_placeholder":true,"num":0}]`, `[ "unknown" ,1e5]`, `["un\u006bnown"]`, `["unknown",[[[[[[1]]]]]]]`, `["",null]`, `["unknown","é"]`, `["unknown name"]`}
	const marks = "[]{}\",:\\ 0123456789-+.eEtrufalsn\x00\x7f\xff"
	random := rand.New(rand.NewPCG(1, 2))
	packets := make([]string, 500)
	for i := range packets {
		b := []byte(seeds[random.IntN(len(seeds))])
		for range random.IntN(3) {
			switch at := random.IntN(len(b)); random.IntN(3) {
			case 0:
				b[at] = marks[random.IntN(len(marks))]
			case 1:
				b = slices.Insert(b, at, marks[random.IntN(len(marks))])
			case 2:
				b = slices.Delete(b, at, at+1)
			}
		}
		packets[i] = "42" + []string{"", "7"}[random.IntN(2)] + string(b)
	}
	handled := func(level slog.Level) (figures []string) {
		var log logged
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
		bubble(t, socketio.Options{MaxDepth: 5, MaxNameLength: 12, Logger: logger}, func(srv *socketio.Server) {
			srv.Open()
			srv.Handle("known", func(context.Context, *socketio.Socket, *socketio.Event) error { return nil })
		}, func(f *fixture) {
			for _, p := range packets {
				path := f.pollingSession()
				f.post(path, "40")
				synctest.Wait()
				before := f.srv.Stats()
				f.post(path, p)
				synctest.Wait()
				after := f.srv.Stats()
				figures = append(figures, fmt.Sprintf("%d received, %d violations", after.Received-before.Received, after.Violations-before.Violations))
				f.post(path, "41")
				synctest.Wait()
			}
		})
		return figures
	}
	dropped, others := handled(slog.LevelInfo), handled(slog.LevelDebug)
	for i, p := range packets {
		if dropped[i] != others[i] {
			t.Errorf("%q: %s, with a debug log %s", p, dropped[i], others[i])
		}
	}
}
