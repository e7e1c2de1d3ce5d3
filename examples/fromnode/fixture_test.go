package fromnode_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/internal/leaktest"
	"socketiojwt/internal/memnet"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const secret = "a secret of the samples, long enough"

// key signs tokens like the issuer of the samples.
func key(t *testing.T, secret string) mint.SigningKey {
	t.Helper()
	k, err := mint.Secret(secret, token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sign returns a token that is good for an hour.
func sign(t *testing.T, k mint.SigningKey, claims map[string]any) string {
	t.Helper()
	claims["exp"] = time.Now().Add(time.Hour).Unix()
	compact, err := mint.Sign(k, claims, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func ada(t *testing.T) string {
	t.Helper()
	return sign(t, key(t, secret), map[string]any{"sub": "ada", "name": "Ada"})
}

// must panics on errors that only a wrong sample or test causes.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func verifier(t *testing.T) *token.Verifier {
	t.Helper()
	return must(token.NewVerifier(token.Secret(secret), token.Options{}))
}

// room is a running server with a sample, in a bubble with fake time.
type room struct {
	t    *testing.T
	ctx  context.Context
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// serving serves the handler that furnish returns, while test runs.
func serving(t *testing.T, furnish func(t *testing.T) (http.Handler, func() error), test func(r room)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		handler, stop := furnish(t)
		listener := memnet.Listen()
		web := &http.Server{Handler: handler}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = web.Serve(listener)
		}()
		defer func() {
			_ = stop()
			_ = listener.Close()
			_ = web.Close()
			<-served
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Hour)
		defer cancel()
		test(room{t, ctx, listener.Dial})
	})
}

// serve serves a server that register has set up.
func serve(t *testing.T, register func(t *testing.T, srv *socketio.Server), test func(r room)) {
	t.Helper()
	serving(t, func(t *testing.T) (http.Handler, func() error) {
		srv := must(socketio.NewServer(socketio.Options{}))
		register(t, srv)
		return must(srv.Handler()), srv.Close
	}, test)
}

// gated serves one gate, in one mode.
func gated(t *testing.T, make func(*token.Verifier) (*auth.Gate, error), event bool, test func(r room)) {
	t.Helper()
	serve(t, func(t *testing.T, srv *socketio.Server) {
		gate := must(make(verifier(t)))
		if event {
			srv.Use(gate.Event(auth.EventOptions{}))
		} else {
			srv.Use(gate.Handshake)
		}
	}, test)
}

func bearing(compact string) map[string]string { return map[string]string{"token": compact} }

func (r room) join(opts sockettest.Options) (*sockettest.Peer, error) {
	opts.NetDial = r.dial
	peer, err := sockettest.Dial(r.ctx, "http://server", opts)
	if err == nil {
		r.t.Cleanup(func() { _ = peer.Close() })
	}
	return peer, err
}

func (r room) admitted(opts sockettest.Options) *sockettest.Peer {
	r.t.Helper()
	return must(r.join(opts))
}

// told is the refusal that a peer reads.
type told struct{ Message, Code, Reason string }

func (r room) refused(opts sockettest.Options) told {
	r.t.Helper()
	_, err := r.join(opts)
	var refusal *sockettest.ConnectError
	if !errors.As(err, &refusal) {
		r.t.Fatalf("got %v, want CONNECT_ERROR", err)
	}
	words := told{Message: refusal.Message}
	if refusal.Data != nil {
		if err := json.Unmarshal(refusal.Data, &words); err != nil {
			r.t.Fatal(err)
		}
	}
	return words
}

// hears returns the next event of that name.
func (r room) hears(p *sockettest.Peer, event string, dst ...any) {
	r.t.Helper()
	e, err := p.Expect(r.ctx, event)
	if err != nil {
		r.t.Fatalf("%s: %v", event, err)
	}
	if err := e.Scan(dst...); err != nil {
		r.t.Fatalf("%s: %v", event, err)
	}
}

func (r room) emit(p *sockettest.Peer, event string, args ...any) {
	r.t.Helper()
	if err := p.Emit(event, args...); err != nil {
		r.t.Fatal(err)
	}
}

// ends waits for DISCONNECT and checks how long that took.
func (r room) ends(p *sockettest.Peer, after time.Duration) {
	r.t.Helper()
	start := time.Now()
	if err := p.Ended(r.ctx); !errors.Is(err, sockettest.ErrDisconnected) {
		r.t.Errorf("ended with %v, want DISCONNECT", err)
	}
	if took := time.Since(start); took != after {
		r.t.Errorf("ended after %v, want %v", took, after)
	}
}

// byHand returns a token that package mint refuses to make.
func byHand(secret, header, claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	input := part([]byte(header)) + "." + part([]byte(claims))
	var algorithm func() hash.Hash = sha256.New
	if strings.Contains(header, "HS512") {
		algorithm = sha512.New
	}
	mac := hmac.New(algorithm, []byte(secret))
	mac.Write([]byte(input))
	return input + "." + part(mac.Sum(nil))
}
