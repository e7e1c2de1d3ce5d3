package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

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

// TestRuleListsItsNamespaces checks that a rule lists the namespaces that have admitted sockets, each once, while sockets
// come and go.
func TestRuleListsItsNamespaces(t *testing.T) {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rules := []*socketio.Rule{srv.OfPattern(regexp.MustCompile("/a.*")), srv.OfPattern(regexp.MustCompile("/b.*"))}
	counts := []map[string]int{{}, {}}
	for _, coming := range []int{7, 3} { // of 10
		for range 2000 {
			i := rand.IntN(2)
			name := fmt.Sprint([]string{"/a", "/b"}[i], rand.IntN(300))
			if rand.IntN(10) < coming {
				counts[i][name]++
				rules[i].Count(name, 1)
			} else if counts[i][name] > 0 {
				rules[i].Count(name, -1)
				if counts[i][name]--; counts[i][name] == 0 {
					delete(counts[i], name)
				}
			}
			listed := rules[i].Listed()
			slices.Sort(listed)
			if want := slices.Sorted(maps.Keys(counts[i])); !slices.Equal(listed, want) {
				t.Fatalf("listed: %q, want %q", listed, want)
			}
		}
	}
	for i, rule := range rules {
		for name, n := range counts[i] {
			for range n {
				rule.Count(name, -1)
			}
		}
	}
	if left := srv.Remains(); left != "" {
		t.Errorf("left: %s", left)
	}
}
