package upstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/internal/leaktest"
	"socketiojwt/internal/memnet"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/upstream"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwaaaaaaaaaaa="

// message is a request as the backend reads it.
type message struct {
	Version                                    int
	Type, ID, Namespace, Socket, Event, Reason string
	Ack                                        bool
	User                                       *struct {
		Issuer, Subject string
		Claims          map[string]any
	}
	Connection *struct {
		Address, Transport string
		Protocol           int
	}
	Args        json.RawMessage
	Attachments [][]byte

	header http.Header
	raw    string
}

// backend is an HTTP backend and a server that passes to it, in a synctest bubble.
type backend struct {
	t    *testing.T
	ctx  context.Context // of an hour
	up   *upstream.Backend
	srv  *sockettest.Server
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	sign func(claims map[string]any) string
	log  output

	mu       sync.Mutex
	messages []message
	answer   func(w http.ResponseWriter, r *http.Request, m message)
}

// output is a buffer for concurrent use.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// with runs a test with a backend that answers nothing in particular. Namespace / has a gate for
// the handshake, /held one for the event, and /bare none.
func with(t *testing.T, opts upstream.Options, test func(b *backend)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		b := &backend{t: t, ctx: ctx}
		client, stop := memnet.Serve(b)
		opts.Client, opts.Logger = client, slog.New(slog.NewTextHandler(&b.log, nil))
		if opts.Secrets == nil {
			opts.Secrets = []string{secret}
		}
		up, err := upstream.New("http://localhost/hook?key=qu3ry", opts)
		if err != nil {
			t.Fatal(err)
		}
		b.up = up
		var gate *auth.Gate
		gate, b.sign = authtest.NewGate(t, auth.Options{})
		b.srv = sockettest.NewServer(t, func(srv *socketio.Server) {
			srv.Use(gate.Handshake)
			held := srv.Of("/held")
			held.Use(gate.Event(auth.EventOptions{}))
			bare := srv.Of("/bare").Open() // without a gate
			for _, m := range []*socketio.Mux{srv.Mux, held.Mux, bare.Mux} {
				b.up.Register(m)
			}
		})
		handler, err := b.srv.Handler()
		if err != nil {
			t.Fatal(err)
		}
		listener := memnet.Listen()
		web := socketio.NewHTTPServer("", handler)
		go func() { _ = web.Serve(listener) }()
		b.dial = listener.Dial
		defer func() {
			_ = b.srv.Close()
			_ = web.Close()
			synctest.Wait()
			b.up.Close(ended())
			stop()
		}()
		test(b)
		for _, hidden := range []string{"qu3ry", "eyJ", "MfKQ9r8"} {
			if strings.Contains(b.log.String(), hidden) {
				t.Errorf("%q is in the log:\n%s", hidden, &b.log)
			}
		}
	})
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	m := message{header: r.Header, raw: string(body)}
	if err != nil || json.Unmarshal(body, &m) != nil || r.Method != http.MethodPost {
		b.t.Errorf("%s %s, %v", r.Method, body, err)
	}
	b.mu.Lock()
	b.messages = append(b.messages, m)
	answer := b.answer
	b.mu.Unlock()
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, r, m)
}

// answers sets the answer to all messages. Nil is status 204.
func (b *backend) answers(answer func(w http.ResponseWriter, r *http.Request, m message)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// says makes the backend answer messages of a kind with a JSON object, and others with 204.
func (b *backend) says(kind, body string) {
	b.answers(func(w http.ResponseWriter, _ *http.Request, m message) {
		if m.Type != kind {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, body)
	})
}

// got returns the messages of a kind, and forgets all.
func (b *backend) got(kind string) (all []message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if m.Type == kind {
			all = append(all, m)
		}
	}
	b.messages = nil
	return all
}

// enter connects a user to namespace /.
func (b *backend) enter(subject string) *sockettest.Peer {
	b.t.Helper()
	return b.srv.Dial(b.shows(subject))
}

func (b *backend) shows(subject string) sockettest.Options {
	return sockettest.Options{Auth: map[string]any{"token": b.sign(map[string]any{"sub": subject, "iss": "i", "tenant": "acme", "roles": []string{"a"}})}}
}

// ask emits an event and returns its acknowledgement as JSON.
func (b *backend) ask(p *sockettest.Peer, event string, args ...any) string {
	b.t.Helper()
	answer, err := p.EmitWithAck(b.ctx, event, args...)
	if err != nil {
		return err.Error()
	}
	array, attachments, err := socketio.EncodeArguments(answer.Args()...)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(attachments) > 0 {
		return fmt.Sprintf("%s %v", array, attachments)
	}
	return string(array)
}

// want checks a text.
func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

const (
	unavailable = `[{"error":{"code":"unavailable","message":"backend unavailable"}}]`
	uncertain   = `[{"error":{"code":"uncertain","message":"backend did not answer"}}]`
	failed      = `[{"error":{"code":"failed","message":"backend failed"}}]`
)
