package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

func TestNamespaceWithoutGateIsAnError(t *testing.T) {
	for name, setup := range map[string]func(*socketio.Server){
		"handler on /": func(srv *socketio.Server) {
			srv.HandleAny(func(context.Context, *socketio.Socket, *socketio.Event) error { return nil })
		},
		"static":  func(srv *socketio.Server) { srv.Of("/admin") },
		"dynamic": func(srv *socketio.Server) { srv.OfPattern(regexp.MustCompile(`/x\d+`)) },
	} {
		srv, err := socketio.NewServer(socketio.Options{})
		if err != nil {
			t.Fatal(err)
		}
		setup(srv)
		if _, err := srv.Handler(); err == nil || !strings.Contains(err.Error(), "Open") {
			t.Errorf("%s: Handler() = %v, want an error that names Use and Open", name, err)
		}
	}
}

// A "/" without registrations does not exist. It is not open.
func TestUntouchedRootIsNotANamespace(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) { srv.Of("/chat").Open() }, func(f *fixture) {
		if got := f.refused(sockettest.Options{}); got.Message != "Invalid namespace" || log.count("panic") != 0 {
			t.Errorf("message %q, %d panics", got.Message, log.count("panic"))
		}
		f.dial(sockettest.Options{Namespace: "/chat"})
	})
}

func TestRegisteringAfterHandlerPanics(t *testing.T) {
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		for name, register := range map[string]func(){
			"Use": func() { f.srv.Use(func(context.Context, *socketio.Socket) error { return nil }) },
			"Handle": func() {
				f.srv.Handle("x", func(context.Context, *socketio.Socket, *socketio.Event) error { return nil })
			},
			"Wrap":      func() { f.srv.Wrap(func(h socketio.Handler) socketio.Handler { return h }) },
			"OnConnect": func() { f.srv.OnConnect(func(context.Context, *socketio.Socket) error { return nil }) },
			"HandleAny": func() {
				f.srv.HandleAny(func(context.Context, *socketio.Socket, *socketio.Event) error { return nil })
			},
			"OnDisconnecting": func() {
				f.srv.OnDisconnecting(func(context.Context, *socketio.Socket, socketio.Reason, []string) {})
			},
			"OnDisconnect": func() { f.srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) {}) },
			"OfFunc": func() {
				f.srv.OfFunc(func(context.Context, string, *socketio.Handshake) (bool, error) { return false, nil })
			},
			"Open":      func() { f.srv.Open() },
			"Of":        func() { f.srv.Of("/new") },
			"OfPattern": func() { f.srv.OfPattern(regexp.MustCompile("/x")) },
		} {
			func() {
				defer func() {
					if text, _ := recover().(string); !strings.Contains(text, "after Server.Handler") {
						t.Errorf("%s: panic %q", name, text)
					}
				}()
				register()
			}()
		}
	})
}

func TestConnectMiddlewareRunsInOrderAndRefuses(t *testing.T) {
	var ran record
	step := func(name string, err error) socketio.ConnectMiddleware {
		return func(context.Context, *socketio.Socket) error { ran.add(name); return err }
	}
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(step("1", nil), step("2", nil))
		srv.OnConnect(func(context.Context, *socketio.Socket) error { ran.add("connected"); return nil })
		srv.Of("/no").Use(step("a", &socketio.Ending{Message: "not you", Data: map[string]int{"code": 7}}), step("b", nil))
		srv.Of("/oops").Use(step("c", errors.New("password=hunter2")))
	}, func(f *fixture) {
		f.dial(sockettest.Options{})
		synctest.Wait()
		got := f.refused(sockettest.Options{Namespace: "/no"})
		if got.Message != "not you" || string(got.Data) != `{"code":7}` {
			t.Errorf("refusal %q %s", got.Message, got.Data)
		}
		if got := f.refused(sockettest.Options{Namespace: "/oops"}); got.Message != "connection refused" || got.Data != nil {
			t.Errorf("a private error reached the peer: %q %v", got.Message, got.Data)
		}
		if got, want := ran.all(), []string{"1", "2", "connected", "a", "c"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

func TestHandshake(t *testing.T) {
	var during, after *socketio.Handshake
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { during = s.Handshake(); return nil })
		srv.Of("/later").Open().OnConnect(func(_ context.Context, s *socketio.Socket) error { after = s.Handshake(); return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{
			Auth:   map[string]string{"k": "v"},
			Header: map[string][]string{"Authorization": {"Bearer x"}, "X-Other": {"y"}},
			Query:  map[string][]string{"a": {"1", "2"}},
		})
		synctest.Wait()
		if string(during.Auth) != `{"k":"v"}` || during.Header.Get("X-Other") != "y" || !slices.Equal(during.Query()["a"], []string{"1", "2"}) {
			t.Errorf("first: %s %v %v", during.Auth, during.Header, during.Query())
		}
		if _, err := p.Join(f.ctx, "/later", nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if after.Auth != nil || after.Header.Get("Authorization") != "Bearer x" || after.Header.Get("X-Other") != "" {
			t.Errorf("later: %s %v", after.Auth, after.Header)
		}
		synctest.Wait()
		if h := f.srv.Sockets()[0].Handshake(); h.Auth != nil || h.Header != nil || len(h.Query()) > 0 {
			t.Errorf("kept after OnConnect: %s %v %v", h.Auth, h.Header, h.Query())
		}
	})
}

func TestKeepHeader(t *testing.T) {
	var seen record
	look := func(_ context.Context, s *socketio.Socket) error {
		seen.add(s.Handshake().Header.Get("Cookie") + s.Handshake().Header.Get("X-Kept") + s.Handshake().Header.Get("X-Other"))
		return nil
	}
	bubble(t, socketio.Options{KeepHeaders: []string{"x-kept"}}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error { s.KeepHeader("cookie"); return nil })
		srv.Of("/2").Use(look, func(_ context.Context, s *socketio.Socket) error { s.KeepHeader("X-Other"); return nil })
		srv.Of("/3").Use(look)
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{Header: map[string][]string{"Cookie": {"c"}, "X-Kept": {"k"}, "X-Other": {"o"}}})
		for _, name := range []string{"/2", "/3"} {
			if _, err := p.Join(f.ctx, name, nil); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := seen.all(), []string{"ck", "ck"}; !slices.Equal(got, want) {
			t.Errorf("later namespaces see %q, want %q", got, want)
		}
	})
}

func TestDynamicNamespaces(t *testing.T) {
	hub, opts := bustest.New(), socketio.Options{}
	node := hub.Join(&opts)
	bubble(t, opts, func(srv *socketio.Server) {
		n := srv.OfPattern(regexp.MustCompile(`/room-\d+`)).Open()
		n.Handle("say", socketio.Func(func(_ context.Context, s *socketio.Socket, text string) error {
			return s.Namespace().Emit("said", text)
		}))
		srv.OfFunc(func(_ context.Context, name string, h *socketio.Handshake) (bool, error) {
			if name == "/error" {
				return false, &socketio.Ending{Message: "later"}
			}
			return name == "/func", nil
		}).Open()
	}, func(f *fixture) {
		one, two, other := f.dial(sockettest.Options{Namespace: "/room-1"}), f.dial(sockettest.Options{Namespace: "/room-1"}), f.dial(sockettest.Options{Namespace: "/room-2"})
		_ = one.Emit("say", "hi")
		f.expect(one, "said")
		f.expect(two, "said")
		f.nothing(other)
		if f.srv.Lookup("/room-1") == nil || f.srv.Lookup("/room-3") != nil {
			t.Error("Lookup")
		}
		f.dial(sockettest.Options{Namespace: "/func"})
		for name, want := range map[string]string{"/room-1x": "Invalid namespace", "x/room-1": "", "/nope": "Invalid namespace", "/error": "later"} {
			if want != "" {
				if got := f.refused(sockettest.Options{Namespace: name}); got.Message != want {
					t.Errorf("%s: %q", name, got.Message)
				}
			}
		}
		_ = one.Close()
		_ = two.Close()
		synctest.Wait()
		if f.srv.Lookup("/room-1") != nil {
			t.Error("an empty dynamic namespace stays")
		}
		if one, two := hub.Rooms(node, "/room-1"), hub.Rooms(node, "/room-2"); len(one) > 0 || len(two) != 1 {
			t.Errorf("the bus was told of %q and %q", one, two)
		}
	})
}

// Two sockets that join a dynamic namespace at the same time are in the same namespace.
func TestDynamicNamespaceIsMadeOnce(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.OfPattern(regexp.MustCompile(`/x`)).Use(func(context.Context, *socketio.Socket) error {
			time.Sleep(time.Second) // both arrive before either is admitted
			return nil
		})
	}, func(f *fixture) {
		first, second := f.background(sockettest.Options{Namespace: "/x"}), f.background(sockettest.Options{Namespace: "/x"})
		<-first
		<-second
		if n := len(f.srv.Lookup("/x").Sockets()); n != 2 {
			t.Errorf("%d sockets are in the namespace", n)
		}
	})
}

// Exceeding a limit of one connection closes it. Each row is what the peer does.
func TestConnectionLimits(t *testing.T) {
	for name, c := range map[string]struct {
		opts socketio.Options
		send []string
	}{
		"namespaces":    {socketio.Options{MaxNamespaces: 3}, []string{"0/1,", "0/2,", "0/3,"}},
		"refused":       {socketio.Options{MaxRefused: 2}, []string{"0/no,", "0/no,", "0/no,"}},
		"name":          {socketio.Options{MaxNameLength: 8}, []string{"0/123456789,"}},
		"event name":    {socketio.Options{MaxNameLength: 8}, []string{`2["123456789"]`}},
		"depth":         {socketio.Options{MaxDepth: 3}, []string{`2["a",[[[]]]]`}},
		"connect depth": {socketio.Options{MaxDepth: 3}, []string{`0/1,{"a":[[[]]]}`}},
		"attachments":   {socketio.Options{MaxAttachments: 2}, []string{`53-["a"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c.opts, func(srv *socketio.Server) {
				srv.Open()
				srv.OfPattern(regexp.MustCompile(`/\d+`)).Open()
				srv.OfPattern(regexp.MustCompile(`/slow\d+`)).Use(func(ctx context.Context, _ *socketio.Socket) error {
					<-ctx.Done()
					return context.Cause(ctx)
				})
			}, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				for i, raw := range c.send {
					synctest.Wait()
					if i == len(c.send)-1 {
						if err := p.Emit("still-here"); err != nil {
							t.Errorf("closed too early: %v", err)
						}
					}
					_ = p.SendRaw(raw)
				}
				f.ended(p, sockettest.ErrClosed)
			})
		})
	}
}

func TestConnectTimeout(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("kick", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error { s.Disconnect(nil); return nil })
		srv.Handle("busy", func(context.Context, *socketio.Socket, *socketio.Event) error {
			time.Sleep(9 * time.Second)
			return nil
		})
		srv.Of("/slow").Use(func(ctx context.Context, _ *socketio.Socket) error { <-ctx.Done(); return context.Cause(ctx) })
	}, func(f *fixture) {
		begin := time.Now()
		// A middleware that never returns is cancelled with the connection.
		_, err := sockettest.Dial(f.ctx, "http://server", f.options(sockettest.Options{Namespace: "/slow"}))
		if d := time.Since(begin); !errors.Is(err, sockettest.ErrClosed) || d != 45*time.Second {
			t.Errorf("slow middleware: %v after %v", err, d)
		}
		// Joining a namespace stops the timer, and leaving the last one restarts it.
		p := f.dial(sockettest.Options{})
		time.Sleep(10 * time.Minute)
		if err := p.Leave(); err != nil {
			t.Errorf("closed while joined: %v", err)
		}
		time.Sleep(44 * time.Second)
		again, err := p.Join(f.ctx, "/", nil)
		if err != nil {
			t.Fatalf("join again: %v", err)
		}
		_ = again.Leave()
		time.Sleep(46 * time.Second)
		if _, err := p.Join(f.ctx, "/", nil); !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("a connection without a namespace stays: %v", err)
		}
		// The same holds for every way in which the last one ends, even while its handler is
		// busy.
		for _, end := range []string{"kick", "busy"} {
			p := f.dial(sockettest.Options{})
			_ = p.Emit(end)
			synctest.Wait()
			if end == "busy" {
				_ = p.Leave()
			}
			time.Sleep(44 * time.Second)
			if err := p.SendRaw(`0/nowhere,`); err != nil {
				t.Errorf("%s: closed too early: %v", end, err)
			}
			time.Sleep(2 * time.Second)
			if err := p.SendRaw(`0/nowhere,`); err == nil {
				t.Errorf("%s: a connection without a namespace stays", end)
			}
		}
	})
}

// Protocol violations close the whole connection, as in Node.
func TestViolationsCloseTheConnection(t *testing.T) {
	for _, raw := range []string{
		"0", "0[]", `0"x"`, "0/chat,[]", `0/chat,null`, `0/chat,{`, `00{}`,
		"1{}", "10", "2", "2{}", "2[]", `2[{}]`, `2[null]`, `2["connect"]`, `2["connect_error"]`, `2["disconnect"]`,
		`2["disconnecting"]`, `2["newListener"]`, `2["removeListener"]`, `2["a"`, `2["a"]x`, `2-1["a"]`, `29007199254740993["a"]`,
		"3[]", "30{}", `30"x"`, `4{"message":"x"}`, "50-[\"a\"]", "5-[\"a\"]", "5[\"a\"]", `511-["a"]`, `51e0-["a"]`,
		"7", "x", "", `2/nope,["a"]`, "1/nope,", "3/nope,0[]", `2/held,["x"]`,
	} {
		t.Run(raw, func(t *testing.T) {
			bubble(t, socketio.Options{}, func(srv *socketio.Server) {
				srv.Open()
				srv.Of("/chat").Open()
			}, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				begin := time.Now()
				_ = p.SendRaw(raw)
				f.ended(p, sockettest.ErrClosed)
				if d := time.Since(begin); d > time.Second {
					t.Errorf("closed only after %v", d)
				}
			})
		})
	}
}

func TestEventWhileConnectingClosesTheConnection(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/slow").Use(func(ctx context.Context, _ *socketio.Socket) error { <-ctx.Done(); return context.Cause(ctx) })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.SendRaw("0/slow,")
		synctest.Wait()
		_ = p.SendRaw(`2/slow,["early"]`)
		f.ended(p, sockettest.ErrClosed)
	})
}

// Unusual but harmless packets are ignored.
func TestOddPacketsAreIgnored(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("42", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (string, error) { return "ok", nil }))
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for _, raw := range []string{`2["no handler for this"]`, `2[42]`, `312345[]`} {
			_ = p.SendRaw(raw)
		}
		answer, err := p.EmitWithAck(f.ctx, "42")
		var got string
		if err != nil || answer.Scan(&got) != nil || got != "ok" {
			t.Errorf("%v %q", err, got)
		}
	})
}

// A "/" without middleware must not bypass a gate of dynamic namespaces, whatever their rule
// matches.
func TestRuleDoesNotOpenTheRoot(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.OfPattern(regexp.MustCompile(`/.*`)).Use(func(context.Context, *socketio.Socket) error {
			ran.add("gate")
			return errors.New("no")
		})
	}, func(f *fixture) {
		if got := f.refused(sockettest.Options{}); got.Message != "Invalid namespace" {
			t.Errorf("/: %q", got.Message)
		}
		if n := len(f.srv.Sockets()); n != 0 {
			t.Errorf("%d sockets are in /", n)
		}
		f.refused(sockettest.Options{Namespace: "/x"})
		if got := ran.all(); !slices.Equal(got, []string{"gate"}) {
			t.Errorf("ran %q", got)
		}
	})
}

// The rule that made a namespace decides about its sockets. Another rule that matches the same
// name must not admit a socket that the first rule refused.
func TestRuleDoesNotAdmitToAnotherRulesNamespace(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.OfFunc(func(_ context.Context, _ string, h *socketio.Handshake) (bool, error) {
			return string(h.Auth) == `{"staff":true}`, nil
		}).Open().OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("staff") })
		srv.OfPattern(regexp.MustCompile(`/.+`)).Open()
	}, func(f *fixture) {
		staff := f.dial(sockettest.Options{Namespace: "/x", Auth: map[string]bool{"staff": true}})
		f.expect(staff, "staff")
		if got := f.refused(sockettest.Options{Namespace: "/x"}); got.Message != "Invalid namespace" {
			t.Errorf("%q", got.Message)
		}
		_ = staff.Close()
		synctest.Wait()
		f.dial(sockettest.Options{Namespace: "/x"}) // now it belongs to the other rule
	})
}

func TestPatternMatchesWholeNames(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.OfPattern(regexp.MustCompile(`/room|/room-\d+|(?m)^/line$`)).Open()
	}, func(f *fixture) {
		for _, name := range []string{"/room", "/room-1", "/line"} {
			f.dial(sockettest.Options{Namespace: name})
		}
		for _, name := range []string{"/room-", "/roomy", "/line\nx", "/x/room"} {
			f.refused(sockettest.Options{Namespace: name})
		}
	})
}

// A peer that was refused or disconnected may send CONNECT again at once, however long the
// cleanup on the server takes.
func TestJoinAgainAtOnce(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			s.OnEnd(func() { time.Sleep(time.Second) })
			if s.Handshake().Auth != nil {
				return errors.New("no")
			}
			return nil
		})
		srv.Handle("kick", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error { s.Disconnect(nil); return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for range 3 {
			_ = p.Emit("kick")
			f.ended(p, sockettest.ErrDisconnected)
			var refusal *sockettest.ConnectError
			if _, err := p.Join(f.ctx, "/", map[string]int{}); !errors.As(err, &refusal) {
				t.Fatalf("got %v, want a refusal", err)
			}
			var err error
			if p, err = p.Join(f.ctx, "/", nil); err != nil {
				t.Fatalf("join again: %v", err)
			}
		}
		_ = p.Close()
		time.Sleep(time.Minute)
	})
}

// The JavaScript client sends the CONNECTs of all its namespaces at once.
func TestSimultaneousConnectsWaitForTheirTurn(t *testing.T) {
	var running gauge
	var joined atomic.Int32
	bubble(t, socketio.Options{MaxConnecting: 2}, func(srv *socketio.Server) {
		srv.OfPattern(regexp.MustCompile(`/\d+`)).Use(func(_ context.Context, s *socketio.Socket) error {
			running.add(1)
			time.Sleep(time.Second)
			running.add(-1)
			if s.Namespace().Name() == "/3" {
				return errors.New("no")
			}
			return nil
		})
		srv.Open().OnConnect(func(_ context.Context, s *socketio.Socket) error { return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for i := range 9 {
			go func() {
				if _, err := p.Join(f.ctx, fmt.Sprintf("/%d", i), nil); err == nil {
					joined.Add(1)
				} else if i != 3 {
					t.Errorf("/%d: %v", i, err)
				}
			}()
		}
		time.Sleep(time.Minute)
		if joined.Load() != 8 || running.peak() != 2 {
			t.Errorf("%d of 8 joined, %d at a time", joined.Load(), running.peak())
		}
	})
}

// Waiting CONNECTs are not refused more often than others.
func TestWaitingConnectsAreBounded(t *testing.T) {
	var refused atomic.Int32
	bubble(t, socketio.Options{MaxConnecting: 1, MaxRefused: 3}, func(srv *socketio.Server) {
		srv.OfPattern(regexp.MustCompile(`/\d+`)).Use(func(context.Context, *socketio.Socket) error {
			time.Sleep(time.Second) // all arrive before the first is refused
			refused.Add(1)
			return errors.New("no")
		})
		srv.Open()
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for i := range 20 {
			_ = p.SendRaw(fmt.Sprintf("0/%d,", i))
		}
		f.ended(p, sockettest.ErrClosed)
		synctest.Wait()
		if n := refused.Load(); n != 3 {
			t.Errorf("%d CONNECTs were examined, want 3", n)
		}
	})
}

// Busy sockets whose peer has left count, because otherwise a peer could have any number of
// them.
func TestBusySocketsOfLeftNamespacesAreBounded(t *testing.T) {
	var running gauge
	bubble(t, socketio.Options{MaxNamespaces: 3}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("work", func(context.Context, *socketio.Socket, *socketio.Event) error {
			running.add(1)
			time.Sleep(5 * time.Second)
			running.add(-1)
			return nil
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for range 20 {
			_ = p.SendRaw(`2["work"]`)
			synctest.Wait() // until the handler runs
			_ = p.SendRaw("1")
			_ = p.SendRaw("0")
			synctest.Wait()
		}
		f.ended(p, sockettest.ErrClosed)
		time.Sleep(time.Minute)
		if running.peak() != 3 {
			t.Errorf("%d handlers ran at once, want 3", running.peak())
		}
	})
}

// A connection whose only other CONNECT is still in progress is in no namespace.
func TestConnectTimeoutBesideASlowConnect(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/slow").Use(func(ctx context.Context, _ *socketio.Socket) error { <-ctx.Done(); return context.Cause(ctx) })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.SendRaw("0/slow,")
		time.Sleep(time.Hour - time.Minute) // no timer runs, because "/" is joined
		_ = p.Leave()
		time.Sleep(46 * time.Second)
		if _, err := p.Join(f.ctx, "/", nil); !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("got %v, want a closed connection", err)
		}
	})
}

// Concurrent calls of Handler get the same result, and never a handler that was not checked.
func TestHandlerFailsForAllConcurrentCallers(t *testing.T) {
	opts := socketio.Options{ClusterKey: make([]byte, 16), Bus: func(func(socketio.Message)) (socketio.Bus, error) {
		time.Sleep(10 * time.Millisecond) // makes it likely that all calls overlap; the result is the same anyway
		return nil, errors.New("no broker")
	}}
	srv, err := socketio.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Open()
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			if handler, err := srv.Handler(); handler != nil || err == nil || !strings.Contains(err.Error(), "no broker") {
				t.Errorf("Handler() = %v, %v", handler, err)
			}
		})
	}
	asking.Wait()
}

// Before a namespace is joined, only CONNECT is allowed.
func TestOnlyConnectMayComeFirst(t *testing.T) {
	for _, first := range []string{`2["x"]`, "1", "30[]", `4{"message":"x"}`, `51-["x",{"_placeholder":true,"num":0}]`, `2/chat,["x"]`, "7", "x", ""} {
		bubble(t, socketio.Options{}, open, func(f *fixture) {
			conn, err := f.engine()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			begin := time.Now()
			_ = conn.Send([]byte(first))
			if strings.HasPrefix(first, "5") {
				_ = conn.SendBinary([]byte("x"))
			}
			if data, _, err := conn.Receive(f.ctx); err == nil || time.Since(begin) > time.Second {
				t.Errorf("%s: got %s after %v", first, data, time.Since(begin))
			}
		})
	}
}

// Attachments must directly follow their packet.
func TestAttachmentsOutOfOrder(t *testing.T) {
	const event = `52-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
	for name, send := range map[string][]string{
		"text while one is due":         {event, `2["x"]`},
		"text while the second is due":  {event, "0x00", `2["x"]`},
		"DISCONNECT while one is due":   {event, "1"},
		"binary when none is due":       {"0x00"},
		"one more than is due":          {event, "0x00", "0x01", "0x02"},
		"a placeholder that counts too": {`51-["x",{"_placeholder":true,"num":1}]`, "0x00"},
	} {
		var ended record
		bubble(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Open()
			srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, r socketio.Reason) { ended.add(string(r)) })
		}, func(f *fixture) {
			conn, err := f.engine()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.Send([]byte("0"))
			_, _, _ = conn.Receive(f.ctx)
			for _, packet := range send {
				_ = say(conn, packet)
			}
			begin := time.Now()
			if _, _, err := conn.Receive(f.ctx); err == nil || time.Since(begin) > time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(begin))
			}
			if got := ended.all(); !slices.Equal(got, []string{"forced close"}) {
				t.Errorf("%s: ended with %q", name, got)
			}
		})
	}
}

// A packet for a namespace that the server has just ended may have been in transit. A packet
// for a namespace that the peer has left, or was refused by, breaks the protocol.
func TestPacketsAfterTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(p, other *sockettest.Peer, f *fixture)
		packet string
		closed bool
	}{
		"ended by the server": {func(p, _ *sockettest.Peer, _ *fixture) { _ = p.Emit("kick") }, `2/x,["y"]`, false},
		"its answer":          {func(p, _ *sockettest.Peer, _ *fixture) { _ = p.Emit("kick") }, `3/x,0[]`, false},
		"its farewell":        {func(p, _ *sockettest.Peer, _ *fixture) { _ = p.Emit("kick") }, `1/x,`, false},
		"left":                {func(p, _ *sockettest.Peer, _ *fixture) { _ = p.Leave() }, `2/x,["y"]`, true},
		"refused": {func(_, other *sockettest.Peer, f *fixture) { _, _ = other.Join(f.ctx, "/no", nil) },
			`2/no,["y"]`, true},
		"too long ago": {func(p, other *sockettest.Peer, f *fixture) {
			_ = p.Emit("kick")
			synctest.Wait() // so that there are not too many namespaces at once
			for _, name := range []string{"/x1", "/x2", "/x3"} {
				if p, err := other.Join(f.ctx, name, nil); err == nil {
					_ = p.Emit("kick")
				}
				synctest.Wait()
			}
		}, `2/x,["y"]`, true},
		"not so long ago": {func(p, other *sockettest.Peer, f *fixture) {
			_ = p.Emit("kick")
			synctest.Wait() // so that there are not too many namespaces at once
			for _, name := range []string{"/x1", "/x2"} {
				if p, err := other.Join(f.ctx, name, nil); err == nil {
					_ = p.Emit("kick")
				}
				synctest.Wait()
			}
		}, `2/x,["y"]`, false},
	} {
		bubble(t, socketio.Options{MaxNamespaces: 3}, func(srv *socketio.Server) {
			srv.Open()
			srv.Of("/no").Use(func(context.Context, *socketio.Socket) error { return errors.New("no") })
			x := srv.OfPattern(regexp.MustCompile(`/x\d?`)).Open()
			x.Handle("kick", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error { s.Disconnect(nil); return nil })
		}, func(f *fixture) {
			other := f.dial(sockettest.Options{})
			p, err := other.Join(f.ctx, "/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			c.end(p, other, f)
			synctest.Wait()
			_ = other.SendRaw(c.packet)
			synctest.Wait()
			if closed := len(f.srv.Sockets()) == 0; closed != c.closed {
				t.Errorf("%s: closed: %t", name, closed)
			}
		})
	}
}

// Packets read while the connection is closed are too late: a CONNECT must not outlive the
// connection, nor may its timer, and no event is handled.
func TestNothingJoinsAClosedConnection(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Intercept("seen", func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("seen"); return nil })
		})
		srv.HandleAny(func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("event"); return nil })
		srv.Of("/x").Use(func(context.Context, *socketio.Socket) error { ran.add("middleware"); return nil })
	}, func(f *fixture) {
		f.dial(sockettest.Options{})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		s.Disconnect(&socketio.Ending{Temporary: true, WholeConnection: true})
		s.Receive("0/x,")
		s.Late("event")
		s.Late("seen")
		if got := ran.all(); len(got) != 0 || s.TimerRuns() {
			t.Errorf("ran %q, the timer runs: %t", got, s.TimerRuns())
		}
		if left := f.srv.Remains(); left != "" {
			t.Errorf("left: %s", left)
		}
	})
}

// A connection that closes before it joined a namespace leaves no timer. One that is closed for
// joining none is logged.
func TestConnectTimeoutEndsWithTheConnection(t *testing.T) {
	for _, stays := range []bool{false, true} {
		var log logged
		bubble(t, socketio.Options{Logger: log.logger()}, open, func(f *fixture) {
			conn, err := f.engine()
			if err != nil {
				t.Fatal(err)
			}
			if !stays {
				_ = conn.Close()
			}
			_, _, _ = conn.Receive(f.ctx)
			time.Sleep(time.Minute)
			_ = conn.Close()
			if n := log.count("no namespace joined in time"); (n == 1) != stays {
				t.Errorf("stays: %t, logged %d times", stays, n)
			}
		})
	}
}

// A socket that ends while a rule runs leaves no namespace.
func TestEndedWhileARuleIsAsked(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.OfFunc(func(ctx context.Context, _ string, _ *socketio.Handshake) (bool, error) {
			<-ctx.Done()
			return true, nil
		}).Open()
	}, func(f *fixture) {
		conn, err := f.engine()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Send([]byte("0/x,"))
		synctest.Wait()
		_ = conn.Close()
		synctest.Wait()
		if left := f.srv.Remains(); left != "" || f.srv.Lookup("/x") != nil {
			t.Errorf("left: %s", left)
		}
	})
}
