package socketio_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestOptionsAreChecked(t *testing.T) {
	for name, opts := range map[string]socketio.Options{
		"ConnectTimeout": {ConnectTimeout: -1},
		"MaxNamespaces":  {MaxNamespaces: -1},
		"MaxConnecting":  {MaxConnecting: -1},
		"MaxRefused":     {MaxRefused: -1},
		"MaxRooms":       {MaxRooms: -1},
		"MaxPendingAcks": {MaxPendingAcks: -1},
		"MaxAttachments": {MaxAttachments: -1},
		"MaxDepth":       {MaxDepth: -1},
		"MaxNameLength":  {MaxNameLength: -1},
		"MaxAuthPayload": {MaxAuthPayload: -1},
		"MaxInbox":       {MaxInbox: -1},
		"MaxHeldBytes":   {MaxHeldBytes: -1},
	} {
		if _, err := socketio.NewServer(opts); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInvalidRegistrationPanics(t *testing.T) {
	nop := func(context.Context, *socketio.Socket, *socketio.Event) error { return nil }
	for name, register := range map[string]func(srv *socketio.Server){
		"Use nil":             func(srv *socketio.Server) { srv.Use(nil) },
		"Wrap nil":            func(srv *socketio.Server) { srv.Wrap(nil) },
		"Handle nil":          func(srv *socketio.Server) { srv.Handle("x", nil) },
		"HandleAny nil":       func(srv *socketio.Server) { srv.HandleAny(nil) },
		"OnConnect nil":       func(srv *socketio.Server) { srv.OnConnect(nil) },
		"OnDisconnecting nil": func(srv *socketio.Server) { srv.OnDisconnecting(nil) },
		"OnDisconnect nil":    func(srv *socketio.Server) { srv.OnDisconnect(nil) },
		"OfFunc nil":          func(srv *socketio.Server) { srv.OfFunc(nil) },
		"OfPattern nil":       func(srv *socketio.Server) { srv.OfPattern(nil) },
		"Handle empty":        func(srv *socketio.Server) { srv.Handle("", nop) },
		"Handle reserved":     func(srv *socketio.Server) { srv.Handle("disconnecting", nop) },
		"Handle too long":     func(srv *socketio.Server) { srv.Handle(strings.Repeat("x", 257), nop) },
		"Handle twice":        func(srv *socketio.Server) { srv.Handle("x", nop); srv.Handle("x", nop) },
		"HandleAny twice":     func(srv *socketio.Server) { srv.HandleAny(nop); srv.HandleAny(nop) },
		"Of without slash":    func(srv *socketio.Server) { srv.Of("x") },
		"Of with comma":       func(srv *socketio.Server) { srv.Of("/x,y") },
		"Of too long":         func(srv *socketio.Server) { srv.Of("/" + strings.Repeat("x", 256)) },
		"Wrap to nil": func(srv *socketio.Server) {
			srv.Open().Wrap(func(socketio.Handler) socketio.Handler { return nil })
			_, _ = srv.Handler()
		},
	} {
		srv, err := socketio.NewServer(socketio.Options{})
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, "socketio: ") && name != "OfPattern nil" {
					t.Errorf("%s: panic %q, want one that says what is wrong", name, text)
				}
			}()
			register(srv)
			t.Errorf("%s did not panic", name)
		}()
	}
}

func TestClientFiles(t *testing.T) {
	serve := func(opts socketio.Options) http.Handler {
		srv, err := socketio.NewServer(opts)
		if err != nil {
			t.Fatal(err)
		}
		srv.Open()
		handler, err := srv.Handler()
		if err != nil {
			t.Fatal(err)
		}
		return handler
	}
	ask := func(h http.Handler, method, path, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	without := serve(socketio.Options{})
	if w := ask(without, "GET", "/socket.io/socket.io.js", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "Options.ClientFiles") {
		t.Errorf("without files: %d %q", w.Code, w.Body)
	}
	files := serve(socketio.Options{Engine: engineio.Options{Path: "/ws/"}, ClientFiles: fstest.MapFS{
		"socket.io.js":         {Data: []byte("client")},
		"socket.io.min.js.map": {Data: []byte("{}")},
		"secret.txt":           {Data: []byte("secret")},
		"a/socket.io.js":       {Data: []byte("deeper")},
	}})
	w := ask(files, "GET", "/ws/socket.io.js", "")
	etag := w.Header().Get("ETag")
	if w.Code != 200 || w.Body.String() != "client" || etag == "" ||
		w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" || w.Header().Get("Cache-Control") != "public, max-age=0" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	if w := ask(files, "GET", "/ws/socket.io.js", etag); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("again: %d %q", w.Code, w.Body)
	}
	if w := ask(files, "GET", "/ws/socket.io.js", `"other"`); w.Code != 200 {
		t.Errorf("another version: %d", w.Code)
	}
	if w := ask(files, "HEAD", "/ws/socket.io.js", ""); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "6" || w.Header().Get("ETag") != etag {
		t.Errorf("HEAD: %d %q %v", w.Code, w.Body, w.Header())
	}
	if w := ask(files, "GET", "/ws/socket.io.min.js.map", ""); w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("ETag") == etag {
		t.Errorf("map: %d %v", w.Code, w.Header())
	}
	if w := ask(files, "GET", "/ws/socket.io.esm.min.js", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "socket.io.esm.min.js") {
		t.Errorf("missing: %d %q", w.Code, w.Body)
	}
	if w := ask(files, "POST", "/ws/socket.io.js", ""); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
	for _, path := range []string{"/ws/secret.txt", "/ws/../secret.txt", "/ws/a/socket.io.js", "/ws/socket.io.js/", "/socket.io/socket.io.js", "/ws/xsocket.io.js"} {
		if w := ask(files, "GET", path, ""); w.Code == 200 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
}

// Operations on a rule for dynamic namespaces apply to all its namespaces.
func TestRuleAppliesToAllItsNamespaces(t *testing.T) {
	var rule *socketio.Rule
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		rule = srv.OfPattern(regexp.MustCompile(`/room-\d`)).Open()
		rule.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("all") })
		srv.Of("/other").Open()
	}, func(f *fixture) {
		one, two := f.dial(sockettest.Options{Namespace: "/room-1"}), f.dial(sockettest.Options{Namespace: "/room-2"})
		other := f.dial(sockettest.Options{Namespace: "/other"})
		synctest.Wait()
		_ = rule.To("all").Emit("hello")
		f.expect(one, "hello")
		f.expect(two, "hello")
		for _, p := range []*sockettest.Peer{one, two} {
			go func() {
				e, _ := p.Expect(f.ctx, "q")
				time.Sleep(time.Second)
				_ = e.Ack(p.ID())
			}()
		}
		begin := time.Now()
		answers, err := rule.EmitWithAck(f.ctx, "q")
		if len(answers.List) != 2 || err != nil || time.Since(begin) != time.Second {
			t.Errorf("%d answers, %v, after %v", len(answers.List), err, time.Since(begin))
		}
		if n := len(rule.Sockets()); n != 2 {
			t.Errorf("%d sockets", n)
		}
		_ = rule.SocketsJoin("x", "y")
		_ = rule.SocketsLeave("y")
		infos, err := rule.To("x").FetchSockets(f.ctx)
		if len(infos) != 2 || err != nil || len(infos[0].Rooms) != 3 {
			t.Errorf("fetched %v, %v", infos, err)
		}
		if err := rule.Emit("connect"); err == nil {
			t.Error("an event that cannot be sent was")
		}
		_ = rule.DisconnectSockets(nil)
		f.ended(one, sockettest.ErrDisconnected)
		f.ended(two, sockettest.ErrDisconnected)
		f.nothing(other)
	})
}

// In revision 5 of the protocol, a "?" and what follows it are part of the namespace's name.
func TestNamespaceWithQuery(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Of("/a").Open()
		srv.Of("/b?x=1").Open()
	}, func(f *fixture) {
		f.refused(sockettest.Options{Namespace: "/a?x=1"})
		f.refused(sockettest.Options{Namespace: "/b"})
		f.dial(sockettest.Options{Namespace: "/b?x=1"})
		if names := []string{f.srv.Of("/a").Name(), f.srv.Lookup("/b?x=1").Name()}; !slices.Equal(names, []string{"/a", "/b?x=1"}) {
			t.Errorf("%q", names)
		}
	})
}

// After Handler has failed, registrations can be corrected. After it has succeeded, it returns
// the same handler.
func TestHandlerAgain(t *testing.T) {
	made := 0
	opts := socketio.Options{ClusterKey: make([]byte, 16), Bus: func(func(socketio.Message)) (socketio.Bus, error) {
		made++
		return &stubBus{}, nil
	}}
	srv, err := socketio.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	rule := srv.OfPattern(regexp.MustCompile(`/\d`))
	if rule.Name() != `/\d` {
		t.Errorf("the rule's name is %q", rule.Name())
	}
	if handler, err := srv.Handler(); handler != nil || err == nil || !strings.Contains(err.Error(), `/\d`) || made != 0 {
		t.Errorf("Handler() = %v, %v with %d buses; want an error that names the rule", handler, err, made)
	}
	rule.Open()
	for range 2 {
		if handler, err := srv.Handler(); handler == nil || err != nil || made != 1 {
			t.Errorf("Handler() = %v, %v with %d buses", handler, err, made)
		}
	}
}

// If a peer declares a body that no handler reads and does not send it, the connection ends,
// even if the program's http.Server sets no deadline.
func TestUnwantedBodyIsNotAwaited(t *testing.T) {
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		conn, err := f.in.Dial(f.ctx, "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		begin := time.Now()
		go func() {
			_, _ = conn.Write([]byte("POST /socket.io/socket.io.js HTTP/1.1\r\nHost: server\r\nContent-Length: 5\r\n\r\n"))
		}()
		response, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(response), "HTTP/1.1 404") {
			t.Errorf("answered %.40q, %v", response, err)
		}
		if waited := time.Since(begin); waited > time.Minute {
			t.Errorf("the connection ended after %s", waited)
		}
	})
}

// A Server without a logger works normally.
func TestNoLogger(t *testing.T) {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	reasons := make(chan socketio.Reason, 1)
	srv.Open().OnDisconnect(func(_ context.Context, _ *socketio.Socket, r socketio.Reason) { reasons <- r })
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	defer web.Close()
	defer func() { _ = srv.Close() }()
	p, err := sockettest.Dial(t.Context(), web.URL, sockettest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	_ = p.SendRaw("x")
	if got := <-reasons; got != socketio.ReasonForcedClose {
		t.Errorf("ended with %q", got)
	}
}
