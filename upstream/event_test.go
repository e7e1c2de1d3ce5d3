package upstream_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/observe"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/upstream"
)

// An event is passed with the user and the configured claims, and never with the token.
func TestEvent(t *testing.T) {
	with(t, upstream.Options{Claims: []string{"tenant", "roles", "missing"}}, func(b *backend) {
		p := b.enter("ada")
		b.got("")
		b.says("event", `{"ack":[{"n":1},null,"x"]}`)
		want(t, "ack", b.ask(p, "order", map[string]any{"id": 7}, "twice"), `[{"n":1},null,"x"]`)
		m := b.got("event")[0]
		if m.Version != 1 || m.Namespace != "/" || m.Socket != p.ID() || m.Event != "order" || !m.Ack || m.User.Issuer != "i" || m.User.Subject != "ada" {
			t.Errorf("%s", m.raw)
		}
		want(t, "args", string(m.Args), `[{"id":7},"twice"]`)
		want(t, "claims", fmt.Sprint(m.User.Claims), "map[roles:[a] tenant:acme]")
		if strings.Contains(m.raw, "eyJ") || len(m.header["Authorization"])+len(m.header["Cookie"]) > 0 {
			t.Errorf("a token: %s %v", m.raw, m.header)
		}
		b.answers(nil)
		want(t, "204", b.ask(p, "order"), `[]`)
		if err := p.Emit("order"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if all := b.got("event"); len(all) != 2 || all[1].Ack {
			t.Errorf("%d messages, want the last without ack", len(all))
		}
	})
}

// Binary data is passed and answered in Base64, with the placeholders of Socket.IO.
func TestAttachments(t *testing.T) {
	with(t, upstream.Options{}, func(b *backend) {
		p := b.enter("ada")
		b.got("")
		b.says("event", `{"ack":[{"file":{"_placeholder":true,"num":0}}],"attachments":["AQID"]}`)
		want(t, "ack", b.ask(p, "upload", []byte{0, 255}, "x", []byte{9}), `[{"file":{"_placeholder":true,"num":0}}] [[1 2 3]]`)
		m := b.got("event")[0]
		want(t, "args", string(m.Args), `[{"_placeholder":true,"num":0},"x",{"_placeholder":true,"num":1}]`)
		if len(m.Attachments) != 2 || !bytes.Equal(m.Attachments[0], []byte{0, 255}) || !bytes.Equal(m.Attachments[1], []byte{9}) {
			t.Errorf("attachments %v", m.Attachments)
		}
		b.says("event", `{"ack":[{"_placeholder":true,"num":1}],"attachments":["AQID"]}`)
		want(t, "placeholder without attachment", b.ask(p, "upload"), failed)
	})
}

// A request is signed as Standard Webhooks says, with each secret.
func TestSignature(t *testing.T) {
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	with(t, upstream.Options{Secrets: []string{secret, other}}, func(b *backend) {
		p := b.enter("ada")
		b.got("")
		check := func(m message, secrets ...string) {
			t.Helper()
			id, at := m.header.Get("webhook-id"), m.header.Get("webhook-timestamp")
			if id != m.ID || at != fmt.Sprint(time.Now().Unix()) {
				t.Errorf("webhook-id %q, webhook-timestamp %q", id, at)
			}
			var signatures []string
			for _, s := range secrets {
				key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
				if err != nil {
					t.Fatal(err)
				}
				mac := hmac.New(sha256.New, key)
				mac.Write([]byte(id + "." + at + "." + m.raw))
				signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
			}
			want(t, "webhook-signature", m.header.Get("webhook-signature"), strings.Join(signatures, " "))
		}
		b.ask(p, "x", "é")
		check(b.got("event")[0], secret, other)
		if err := b.up.SetSecrets([]string{"whsec_short"}); err == nil || strings.Contains(err.Error(), "short=") {
			t.Errorf("a short secret: %v", err)
		}
		if err := b.up.SetSecrets([]string{other}); err != nil {
			t.Fatal(err)
		}
		b.ask(p, "x")
		check(b.got("event")[0], other)
	})
}

// An answer makes the socket join and leave rooms, emits to it, to rooms and to all, and ends it.
func TestAnswer(t *testing.T) {
	with(t, upstream.Options{}, func(b *backend) {
		ada, bob, eve := b.enter("ada"), b.enter("bob"), b.enter("eve")
		next := func(p *sockettest.Peer, event string) {
			t.Helper()
			e, err := p.Next(b.ctx)
			if err != nil || e.Name != event {
				t.Fatalf("%v, %v, want %s", e, err, event)
			}
		}
		b.says("event", `{"join":["lobby","x"]}`)
		b.ask(ada, "enter")
		b.ask(bob, "enter")
		b.says("event", `{"leave":["lobby"],"emit":[{"event":"own","args":[1]},{"event":"to","rooms":["lobby"]},{"event":"all","all":true,"except":["lobby"]},{"event":"none","rooms":[]},
			{"event":"bin","args":[{"_placeholder":true,"num":0}],"attachments":["AQ=="]}],"ack":["done"]}`)
		want(t, "ack", b.ask(ada, "go"), `["done"]`)
		next(ada, "own")
		next(ada, "all")
		next(ada, "bin")
		next(bob, "to")
		next(eve, "all")
		b.says("event", `{"emit":[{"event":"volatile","volatile":true},{"event":"dropped","volatile":true}]}`)
		b.ask(ada, "go")
		next(ada, "volatile")
		b.says("event", `{"disconnect":{},"ack":["bye"]}`)
		want(t, "ack", b.ask(bob, "go"), `["bye"]`)
		if err := bob.Ended(b.ctx); err != sockettest.ErrDisconnected {
			t.Errorf("bob ended with %v", err)
		}
		if len(eve.Events()) > 0 || slices.Contains(ada.Events(), "none") {
			t.Errorf("further events: %v %v", ada.Events(), eve.Events())
		}
		b.says("event", `{"join":["`+ada.ID()+`"],"emit":[{"event":"own"}],"ack":["done"]}`)
		want(t, "a reserved room", b.ask(eve, "go"), failed)
		if len(eve.Events()) > 0 {
			t.Error("an event was emitted, although the rooms could not be joined")
		}
	})
}

// A backend that misbehaves costs the event an error, and nothing else.
func TestHostileBackend(t *testing.T) {
	garbage := func(text string) func(http.ResponseWriter, *http.Request, message) {
		return func(w http.ResponseWriter, _ *http.Request, _ message) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, text)
				_ = conn.Close()
			}
		}
	}
	body := func(text string) func(http.ResponseWriter, *http.Request, message) {
		return func(w http.ResponseWriter, _ *http.Request, _ message) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, text)
		}
	}
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request, message)
		want   string
	}{
		"hangs":   {func(_ http.ResponseWriter, r *http.Request, _ message) { <-r.Context().Done() }, uncertain},
		"closes":  {garbage(""), uncertain},
		"garbage": {garbage("SSH-2.0-eyJ qu3ry\r\n\r\n"), uncertain},
		"500":     {func(w http.ResponseWriter, _ *http.Request, _ message) { w.WriteHeader(500) }, failed},
		"401":     {func(w http.ResponseWriter, _ *http.Request, _ message) { w.WriteHeader(401) }, failed},
		"429":     {func(w http.ResponseWriter, _ *http.Request, _ message) { w.WriteHeader(429) }, unavailable},
		"503":     {func(w http.ResponseWriter, _ *http.Request, _ message) { w.WriteHeader(503) }, unavailable},
		"redirect": {func(w http.ResponseWriter, r *http.Request, _ message) {
			http.Redirect(w, r, "http://localhost/other", 307)
		}, failed},
		"endless": {func(w http.ResponseWriter, _ *http.Request, _ message) {
			w.Header().Set("Content-Type", "application/json")
			for chunk := bytes.Repeat([]byte(" "), 64<<10); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, failed},
		"slow": {func(w http.ResponseWriter, r *http.Request, _ message) {
			w.Header().Set("Content-Type", "application/json")
			for {
				if _, err := w.Write([]byte(" ")); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				select {
				case <-time.After(time.Second):
				case <-r.Context().Done():
					return
				}
			}
		}, uncertain},
		"slow head": {func(w http.ResponseWriter, _ *http.Request, _ message) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			for _, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"); err == nil; _, err = io.WriteString(conn, "X: y\r\n") {
				time.Sleep(time.Second)
			}
		}, uncertain},
		"cut off": {func(w http.ResponseWriter, _ *http.Request, _ message) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"ack"`)
		}, uncertain},
		"HTML":              {func(w http.ResponseWriter, _ *http.Request, _ message) { _, _ = io.WriteString(w, "<html>") }, failed},
		"empty":             {body(""), failed},
		"null":              {body("null"), `[]`},
		"array":             {body("[]"), failed},
		"unknown member":    {body(`{"acks":[]}`), failed},
		"twice":             {body(`{"ack":[1],"ack":[2]}`), failed},
		"ack is an object":  {body(`{"ack":{}}`), failed},
		"deep":              {body(`{"ack":[` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `]}`), failed},
		"refuse":            {body(`{"refuse":{}}`), failed},
		"reserved event":    {body(`{"emit":[{"event":"disconnect"}],"ack":[1]}`), failed},
		"no event":          {body(`{"emit":[{}]}`), failed},
		"rooms and all":     {body(`{"emit":[{"event":"x","all":true,"rooms":[]}]}`), failed},
		"too many events":   {body(`{"emit":[{"event":"x"}` + strings.Repeat(`,{"event":"x"}`, 100) + `]}`), failed},
		"other attachments": {body(`{"attachments":["AQ=="]}`), failed},
		"long room":         {body(`{"join":["` + strings.Repeat("x", 300) + `"]}`), failed},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, upstream.Options{}, func(b *backend) {
				p := b.enter("ada")
				b.got("")
				b.answers(test.answer)
				began := time.Now()
				want(t, "ack", b.ask(p, "x"), test.want)
				if took := time.Since(began); took > 6*time.Second {
					t.Errorf("it took %v", took)
				}
				if n := len(b.got("event")); n != 1 {
					t.Errorf("the backend was asked %d times, want 1", n)
				}
				b.answers(nil)
				time.Sleep(time.Minute)
				want(t, "afterwards", b.ask(p, "x"), `[]`)
			})
		})
	}
}

// Events of one socket are passed one at a time and in order, and those of others do not wait.
func TestOrder(t *testing.T) {
	with(t, upstream.Options{MaxRequests: 4}, func(b *backend) {
		slow, quick := b.enter("slow"), b.enter("quick")
		b.got("")
		b.answers(func(w http.ResponseWriter, _ *http.Request, m message) {
			if m.User.Subject == "slow" {
				time.Sleep(time.Second)
			}
			w.WriteHeader(http.StatusNoContent)
		})
		for i := range 10 {
			if err := slow.Emit(fmt.Sprint("e", i)); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		want(t, "the other socket", b.ask(quick, "x"), `[]`)
		if took := time.Since(began); took > 0 {
			t.Errorf("it waited %v", took)
		}
		time.Sleep(9500 * time.Millisecond)
		if n := b.up.Stats().Running; n != 1 {
			t.Errorf("%d requests under way, want 1", n)
		}
		time.Sleep(time.Second)
		n := 0
		for _, m := range b.got("event") {
			if m.User.Subject == "slow" {
				want(t, "order", m.Event, fmt.Sprint("e", n))
				n++
			}
		}
		if n != 10 {
			t.Errorf("%d events, want 10", n)
		}
	})
}

// A bounded number of requests is under way, a bounded number waits, and others are answered at
// once.
func TestBounds(t *testing.T) {
	with(t, upstream.Options{MaxRequests: 2, MaxWaiting: 3}, func(b *backend) {
		var peers []*sockettest.Peer
		for i := range 10 {
			peers = append(peers, b.enter(fmt.Sprint("u", i)))
		}
		b.answers(func(_ http.ResponseWriter, r *http.Request, _ message) { <-r.Context().Done() })
		var results sync.Map
		var asked sync.WaitGroup
		began := time.Now()
		for i, p := range peers {
			asked.Go(func() { results.Store(i, fmt.Sprint(b.ask(p, "x"), time.Since(began).Round(time.Second))) })
		}
		synctest.Wait()
		if s := b.up.Stats(); s.Running != 2 || s.Waiting != 3 {
			t.Errorf("%+v", s)
		}
		asked.Wait()
		counts := map[string]int{}
		results.Range(func(_, v any) bool { counts[v.(string)]++; return true })
		// Those that wait give up at the moment at which the others end, so they may get a turn.
		if counts[unavailable+"0s"] != 5 || counts[uncertain+"5s"] != 2 || counts[unavailable+"5s"]+counts[uncertain+"10s"] != 3 {
			t.Errorf("%v", counts)
		}
		if s := b.up.Stats(); s.Running != 0 || s.Waiting != 0 || s.Failed+s.Unsent != 10 || s.Unsent < 5 || s.Down.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

// While the backend is down, events are answered at once, and one request at a time tries whether
// it is back.
func TestOutage(t *testing.T) {
	with(t, upstream.Options{}, func(b *backend) {
		p := b.enter("ada")
		b.got("")
		b.answers(func(w http.ResponseWriter, _ *http.Request, _ message) { w.WriteHeader(502) })
		for range 3 {
			want(t, "502", b.ask(p, "x"), uncertain)
		}
		for range 600 {
			b.ask(p, "x")
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(b.got("event")); n < 12 || n > 18 {
			t.Errorf("%d requests in a minute", n)
		}
		if n := strings.Count(b.log.String(), "upstream: event failed"); n == 0 || n > 20 {
			t.Errorf("%d lines in the log:\n%s", n, &b.log)
		}
		b.answers(nil)
		time.Sleep(6 * time.Second)
		want(t, "back", b.ask(p, "x"), `[]`)
		if !strings.Contains(b.log.String(), "the backend answers again") || !b.up.Stats().Down.IsZero() {
			t.Errorf("%+v\n%s", b.up.Stats(), &b.log)
		}
	})
}

// A peer whose events hang or fail in the backend does not keep the events of others from it.
func TestOnePeerCausesNoOutage(t *testing.T) {
	with(t, upstream.Options{MaxRequests: 8}, func(b *backend) {
		bad, good := b.enter("bad"), b.enter("good")
		b.answers(func(w http.ResponseWriter, r *http.Request, m message) {
			switch m.Event {
			case "hang":
				<-r.Context().Done()
			case "500":
				w.WriteHeader(500)
			case "429":
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(429)
			default:
				w.WriteHeader(204)
			}
		})
		for range 7 {
			b.ask(bad, "hang")
		}
		want(t, "after hanging", b.ask(good, "x"), `[]`)
		for range 20 {
			b.ask(bad, "500")
			b.ask(bad, "429")
		}
		want(t, "after failures", b.ask(good, "x"), `[]`)
	})
}

// The event that contains a token is never passed on, with a gate or without.
func TestAuthenticateStays(t *testing.T) {
	with(t, upstream.Options{}, func(b *backend) {
		p := b.srv.Dial(sockettest.Options{Namespace: "/held"})
		if err := p.Emit("authenticate", b.shows("ada").Auth); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Expect(b.ctx, "authenticated"); err != nil {
			t.Fatal(err)
		}
		if err := p.Emit("authenticate", b.shows("ada").Auth); err != nil {
			t.Fatal(err)
		}
		bare := b.srv.Dial(sockettest.Options{Namespace: "/bare"})
		want(t, "without a gate", b.ask(bare, "authenticate", b.shows("ada").Auth), failed)
		if all := b.got("event"); len(all) != 0 {
			t.Errorf("%d events", len(all))
		}
		want(t, "another event of a guest", b.ask(bare, "x"), `[]`)
		if all := b.got("event"); len(all) != 1 || all[0].User != nil {
			t.Errorf("%+v", all)
		}
	})
}

// The backend's answer to an event whose socket has ended meanwhile still reaches the rooms.
func TestAnswerAfterTheEnd(t *testing.T) {
	with(t, upstream.Options{}, func(b *backend) {
		ada, bob := b.enter("ada"), b.enter("bob")
		asked, release := make(chan struct{}), make(chan struct{})
		b.answers(func(w http.ResponseWriter, _ *http.Request, _ message) {
			close(asked)
			<-release
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"join":["lobby"],"emit":[{"event":"mine"},{"event":"said","all":true}],"ack":[1]}`)
		})
		if err := ada.Emit("say"); err != nil {
			t.Fatal(err)
		}
		<-asked
		for _, s := range b.srv.Sockets() {
			if auth.Current(s).Token.Subject == "ada" {
				s.Disconnect(nil)
			}
		}
		_ = ada.Ended(b.ctx)
		close(release)
		if e, err := bob.Next(b.ctx); err != nil || e.Name != "said" {
			t.Errorf("%v, %v", e, err)
		}
		if strings.Contains(b.log.String(), "upstream") {
			t.Errorf("%s", &b.log)
		}
	})
}

// An answer cannot move a socket into the room of another user, or out of its own, as a backend
// would that joins the rooms that peers name.
func TestReservedRooms(t *testing.T) {
	reserved := func(namespace, room string) bool { return namespace == "/" && strings.HasPrefix(room, "user:") }
	with(t, upstream.Options{Reserved: reserved}, func(b *backend) {
		p := b.enter("ada")
		for _, answer := range []string{`{"join":["lobby","user:bob"]}`, `{"leave":["user:ada"]}`} {
			b.says("event", answer)
			want(t, answer, b.ask(p, "join"), failed)
		}
		if n := len(b.srv.To("user:bob", "lobby").Sockets()); n != 0 {
			t.Errorf("%d sockets in the rooms", n)
		}
		b.says("connect", `{"join":["user:bob"]}`)
		if _, err := sockettest.Dial(b.ctx, "http://localhost", b.options("eve")); err == nil {
			t.Error("a socket was admitted into the room of another user")
		}
	})
}

// requests is an Observer that notes requests to the backend, and puts itself into their context.
type requests struct {
	mu   sync.Mutex
	seen []string
}

func (o *requests) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
	return context.WithValue(ctx, o, op.Kind), func(out observe.Outcome) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.seen = append(o.seen, fmt.Sprintf("%s %s %s", op.Kind, op.Event, out.Result))
	}
}

// An Observer is told about each request to the backend, with what it is about and how it ended.
func TestObserver(t *testing.T) {
	var o requests
	with(t, upstream.Options{Disconnects: true, Observer: &o}, func(b *backend) {
		p := b.enter("ada")
		b.ask(p, "good")
		b.answers(func(w http.ResponseWriter, _ *http.Request, _ message) { w.WriteHeader(http.StatusTeapot) })
		b.ask(p, "failing")
		b.answers(func(w http.ResponseWriter, r *http.Request, _ message) { <-r.Context().Done() })
		b.ask(p, "hanging")
		b.answers(nil)
		_ = p.Close()
		synctest.Wait()
		want := []string{"ask backend connect ok", "ask backend event ok", "ask backend event failed", "ask backend event uncertain", "ask backend disconnect ok"}
		o.mu.Lock()
		defer o.mu.Unlock()
		if !slices.Equal(o.seen, want) {
			t.Errorf("got %q, want %q", o.seen, want)
		}
	})
}
