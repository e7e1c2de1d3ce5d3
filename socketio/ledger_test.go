package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// An auth payload that is too large is refused permanently by CONNECT_ERROR, with or without
// middleware, before and after the first admission. Other namespaces are not affected.
func TestAuthPayloadTooLarge(t *testing.T) {
	var seen record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/open").Open()
		srv.Of("/gate").Use(func(_ context.Context, s *socketio.Socket) error {
			h := s.Handshake()
			seen.add(map[bool]string{true: "too large", false: "fits"}[h.TooLarge])
			if h.TooLarge && h.Auth != nil {
				t.Error("it has an auth payload too")
			}
			if h.TooLarge {
				return &socketio.Ending{Message: "from the gate"}
			}
			return nil
		})
		srv.Of("/held").Use(func(_ context.Context, s *socketio.Socket) error {
			time.AfterFunc(time.Second, func() { _ = s.Admit() })
			return s.Hold(socketio.HoldOptions{})
		})
	}, func(f *fixture) {
		for _, admitted := range []bool{false, true} {
			for _, size := range []int{50 << 10, 64 << 10, 100_000, 900_000, 2_000_000} {
				for name, want := range map[string]string{"/open": "payload too large", "/gate": "from the gate"} {
					auth := json.RawMessage(`{"token":"` + strings.Repeat("x", size) + `"}`)
					var err error
					if admitted {
						p := f.dial(sockettest.Options{})
						if _, err = p.Join(f.ctx, name, auth); p.Emit("still here") != nil {
							t.Errorf("%s: %d bytes close the connection", name, size)
						}
					} else {
						_, err = sockettest.Dial(f.ctx, "http://server", f.options(sockettest.Options{Namespace: name, Auth: auth}))
					}
					var refusal *sockettest.ConnectError
					if size == 50<<10 {
						if err != nil {
							t.Errorf("%s: %d bytes: %v, want it admitted", name, size, err)
						}
					} else if !errors.As(err, &refusal) || refusal.Message != want {
						t.Errorf("%s: %d bytes: %v, want %q", name, size, err, want)
					}
				}
			}
		}
		p := f.dial(sockettest.Options{Namespace: "/held", Auth: json.RawMessage(`{"token":"` + strings.Repeat("x", 100_000) + `"}`)})
		f.ended(p, sockettest.ErrDisconnected)
		if got := seen.all(); !slices.Contains(got, "fits") || !slices.Contains(got, "too large") {
			t.Errorf("the gate saw %q", got)
		}
	})
}

// The header and URL of the first request are dropped if they are too large, and the handshake
// says so.
func TestFirstRequestTooLarge(t *testing.T) {
	for name, c := range map[string]struct {
		act
		tooLarge bool
	}{
		"a header":               {act{header: "X: " + strings.Repeat("x", 33<<10) + "\r\n"}, true},
		"a header below it":      {act{header: "X: " + strings.Repeat("x", 30<<10) + "\r\n"}, false},
		"many headers":           {act{header: strings.Repeat("X: y\r\n", 1000)}, true},
		"a query":                {act{query: "&q=" + strings.Repeat("q", 33<<10)}, true},
		"a path":                 {act{path: strings.Repeat("p", 2000)}, true},
		"a path below its limit": {act{path: strings.Repeat("p", 1000)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var h *socketio.Handshake
			bubble(t, socketio.Options{}, func(srv *socketio.Server) {
				srv.Open()
				srv.Use(func(_ context.Context, s *socketio.Socket) error { h = s.Handshake(); return nil })
			}, func(f *fixture) {
				c.act.frames = [][]byte{text("40")}
				f.act(c.act)
				synctest.Wait()
				if h == nil || h.TooLarge != c.tooLarge || c.tooLarge && (h.Header != nil || len(h.Query()) > 0 || len(h.Path) > 1<<10) {
					t.Errorf("%+v, too large %t", h, h.TooLarge)
				}
				if n := len(f.srv.Sockets()); n != 1 {
					t.Errorf("%d sockets, want one: nothing looks for credentials", n)
				}
			})
		})
	}
}

// Several namespaces that send the same auth payload at once are charged for it once. Otherwise
// a client with a large token could not open many.
func TestSameAuthPayloadIsChargedOnce(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.OfPattern(regexp.MustCompile(`/d\d+`)).Use(func(ctx context.Context, s *socketio.Socket) error {
			if h := s.Handshake(); h.TooLarge || len(h.Auth) < 15_000 {
				t.Errorf("too large %t, %d bytes", h.TooLarge, len(h.Auth))
			}
			time.Sleep(time.Second)
			return nil
		})
	}, func(f *fixture) {
		conn, err := f.engine()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
			_ = conn.Send([]byte("0/d" + n + `,{"token":"` + strings.Repeat("x", 15_000) + `"}`))
		}
		time.Sleep(5 * time.Second)
		for _, n := range []string{"1", "8"} {
			if ns := f.srv.Lookup("/d" + n); ns == nil || len(ns.Sockets()) != 1 {
				t.Errorf("/d%s was not joined", n)
			}
		}
		if most := f.srv.MostKept(); most > 20_000 {
			t.Errorf("%d bytes are still charged", most)
		}
	})
}

// When all connections without an admission together exceed the limit, new ones are answered
// with 503, and existing ones may not send more. Connections with an admission are not
// affected.
func TestMaxHeldBytes(t *testing.T) {
	bubble(t, socketio.Options{MaxHeldBytes: 20_000}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/held").Use(func(_ context.Context, s *socketio.Socket) error { return s.Hold(socketio.HoldOptions{}) })
	}, func(f *fixture) {
		in := f.dial(sockettest.Options{})
		held := f.dial(sockettest.Options{Namespace: "/held"})
		if err := held.Emit("x", strings.Repeat("x", 15_000)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		more := f.dial(sockettest.Options{Namespace: "/held"})
		_ = more.Emit("x", strings.Repeat("x", 5000))
		f.ended(more, sockettest.ErrClosed)
		_ = more.Close()
		synctest.Wait()
		if err := held.Emit("x", strings.Repeat("x", 20_000-f.srv.MostKept()-300)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if status := f.status("/socket.io/?EIO=4&transport=polling"); status != 503 {
			t.Errorf("status %d", status)
		}
		if err := in.Emit("x", strings.Repeat("x", 50_000)); err != nil {
			t.Error(err)
		}
		f.nothing(in)
		_ = held.Close()
		synctest.Wait()
		if status := f.status("/socket.io/?EIO=4&transport=polling"); status != 200 {
			t.Errorf("once there is room: status %d", status)
		}
	})
}

// The total size of a binary packet and of waiting events is bounded, also after admission.
func TestBinaryPacketsAreBoundedInAll(t *testing.T) {
	for _, n := range []int{4, 5} {
		var got record
		bubble(t, socketio.Options{MaxInbox: 50_000}, func(srv *socketio.Server) {
			srv.Open()
			srv.Handle("x", func(context.Context, *socketio.Socket, *socketio.Event) error { got.add("x"); return nil })
		}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			args := []any{}
			for range n {
				args = append(args, make([]byte, 10_000))
			}
			_ = p.Emit("x", args...)
			if n == 4 {
				if got := got.all(); len(got) != 1 {
					t.Errorf("%d attachments: handled %d times", n, len(got))
				}
				return
			}
			f.ended(p, sockettest.ErrClosed)
		})
	}
}

// For a held socket, the received part of a binary packet counts with its early events.
func TestBinaryPacketsOfHeldSockets(t *testing.T) {
	for size, closed := range map[int]bool{5000: false, 9000: true} {
		bubble(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Open()
			srv.Of("/held").Use(func(_ context.Context, s *socketio.Socket) error {
				return s.Hold(socketio.HoldOptions{Bytes: 10_000})
			})
		}, func(f *fixture) {
			conn, err := f.engine()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			for _, packet := range []string{"0", "0/held,"} {
				_ = conn.Send([]byte(packet))
				_, _, _ = conn.Receive(f.ctx)
			}
			_ = conn.Send([]byte(`2/held,["early","` + strings.Repeat("x", 2000) + `"]`))
			_ = conn.Send([]byte(`52-/held,["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`))
			_ = conn.SendBinary(make([]byte, size))
			ctx, cancel := context.WithTimeout(f.ctx, time.Second)
			defer cancel()
			if _, _, err := conn.Receive(ctx); (ctx.Err() == nil) != closed {
				t.Errorf("%d bytes: %v", size, err)
			}
		})
	}
}
