package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// Until a connection's first admission, one time limit applies, whatever the peer does.
func TestConnectTimeoutLastsUntilAdmission(t *testing.T) {
	bubble(t, socketio.Options{MaxRefused: 100}, func(srv *socketio.Server) {
		srv.Of("/held").Use(func(_ context.Context, s *socketio.Socket) error {
			time.AfterFunc(10*time.Second, func() { _ = s.Refuse(errors.New("no")) })
			return s.Hold(socketio.HoldOptions{})
		})
		srv.Of("/no").Use(func(context.Context, *socketio.Socket) error { return errors.New("no") })
	}, func(f *fixture) {
		for name, packets := range map[string][]string{
			"held and refused": {"0/held,"},
			"held and gone":    {"0/held,", "1/held,"},
			"refused":          {"0/no,"},
		} {
			conn, err := f.engine()
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			go func() {
				for {
					if _, _, err := conn.Receive(f.ctx); err != nil {
						return
					}
				}
			}()
			for time.Since(began) < time.Hour {
				if packets[0] == "0/held," && len(packets) == 1 { // once in 11 s, because a second CONNECT breaks the protocol
					time.Sleep(10 * time.Second)
				}
				for _, packet := range packets {
					err = conn.Send([]byte(packet))
					time.Sleep(time.Second)
				}
				if err != nil {
					break
				}
			}
			if took := time.Since(began); took < 45*time.Second || took > 57*time.Second {
				t.Errorf("%s: closed after %v, want 45 s", name, took)
			}
			_ = conn.Close()
		}
	})
}

// The first admission removes that limit, also for held sockets of the connection.
func TestConnectTimeoutEndsWithTheFirstAdmission(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/held").Use(func(_ context.Context, s *socketio.Socket) error { return s.Hold(socketio.HoldOptions{}) })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{Namespace: "/held"})
		time.Sleep(40 * time.Second)
		if _, err := p.Join(f.ctx, "/", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := p.Emit("still here"); err != nil {
			t.Errorf("closed: %v", err)
		}
	})
}

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

// An intercepted event that is too large is handled without its arguments. Any other event that
// is too large closes the connection.
func TestInterceptedEventTooLarge(t *testing.T) {
	var seen record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			err := s.Intercept("authenticate", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
				if e.TooLarge() != (e.Len() == 0) || e.TooLarge() == (e.Scan(new(any)) == nil) {
					t.Errorf("too large %t, %d arguments", e.TooLarge(), e.Len())
				}
				seen.add(map[bool]string{true: "too large", false: "fits"}[e.TooLarge()])
				return e.Ack("heard")
			})
			if err != nil {
				return err
			}
			return s.Hold(socketio.HoldOptions{})
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for _, size := range []int{10, 50_000, 100_000, 2_000_000} {
			if _, err := p.EmitWithAck(f.ctx, "authenticate", strings.Repeat("x", size)); err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
		}
		if got := seen.all(); !slices.Equal(got, []string{"fits", "fits", "too large", "too large"}) {
			t.Errorf("seen %q", got)
		}
		_ = p.Emit("say", strings.Repeat("x", 100_000))
		f.ended(p, sockettest.ErrClosed)
	})
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

// Middleware can use a dynamic namespace before it is listed. It is listed, and reported to the
// bus, with its first admitted socket. When its last one has ended it is not listed, even if
// other sockets are still connecting.
func TestDynamicNamespaceIsListedFromFirstAdmission(t *testing.T) {
	var refuse atomic.Bool
	refuse.Store(true)
	bus := &stubBus{}
	told := func() []string { synctest.Wait(); return bus.told.all() }
	opts := socketio.Options{MaxRefused: 1000, ClusterKey: make([]byte, 16), Bus: bus.join}
	var rule *socketio.Rule
	bubble(t, opts, func(srv *socketio.Server) {
		rule = srv.OfPattern(regexp.MustCompile(`/d\d+`))
		rule.OnEmit(func(e socketio.Emitted) { t.Errorf("an event was sent in %s", e.Namespace) })
		rule.Use(func(ctx context.Context, s *socketio.Socket) error {
			if n := s.Namespace(); n.Name() != "/d1" || len(n.Sockets()) > 1 {
				t.Errorf("%s has %d sockets", n.Name(), len(n.Sockets()))
			}
			switch string(s.Handshake().Auth) {
			case `{"ask":1}`:
				infos, err := s.Namespace().FetchSockets(ctx)
				if err != nil || len(infos) != 0 {
					t.Errorf("FetchSockets: %v, %v", infos, err)
				}
			case `{"wait":1}`:
				<-ctx.Done()
			}
			if refuse.Load() {
				return errors.New("no")
			}
			return nil
		})
	}, func(f *fixture) {
		f.refused(sockettest.Options{Namespace: "/d1"})
		if got := told(); len(got) > 0 || f.srv.Lookup("/d1") != nil {
			t.Errorf("refused: %q", got)
		}
		f.refused(sockettest.Options{Namespace: "/d1", Auth: json.RawMessage(`{"ask":1}`)})
		if got := told(); len(got) > 0 {
			t.Errorf("refused, having asked: %q", got)
		}

		conn, err := f.engine()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Send([]byte(`0/d1,{"wait":1}`))
		synctest.Wait()
		if err := rule.Emit("news"); err != nil || f.srv.Lookup("/d1") != nil || len(told()) > 0 {
			t.Errorf("before the first admission: %v, listed %t, the bus was told %q", err, f.srv.Lookup("/d1") != nil, told())
		}
		refuse.Store(false)
		p := f.dial(sockettest.Options{Namespace: "/d1"})
		if n := f.srv.Lookup("/d1"); n == nil || len(n.Sockets()) != 1 {
			t.Error("not listed")
		}
		if got, want := told(), []string{"/d1 opened [" + p.ID() + "] closed []"}; !slices.Equal(got, want) {
			t.Errorf("with the first one: %q, want %q", got, want)
		}
		_ = p.Close()
		if got, want := told(), "/d1 opened [] closed ["+p.ID()+"]"; len(got) != 2 || got[1] != want || f.srv.Lookup("/d1") != nil {
			t.Errorf("after the last one: %q, listed %t", got, f.srv.Lookup("/d1") != nil)
		}
		again := f.dial(sockettest.Options{Namespace: "/d1"})
		if n := f.srv.Lookup("/d1"); n == nil || len(n.Sockets()) != 1 {
			t.Error("not listed again")
		}
		_ = again.Close()
		_ = conn.Close()
		synctest.Wait()
		if got := told(); len(got) != 4 || f.srv.Remains() != "" {
			t.Errorf("%q, left %s", got, f.srv.Remains())
		}
	})
}
