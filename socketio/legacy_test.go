package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// Parameters in the query of a CONNECT replace those of the connection with the same name. They
// are visible only in their own namespace.
func TestQueryOfANamespace(t *testing.T) {
	seen := map[string]url.Values{}
	show := func(_ context.Context, s *socketio.Socket) error {
		h := s.Handshake()
		if h.Protocol != 3 || h.Auth != nil {
			t.Errorf("%s: protocol %d, auth payload %s", s.Namespace().Name(), h.Protocol, h.Auth)
		}
		seen[s.Namespace().Name()] = h.Query()
		return nil
	}
	bubble(t, socketio.Options{Engine: withEIO3}, func(srv *socketio.Server) {
		for _, name := range []string{"/", "/own", "/none", "/twice"} {
			srv.Of(name).Use(show)
		}
	}, func(f *fixture) {
		f.pollLegacy("&token=a&lang=de").talk("< 0",
			"> 0/own?token=b&room=1,", "< 0/own,", "> 0/none", "< 0/none,", "> 0/twice?token=c&token=d", "< 0/twice,")
		for name, want := range map[string]string{
			"/": "[a] [de] []", "/own": "[b] [de] [1]", "/none": "[a] [de] []", "/twice": "[c d] [de] []",
		} {
			q := seen[name]
			if got := fmt.Sprint(q["token"], " ", q["lang"], " ", q["room"]); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	})
}

func TestLegacyWithoutARoot(t *testing.T) {
	bubble(t, socketio.Options{Engine: withEIO3}, func(srv *socketio.Server) { srv.Of("/chat").Open() }, func(f *fixture) {
		f.pollLegacy("").talk("> 0/chat", "< 0/chat,")
	})
	refused := func(context.Context, *socketio.Socket) error { return errors.New("for the log only") }
	bubble(t, socketio.Options{Engine: withEIO3}, func(srv *socketio.Server) {
		srv.Use(refused)
		srv.Of("/chat").Open()
	}, func(f *fixture) {
		f.pollLegacy("").talk(`< 4"connection refused"`, "> 0/chat", "< 0/chat,")
	})
}

// A temporary refusal closes the transport for these clients too.
func TestLegacyTemporaryRefusal(t *testing.T) {
	busy := func(context.Context, *socketio.Socket) error {
		return &socketio.Ending{Message: "later", Temporary: true}
	}
	bubble(t, socketio.Options{Engine: withEIO3}, func(srv *socketio.Server) { srv.Use(busy) }, func(f *fixture) {
		f.pollLegacy("").talk("< packet 1")
	})
}

// Protocol violations close the connection in every revision.
func TestLegacyViolations(t *testing.T) {
	for _, packet := range []string{
		"0/chat,{}", `0/chat,"x"`, "0/root", `2/chat,["early"]`, "4/chat,{}", "1/chat",
	} {
		opts := socketio.Options{Engine: withEIO3}
		bubble(t, opts, func(srv *socketio.Server) {
			srv.Open()
			srv.Of("/chat").Open()
			srv.Of("/root").Open()
		}, func(f *fixture) {
			p := f.pollLegacy("")
			p.talk("< 0", "> 0/root", "< 0/root,", "> "+packet, "< packet 1")
		})
	}
}

// The ids are those that such a client uses without being told.
func TestLegacyIDs(t *testing.T) {
	log := &strings.Builder{}
	opts := socketio.Options{Engine: withEIO3, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	var ids []string
	bubble(t, opts, func(srv *socketio.Server) {
		for _, name := range []string{"/", "/chat"} {
			n := srv.Of(name)
			n.Open()
			n.OnConnect(func(_ context.Context, s *socketio.Socket) error {
				ids = append(ids, s.ID())
				return nil
			})
			n.Handle("fail", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error {
				return fmt.Errorf("%v %+v %#v", s, s, s)
			})
		}
	}, func(f *fixture) {
		p := f.pollLegacy("")
		p.talk("< 0", "> 0/chat", "< 0/chat,", `> 2["fail"]`, `> 2/chat,["fail"]`, `> 2["unknown"]`)
		synctest.Wait()
		if want := []string{p.sid, "/chat#" + p.sid}; !slices.Equal(ids, want) {
			t.Errorf("ids %q, want %q", ids, want)
		}
		if err := f.srv.To(p.sid).Emit("for", "one"); err != nil {
			t.Error(err)
		}
		p.talk(`< 2["for","one"]`)
		p.talk("> 9", "< packet 1")
		synctest.Wait() // for the lines about the end
		if text := log.String(); strings.Contains(text, p.sid) || !strings.Contains(text, "#"+p.sid[:8]) {
			t.Errorf("the log shows the session's ID, or no socket:\n%s", text)
		}
	})
}

// A client that leaves and joins again has the same id, so its new socket waits until the
// previous one has ended and its OnDisconnect has returned, even if the server ended that one.
// Other namespaces do not wait.
func TestLegacyJoinsAgain(t *testing.T) {
	var release chan struct{}
	var happened record
	bubble(t, socketio.Options{Engine: withEIO3}, func(srv *socketio.Server) {
		release = make(chan struct{}) // belongs to the bubble
		srv.Open()
		srv.Of("/other").Open()
		n := srv.Of("/chat")
		n.Open()
		n.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			happened.add("connected")
			return s.Join("room")
		})
		n.OnDisconnecting(func(_ context.Context, _ *socketio.Socket, _ socketio.Reason, rooms []string) {
			happened.add(fmt.Sprintf("leaves %d rooms", len(rooms)))
		})
		n.OnDisconnect(func(_ context.Context, _ *socketio.Socket, reason socketio.Reason) {
			<-release
			happened.add("left: " + string(reason))
		})
		n.Handle("wait", func(context.Context, *socketio.Socket, *socketio.Event) error {
			<-release
			return nil
		})
		n.Handle("leave", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error {
			s.Disconnect(nil)
			return nil
		})
	}, func(f *fixture) {
		p := f.pollLegacy("")
		p.talk("< 0", "> 0/chat", "< 0/chat,")
		synctest.Wait() // otherwise Join in OnConnect would find that the peer has left
		p.talk(`> 2/chat,["wait"]`, "> 1/chat", "> 0/chat", "> 0/other", "< 0/other,")
		synctest.Wait()
		release <- struct{}{} // the handler
		synctest.Wait()
		release <- struct{}{} // OnDisconnect
		p.talk("< 0/chat,", `> 2/chat,["leave"]`, "< 1/chat,", "> 0/chat")
		synctest.Wait()
		release <- struct{}{}
		p.talk("< 0/chat,")
		want := []string{
			"connected", "leaves 2 rooms", "left: client namespace disconnect",
			"connected", "leaves 2 rooms", "left: server namespace disconnect", "connected",
		}
		if got := happened.all(); !slices.Equal(got, want) {
			t.Errorf("happened: %q, want %q", got, want)
		}
		for _, to := range []string{"/chat#" + p.sid, "room"} {
			if err := f.srv.Of("/chat").To(to).Emit("news", to); err != nil {
				t.Error(err)
			}
			p.talk(`< 2/chat,["news","` + to + `"]`)
		}
		if infos, err := f.srv.Of("/chat").FetchSockets(f.ctx); err != nil || len(infos) != 1 || len(infos[0].Rooms) != 2 {
			t.Errorf("sockets %v, %v", infos, err)
		}
		close(release)
	})
}

// A socket that was never admitted has no OnDisconnect to wait for.
func TestLegacyConnectsAgainAfterRefusal(t *testing.T) {
	var knocks int
	bubble(t, socketio.Options{Engine: withEIO3}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/held").Use(func(_ context.Context, s *socketio.Socket) error { return s.Hold(socketio.HoldOptions{}) })
		srv.Of("/knock").Use(func(context.Context, *socketio.Socket) error {
			if knocks++; knocks == 1 {
				return &socketio.Ending{Message: "no"}
			}
			return nil
		})
	}, func(f *fixture) {
		p := f.pollLegacy("")
		p.talk("< 0", "> 0/held", "< 0/held,", "> 1/held", "> 0/held", "< 0/held,")
		p.talk("> 0/knock", `< 4/knock,"no"`, "> 0/knock", "< 0/knock,")
	})
}

// One room of a server has peers of both revisions. A broadcast reaches each in its own format.
func TestBothRevisionsInOneRoom(t *testing.T) {
	bubble(t, socketio.Options{Engine: withEIO3}, func(srv *socketio.Server) {
		srv.Open()
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("room") })
	}, func(f *fixture) {
		old, young := f.pollLegacy(""), f.dial(sockettest.Options{})
		old.talk("< 0")
		synctest.Wait()
		if err := f.srv.To("room").Emit("news", "größe", []byte{1, 2}); err != nil {
			t.Fatal(err)
		}
		old.talk(`< 51-["news","gr\u00f6\u00dfe",{"_placeholder":true,"num":0}]`, "< 0x0102")
		var text string
		var data []byte
		f.expect(young, "news", &text, &data)
		if text != "größe" || string(data) != "\x01\x02" {
			t.Errorf("the peer of revision 5 got %q, %x", text, data)
		}
	})
}

// A legacy client that is refused at "/" has as much time as any connection without a
// namespace.
func TestLegacyConnectTimeout(t *testing.T) {
	opts := socketio.Options{Engine: withEIO3, ConnectTimeout: 5 * time.Second}
	bubble(t, opts, func(srv *socketio.Server) {
		srv.Use(func(context.Context, *socketio.Socket) error { return &socketio.Ending{Message: "no"} })
	}, func(f *fixture) {
		began := time.Now()
		f.pollLegacy("").talk(`< 4"no"`, "< packet 1")
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("closed after %s", took)
		}
	})
}

// Such a client always joins "/" first. The values that the gate of another namespace needs
// must be kept.
func TestLegacyKeepsCookies(t *testing.T) {
	for name, c := range map[string]struct {
		keep []string
		want string
	}{
		"unless said otherwise": {nil, "[c=1] [a]"},
		"none":                  {[]string{}, "[] []"},
		"those that were named": {[]string{"authorization"}, "[] [a]"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := ""
			bubble(t, socketio.Options{Engine: withEIO3, KeepHeaders: c.keep}, func(srv *socketio.Server) {
				srv.Open()
				srv.Of("/later").Use(func(_ context.Context, s *socketio.Socket) error {
					h := s.Handshake().Header
					seen = fmt.Sprint(h["Cookie"], " ", h["Authorization"])
					return nil
				})
			}, func(f *fixture) {
				f.header = http.Header{"Cookie": {"c=1"}, "Authorization": {"a"}}
				f.pollLegacy("").talk("< 0", "> 0/later", "< 0/later,")
				if seen != c.want {
					t.Errorf("a later namespace sees %s, want %s", seen, c.want)
				}
			})
		})
	}
}
