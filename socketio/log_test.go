package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// Errors of a peer are not warnings, however many there are. They are logged at level Debug,
// with a counter.
func TestPeerFaultsAreNotWarnings(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("func", socketio.Func(func(context.Context, *socketio.Socket, int) error { return nil }))
		srv.Handle("ack", socketio.AckFunc(func(_ context.Context, _ *socketio.Socket, n int) (int, error) {
			return 0, &socketio.PublicError{Message: "the room is full"}
		}))
		srv.Handle("scan", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			var n int
			return fmt.Errorf("scan: %w", e.Scan(&n))
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for range 10 {
			_ = p.Emit("func", "no number")
			_ = p.Emit("scan", "no number")
			_ = p.Emit("unknown")
			for _, arg := range []any{"no number", 1} {
				if _, err := p.EmitWithAck(f.ctx, "ack", arg); err != nil {
					t.Fatal(err)
				}
			}
		}
		synctest.Wait()
		for text, want := range map[string]int{
			"level=WARN": 0, "level=ERROR": 0, `level=INFO msg="socketio`: 0,
			"event handler failed": 40, "the room is full": 10, "peer_faults=40": 1,
			`msg="socketio: no handler for event"`: 10, "event=unknown": 10,
		} {
			if n := log.count(text); n != want {
				t.Errorf("%q is in the log %d times, want %d", text, n, want)
			}
		}
	})
}

// A handler that a peer can make fail does not fill the log, and does not hide the failures of
// another handler.
func TestFailuresAreSampled(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/connect").Open().OnConnect(func(context.Context, *socketio.Socket) error { return errors.New("no database") })
		srv.Handle("loud", func(context.Context, *socketio.Socket, *socketio.Event) error { return errors.New("no database") })
		srv.Handle("cause", socketio.Func(func(context.Context, *socketio.Socket, struct{}) error {
			return &socketio.PublicError{Message: "try again", Err: errors.New("no database")}
		}))
		srv.Handle("varied", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			return fmt.Errorf("no row %s", e.Args()[0].(socketio.Raw).JSON())
		})
		srv.Handle("panics", func(context.Context, *socketio.Socket, *socketio.Event) error { panic("always") })
	}, func(f *fixture) {
		warnings := func() int { return log.count("level=WARN") + log.count("level=ERROR") }
		p := f.dial(sockettest.Options{})
		for range 100 {
			_ = p.Emit("loud")
			_ = p.Emit("cause")
		}
		for range 5 {
			f.ended(f.dial(sockettest.Options{Namespace: "/connect"}), sockettest.ErrDisconnected)
			again := f.dial(sockettest.Options{})
			_ = again.Emit("panics")
			f.ended(again, sockettest.ErrDisconnected)
		}
		synctest.Wait()
		if n := warnings(); n != 4 {
			t.Errorf("%d warnings and errors for 4 faults, want one each", n)
		}
		for i := range 200 {
			_ = p.Emit("varied", i)
		}
		synctest.Wait()
		if n := warnings(); n != 60 {
			t.Errorf("%d warnings and errors in a minute, want 60", n)
		}
		if n := log.count("event handler failed"); n != 400 { // the others are at level Debug
			t.Errorf("%d lines about 400 events", n)
		}
		time.Sleep(time.Minute)
		_ = p.Emit("loud")
		synctest.Wait()
		if n := warnings(); n != 61 || log.count("suppressed=") == 0 {
			t.Errorf("%d warnings and errors a minute later, want 61", n)
		}
	})
}

// One line says which admitted socket ended, and why.
func TestEndsAreLogged(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/closed").Use(func(context.Context, *socketio.Socket) error { return &socketio.Ending{Message: "no"} })
		srv.Handle("kick", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error {
			s.Disconnect(errors.New("rude words"))
			return nil
		})
	}, func(f *fixture) {
		f.refused(sockettest.Options{Namespace: "/closed"})
		kicked := f.dial(sockettest.Options{})
		_ = kicked.Emit("kick")
		f.ended(kicked, sockettest.ErrDisconnected)
		left := f.dial(sockettest.Options{})
		time.Sleep(1500 * time.Millisecond)
		_ = left.SendRaw("1")
		wrong := f.dial(sockettest.Options{})
		_ = wrong.SendRaw("9")
		f.ended(wrong, sockettest.ErrClosed)
		gone := f.dial(sockettest.Options{})
		_ = gone.Close()
		stays := f.dial(sockettest.Options{})
		synctest.Wait()
		lines := []string{
			`level=INFO msg="socketio: socket disconnected" socket=/#`,
			`reason="server namespace disconnect" cause="rude words"`,
			`reason="client namespace disconnect" connected=1.5s`,
			`reason="forced close" cause="socketio: malformed packet"`,
			`reason="transport close" connected=`,
		}
		for i, text := range lines {
			want := 1
			if i == 0 {
				want = 4
			}
			if n := log.count(text); n != want {
				t.Errorf("%s is in the log %d times, want %d:\n%s", text, n, want, strings.Join(log.lines.all(), ""))
			}
		}
		if n := log.count("remote="); n < 4 {
			t.Errorf("%d lines have the address", n)
		}
		_ = f.srv.Shutdown(f.ctx)
		f.ended(stays, sockettest.ErrClosed)
		if n := log.count(`level=DEBUG msg="socketio: socket disconnected"`); n != 1 {
			t.Errorf("%d lines about the end by Shutdown", n)
		}
	})
}

// Without a Logger, warnings go to slog.Default, including those about requests that the engine
// refuses.
func TestWarningsGoToTheDefaultLogger(t *testing.T) {
	was := slog.Default()
	defer slog.SetDefault(was)
	for name, tc := range map[string]struct {
		opts socketio.Options
		want int
	}{
		"no logger":       {socketio.Options{}, 1},
		"silenced":        {socketio.Options{Logger: slog.New(slog.DiscardHandler)}, 0},
		"engine silenced": {socketio.Options{Engine: engineio.Options{Logger: slog.New(slog.DiscardHandler)}}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log logged
			slog.SetDefault(log.logger())
			srv, err := socketio.NewServer(tc.opts)
			if err != nil {
				t.Fatal(err)
			}
			handler, err := srv.Handler()
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=polling", nil)
			r.Header.Set("Origin", "http://localhost:5173")
			handler.ServeHTTP(httptest.NewRecorder(), r)
			if n := log.count("level=WARN"); n != tc.want || n != log.count("Options.Engine.Origins") {
				t.Errorf("%s: %d warnings, want %d", name, n, tc.want)
			}
			_ = srv.Close()
		})
	}
}

// If a connection is closed because of a limit, its client sees only "transport close". The
// first time, a warning names the limit. Later ones are at level Debug.
func TestLimitsThatCloseAreAWarningOnce(t *testing.T) {
	var log logged
	opts := socketio.Options{Logger: log.logger(), MaxNamespaces: 2, MaxRefused: 1, MaxAttachments: 2}
	bubble(t, opts, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/1").Open()
		srv.Of("/2").Open()
	}, func(f *fixture) {
		for range 3 {
			for _, send := range [][]string{{"0/1,", "0/2,"}, {"0/no,", "0/no,"}, {`53-["a"]`}, {`5["a"]`}} {
				p := f.dial(sockettest.Options{})
				for _, raw := range send {
					synctest.Wait()
					_ = p.SendRaw(raw)
				}
				f.ended(p, sockettest.ErrClosed)
			}
		}
		for text, want := range map[string]int{
			"level=WARN": 3, `msg="socketio: connection closed"`: 12,
			"hint=Options.MaxNamespaces": 3, "hint=Options.MaxRefused": 3, "hint=Options.MaxAttachments": 3, `why="malformed packet"`: 3,
		} {
			if n := log.count(text); n != want {
				t.Errorf("%q is in the log %d times, want %d", text, n, want)
			}
		}
	})
}

// A client with another parser begins with a binary message, which is logged as a warning once.
// A later binary message is only a violation.
func TestBinaryFirstPacketIsAWarningOnce(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, open, func(f *fixture) {
		for _, body := range []string{"bgaR0eXBlAA==", "bgaR0eXBlAA==", "40\x1ebgaR0eXBlAA=="} {
			f.post(f.pollingSession(), body)
			synctest.Wait()
		}
		for text, want := range map[string]int{
			"level=WARN": 1, `why="first packet is binary"`: 2, "socket.io-msgpack-parser": 2, `why="binary when no attachment is due"`: 1,
		} {
			if n := log.count(text); n != want {
				t.Errorf("%q is in the log %d times, want %d", text, n, want)
			}
		}
	})
}

// If the peer receives only part of an error, the log has the cause.
func TestCausesAreLogged(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/no").Use(func(context.Context, *socketio.Socket) error {
			return &socketio.Ending{Message: "no", Err: errors.New("first cause")}
		})
		srv.Handle("public", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (int, error) {
			return 0, &socketio.PublicError{Message: "room is full", Err: errors.New("second cause")}
		}))
	}, func(f *fixture) {
		f.refused(sockettest.Options{Namespace: "/no"})
		p := f.dial(sockettest.Options{})
		answer, err := p.EmitWithAck(f.ctx, "public")
		if err != nil || strings.Contains(string(answer.Args()[0].(socketio.Raw).JSON()), "cause") {
			t.Errorf("%v, %v", answer, err)
		}
		for _, cause := range []string{"first cause", "second cause"} {
			if n := log.count(cause); n != 1 {
				t.Errorf("%q is in the log %d times", cause, n)
			}
		}
	})
}
