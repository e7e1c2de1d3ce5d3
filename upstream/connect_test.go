package upstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/upstream"
)

// hold connects to /held and shows a token there.
func (b *backend) hold(subject string) *sockettest.Peer {
	b.t.Helper()
	p := b.srv.Dial(sockettest.Options{Namespace: "/held"})
	if err := p.Emit("authenticate", b.shows(subject).Auth); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// The backend is asked about each socket that the gate admits, and about no other. The rooms of
// its answer count from the admission, and its events are the first that the socket gets.
func TestConnect(t *testing.T) {
	with(t, upstream.Options{Claims: []string{"tenant"}}, func(b *backend) {
		lobby := b.enter("lobby")
		b.says("event", `{"join":["lobby"]}`)
		b.ask(lobby, "enter")
		b.got("")
		b.says("connect", `{"join":["lobby","tenant:acme"],"emit":[{"event":"hello","args":[1]},{"event":"joined","rooms":["lobby"]}]}`)
		p := b.enter("ada")
		m := b.got("connect")[0]
		if m.Version != 1 || m.Namespace != "/" || m.Socket != p.ID() || m.User.Subject != "ada" || m.User.Claims["tenant"] != "acme" || m.Connection.Protocol != 4 || m.Connection.Transport != "websocket" {
			t.Errorf("%s", m.raw)
		}
		for _, event := range []string{"hello", "joined"} {
			if e, err := p.Next(b.ctx); err != nil || e.Name != event {
				t.Fatalf("%v, %v, want %s", e, err, event)
			}
		}
		if e, err := lobby.Next(b.ctx); err != nil || e.Name != "joined" {
			t.Errorf("%v, %v", e, err)
		}
		if n := len(b.srv.To("tenant:acme").Sockets()); n != 1 {
			t.Errorf("%d sockets in the room", n)
		}
		held := b.hold("eve")
		for _, event := range []string{"authenticated", "hello"} {
			if e, err := held.Next(b.ctx); err != nil || e.Name != event {
				t.Fatalf("%v, %v, want %s", e, err, event)
			}
		}
		b.got("")
		b.srv.Refused(sockettest.Options{Auth: map[string]any{"token": "x"}})
		if n := len(b.got("connect")); n != 0 {
			t.Errorf("the backend was asked about a socket that the gate refuses")
		}
	})
}

// A refusal of the backend has the form of the gate's, in both modes, and is final or temporary.
func TestRefuse(t *testing.T) {
	with(t, upstream.Options{}, func(b *backend) {
		b.says("connect", `{"refuse":{"message":"banned","code":"banned","reason":"abuse"}}`)
		const data = `{"message":"banned","code":"banned","type":"UnauthorizedError","reason":"abuse"}`
		refused := b.srv.Refused(b.shows("ada"))
		if refused.Message != "banned" || fmt.Sprintf("%s", refused.Data) != data {
			t.Errorf("%q %s", refused.Message, refused.Data)
		}
		if e, ok := auth.ParseRefusal([]byte(data)); !ok || e.Reason != "abuse" || e.Temporary {
			t.Errorf("%+v", e)
		}
		p := b.hold("ada")
		e, err := p.Next(b.ctx)
		var told json.RawMessage
		if err != nil || e.Name != "unauthorized" || e.Scan(&told) != nil || string(told) != `{"message":"banned","inner":{"message":"banned"},"data":`+data+`}` {
			t.Errorf("%v, %v, %s", e, err, told)
		}
		if err := p.Ended(b.ctx); err != sockettest.ErrDisconnected {
			t.Errorf("ended with %v", err)
		}
		b.says("connect", `{"refuse":{"temporary":true,"retryAfter":2}}`)
		began := time.Now()
		if _, err := sockettest.Dial(b.ctx, "http://localhost", b.options("ada")); err == nil || strings.Contains(err.Error(), "banned") {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("the transport stayed for %v", took)
		}
		if n := b.up.Stats().Refused; n != 3 {
			t.Errorf("%d refused", n)
		}
	})
}

// A backend that fails refuses temporarily, and nothing that it says by mistake admits a socket.
func TestConnectFails(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		asked  int
	}{
		"502":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, 3},
		"503":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, 3},
		"500":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 1},
		"403":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, 1},
		"hangs":  {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 1},
		"closes": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 3},
		"typing error": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"refused":{}}`)
		}, 1},
		"other type": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `{}`)
		}, 1},
		"null": {func(w http.ResponseWriter, _ *http.Request) { // of a function that has returned nothing
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, " null\n")
		}, 1},
		"ack": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"ack":[]}`)
		}, 1},
		"reserved room": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"join":["`+strings.Repeat("x", 300)+`"]}`)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, upstream.Options{}, func(b *backend) {
				b.answers(func(w http.ResponseWriter, r *http.Request, _ message) { test.answer(w, r) })
				began := time.Now()
				if _, err := sockettest.Dial(b.ctx, "http://localhost", b.options("ada")); err == nil {
					t.Error("admitted")
				}
				if took := time.Since(began); took < time.Second || took > 21*time.Second {
					t.Errorf("the peer was kept for %v", took)
				}
				all := b.got("connect")
				if len(all) != test.asked {
					t.Fatalf("asked %d times, want %d", len(all), test.asked)
				}
				for _, m := range all {
					if m.raw != all[0].raw || m.header.Get("Webhook-Id") != all[0].ID {
						t.Error("an attempt has another body or webhook-id")
					}
				}
				if len(b.srv.Sockets()) != 0 || !strings.Contains(b.log.String(), "connect failed") {
					t.Errorf("%d sockets\n%s", len(b.srv.Sockets()), &b.log)
				}
			})
		})
	}
}

// An attempt that fails is repeated, and the socket is admitted.
func TestConnectAgain(t *testing.T) {
	with(t, upstream.Options{}, func(b *backend) {
		n := 0
		b.answers(func(w http.ResponseWriter, _ *http.Request, _ message) {
			if n++; n < 3 {
				w.WriteHeader(502)
				return
			}
			w.WriteHeader(204)
		})
		began := time.Now()
		b.enter("ada")
		if took := time.Since(began); took < 150*time.Millisecond || took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// While the backend is down, the goroutines of sockets that connect do not pile up.
func TestConnectsWhileDown(t *testing.T) {
	with(t, upstream.Options{MaxRequests: 2, MaxWaiting: 2}, func(b *backend) {
		b.answers(func(_ http.ResponseWriter, r *http.Request, _ message) { <-r.Context().Done() })
		var done sync.WaitGroup
		for i := range 50 {
			done.Go(func() { _, _ = sockettest.Dial(b.ctx, "http://localhost", b.options(fmt.Sprint("u", i))) })
		}
		synctest.Wait()
		if s := b.up.Stats(); s.Running != 2 || s.Waiting != 2 || s.Unsent != 46 {
			t.Errorf("%+v", s)
		}
		done.Wait()
	})
}

// options returns what sockettest.Dial needs to connect in memory.
func (b *backend) options(subject string) sockettest.Options {
	o := b.shows(subject)
	o.NetDial = b.dial
	return o
}

// The backend is told once about the end of each socket that it was asked about and has not
// refused, after the last event.
func TestDisconnects(t *testing.T) {
	with(t, upstream.Options{Disconnects: true}, func(b *backend) {
		p := b.enter("ada")
		id := p.ID()
		b.answers(func(w http.ResponseWriter, _ *http.Request, m message) {
			if m.Type == "event" {
				time.Sleep(time.Second)
			}
			w.WriteHeader(204)
		})
		if err := p.Emit("last"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := p.Leave(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		b.mu.Lock()
		for _, m := range b.messages {
			if m.Type == "disconnect" {
				t.Error("the disconnect overtook the event")
			}
		}
		b.mu.Unlock()
		time.Sleep(time.Second)
		if all := b.got("disconnect"); len(all) != 1 || all[0].Socket != id || all[0].User.Subject != "ada" || all[0].Reason != "client namespace disconnect" {
			t.Errorf("%+v", all)
		}
		b.says("connect", `{"refuse":{}}`)
		b.srv.Refused(b.shows("eve"))
		time.Sleep(time.Second)
		if all := b.got("disconnect"); len(all) != 0 {
			t.Errorf("after a refusal: %+v", all)
		}
		b.answers(func(w http.ResponseWriter, r *http.Request, m message) {
			if m.Type == "connect" {
				<-r.Context().Done()
				return
			}
			w.WriteHeader(204)
		})
		_, _ = sockettest.Dial(b.ctx, "http://localhost", b.options("bob"))
		time.Sleep(time.Minute)
		if all := b.got("disconnect"); len(all) != 1 || all[0].User.Subject != "bob" {
			t.Errorf("after a connect that the backend may have accepted: %+v", all)
		}
	})
}

// Disconnects are repeated a few times, and those that are left at the shutdown are sent until the
// context ends.
func TestDisconnectsAtShutdown(t *testing.T) {
	with(t, upstream.Options{Disconnects: true, MaxNotices: 30}, func(b *backend) {
		for i := range 40 {
			b.enter(fmt.Sprint("u", i))
		}
		b.got("")
		b.answers(func(w http.ResponseWriter, _ *http.Request, _ message) {
			time.Sleep(time.Second)
			w.WriteHeader(204)
		})
		if err := b.srv.Shutdown(b.ctx); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(b.ctx, 3500*time.Millisecond)
		defer cancel()
		b.up.Close(ctx)
		if s := b.up.Stats(); s.Disconnects < 24 || s.Dropped != 16 || s.Notices != 0 {
			t.Errorf("%+v", s)
		}
	})
	with(t, upstream.Options{Disconnects: true, MaxNotices: 5}, func(b *backend) {
		for i := range 40 {
			b.enter(fmt.Sprint("u", i))
		}
		b.answers(func(w http.ResponseWriter, _ *http.Request, _ message) {
			time.Sleep(time.Second)
			w.WriteHeader(204)
		})
		if err := b.srv.Shutdown(b.ctx); err != nil {
			t.Fatal(err)
		}
		b.up.Close(b.ctx)
		if s := b.up.Stats(); s.Dropped < 25 || s.Dropped > 35 || s.Dropped+s.Disconnects != 40 {
			t.Errorf("with a short queue: %+v", s)
		}
	})
	with(t, upstream.Options{Disconnects: true}, func(b *backend) {
		p := b.enter("ada")
		b.got("")
		b.answers(func(w http.ResponseWriter, _ *http.Request, _ message) { w.WriteHeader(502) })
		_ = p.Leave()
		time.Sleep(time.Hour / 2)
		if n := len(b.got("disconnect")); n < 3 || n > 4 || b.up.Stats().Dropped != 1 {
			t.Errorf("%d attempts, %+v", n, b.up.Stats())
		}
	})
}

// Options that would sign nothing, or send in plain text over a network, are errors.
func TestNewFails(t *testing.T) {
	good := []string{secret}
	for name, test := range map[string]struct {
		url  string
		opts upstream.Options
	}{
		"no secret":      {"https://backend.example/", upstream.Options{}},
		"short secret":   {"https://backend.example/", upstream.Options{Secrets: []string{"whsec_c2hvcnQ="}}},
		"malformed":      {"https://backend.example/", upstream.Options{Secrets: []string{"a secret that is not Base64 at all"}}},
		"many secrets":   {"https://backend.example/", upstream.Options{Secrets: []string{secret, secret, secret, secret, secret}}},
		"plain HTTP":     {"http://backend.example/", upstream.Options{Secrets: good}},
		"user":           {"https://a:b@backend.example/", upstream.Options{Secrets: good}},
		"no URL":         {"backend", upstream.Options{Secrets: good}},
		"negative":       {"https://backend.example/", upstream.Options{Secrets: good, MaxRequests: -1}},
		"empty claim":    {"https://backend.example/", upstream.Options{Secrets: good, Claims: []string{""}}},
		"negative limit": {"https://backend.example/", upstream.Options{Secrets: good, MaxBody: -1}},
	} {
		if _, err := upstream.New(test.url, test.opts); err == nil || strings.Contains(err.Error(), "MfKQ") || strings.Contains(err.Error(), "not Base64 at all") {
			t.Errorf("%s: %v", name, err)
		}
	}
	b, err := upstream.New("https://backend.example/path?key=x", upstream.Options{Secrets: good})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "text", fmt.Sprintf("%+v", b), "upstream.Backend(backend.example)")
	b.Close(t.Context())
	b.Close(t.Context())
}
