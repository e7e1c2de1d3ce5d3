package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/memnet"
	"socketiojwt/internal/redistest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token/tokentest"
)

// ask returns the status and the body of the response to a GET request.
func ask(mux http.Handler, path string) (status int, body string) {
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

// Both listeners report the same state. Only that of operators names the reasons.
func TestHealth(t *testing.T) {
	h := new(health)
	public, operators := http.NewServeMux(), http.NewServeMux()
	h.handle(public)
	h.handleOperations(operators)
	keys, bus := true, true
	h.require("keys", func() bool { return keys })
	h.require("bus", func() bool { return bus })
	for _, test := range []struct {
		phase     phase
		keys, bus bool
		reasons   string // in JSON; empty means ready
	}{
		{starting, true, true, `"starting"`},
		{serving, true, true, ""},
		{serving, false, true, `"keys"`},
		{serving, false, false, `"keys","bus"`},
		{serving, true, true, ""},
		{draining, true, false, `"draining","bus"`},
	} {
		h.enter(test.phase)
		keys, bus = test.keys, test.bus
		status, known, unknown := http.StatusOK, `{"ok":true}`, `{"ok":true}`
		if test.reasons != "" {
			status, known, unknown = http.StatusServiceUnavailable, `{"ok":false,"reasons":[`+test.reasons+`]}`, `{"ok":false}`
		}
		for _, path := range []struct {
			mux    http.Handler
			path   string
			status int
			body   string
		}{
			{public, "/health", http.StatusOK, `{"ok":true}`},
			{operators, "/healthz", http.StatusOK, `{"ok":true}`},
			{public, "/ready", status, unknown},
			{operators, "/readyz", status, known},
		} {
			if code, body := ask(path.mux, path.path); code != path.status || body != path.body {
				t.Errorf("%+v: %s: %d %s, want %d %s", test, path.path, code, body, path.status, path.body)
			}
		}
	}
}

// A server whose issuers have published no keys yet is not ready, because it can admit no socket. One
// issuer is enough.
func TestReadyNeedsKeys(t *testing.T) {
	one := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	two := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	one.Misbehave(tokentest.Fault{Status: http.StatusBadGateway})
	two.Misbehave(tokentest.Fault{Status: http.StatusBadGateway})
	s := start(t, "--issuer", one.URL(), "--issuer", two.URL(), "--audience", "chat")
	if got := status(t, s.url+"/ready"); got != http.StatusServiceUnavailable {
		t.Errorf("/ready: %d without keys", got)
	}
	if got := status(t, s.url+"/health"); got != http.StatusOK {
		t.Errorf("/health: %d without keys", got)
	}
	two.Misbehave(tokentest.Fault{})
	redistest.Eventually(t, "/ready is 200 with the keys of one issuer", func() bool { return status(t, s.url+"/ready") == http.StatusOK })
	redistest.Eventually(t, "the log says so", func() bool {
		return strings.Contains(s.log.String(), `msg="not ready" reasons=keys`) && strings.Contains(s.log.String(), "msg=ready")
	})
}

// After the signal, the server serves as before during --drain-wait, but is not ready. Then it opens
// no session, and closes the existing ones over --drain-time.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait, drain := 10*time.Second, 20*time.Second
		command := &serveCommand{stopping: stopping{DrainWait: wait, DrainTime: &drain, ShutdownTimeout: 5 * time.Second}}
		a := newAssembly(command, terminal{err: t.Output()})
		listener := memnet.Listen()
		a.listeners = []net.Listener{listener}
		a.sockets.Logger = a.log
		if err := command.stopping.start(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		var err error
		if a.server, err = socketio.NewServer(a.sockets); err != nil {
			t.Fatal(err)
		}
		a.server.Open()
		if err := startRoutes(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- a.serve(ctx) }()
		dial := func() (*sockettest.Peer, error) {
			return sockettest.Dial(t.Context(), "http://server", sockettest.Options{NetDial: listener.Dial})
		}
		one, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		stop()
		time.Sleep(wait - time.Second)
		if status, body := ask(a.operations, "/readyz"); status != http.StatusServiceUnavailable || body != `{"ok":false,"reasons":["draining"]}` {
			t.Errorf("/readyz: %d %s", status, body)
		}
		two, err := dial()
		if err != nil {
			t.Errorf("during --drain-wait: %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := dial(); err == nil {
			t.Error("a session was opened after --drain-wait")
		}
		if status, _ := ask(a.routes, "/health"); status != http.StatusOK {
			t.Errorf("/health: %d", status)
		}
		var ended [2]time.Duration
		var peers sync.WaitGroup
		for i, p := range []*sockettest.Peer{one, two} {
			peers.Go(func() {
				_ = p.Ended(t.Context())
				ended[i] = time.Since(begun)
				_ = p.Close()
			})
		}
		peers.Wait()
		slices.Sort(ended[:])
		if want := [2]time.Duration{wait + drain/2, wait + drain}; ended != want {
			t.Errorf("the connections were closed after %v, want %v", ended, want)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// The time over which connections are closed is that of --drain-time. Its default depends on
// whether there are other nodes.
func TestDrainTime(t *testing.T) {
	for _, test := range []struct {
		args []string
		want time.Duration
	}{
		{nil, 0},
		{[]string{"--redis", "redis://localhost"}, 15 * time.Second},
		{[]string{"--redis", "redis://localhost", "--drain-time", "0s"}, 0},
		{[]string{"--drain-time", "1m"}, time.Minute},
	} {
		var line commandLine
		if _, err := parse(&line, append([]string{"serve"}, test.args...)); err != nil {
			t.Fatal(err)
		}
		a := newAssembly(&line.Serve, terminal{err: t.Output()})
		if err := line.Serve.stopping.start(t.Context(), a); err != nil || a.sockets.ShutdownSpread != test.want {
			t.Errorf("%q: %v, %v, want %v", test.args, a.sockets.ShutdownSpread, err, test.want)
		}
	}
	for _, flag := range []string{"--drain-time", "--drain-wait", "--shutdown-timeout"} {
		if o := runWith(t, "", "serve", flag+"=-1s"); o.code != exitFailed || !strings.Contains(o.err, flag+" must not be negative") {
			t.Errorf("%s -1s: exit code %d: %s", flag, o.code, o.err)
		}
	}
}

// Rules that admit no socket do not make a server ready: those for the tokens of operators, and those
// of the flags if every namespace has its own.
func TestReadyNeedsKeysOfNamespaces(t *testing.T) {
	down := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	down.Misbehave(tokentest.Fault{Status: http.StatusBadGateway})
	file := configured(t, "[[namespace]]\nname = \"/\"\nissuer = \""+down.URL()+"\"\naudience = \"chat\"\n")
	for name, args := range map[string][]string{
		"with --admin":             {"--issuer", down.URL(), "--audience", "chat", "--admin", "localhost:0", "--admin-secret", operatorsSecret},
		"with rules of namespaces": {"--config", file},
	} {
		t.Run(name, func(t *testing.T) {
			if s := start(t, args...); status(t, s.url+"/ready") != http.StatusServiceUnavailable {
				t.Error("/ready is 200 although no socket can be admitted")
			}
		})
	}
}
