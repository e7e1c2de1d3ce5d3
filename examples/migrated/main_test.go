package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"socketiojwt/internal/leaktest"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const secret = "a secret of the sample, long enough for HS256"

// started is a running sample.
type started struct {
	url   string
	stop  context.CancelFunc
	ended chan error
}

func start(t *testing.T) started {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := started{"http://" + listener.Addr().String(), cancel, make(chan error, 1)}
	c := config{secret: secret, origins: []string{"https://app.example.com"}, log: slog.New(slog.DiscardHandler)}
	go func() { s.ended <- c.serve(ctx, listener) }()
	t.Cleanup(cancel)
	return s
}

func sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	key, err := mint.Secret(secret, token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	claims["exp"] = time.Now().Add(time.Hour).Unix()
	compact, err := mint.Sign(key, claims, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func (s started) get(t *testing.T, path, authorization string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// The program serves both modes and a route, and stops in order while peers are connected.
func TestProgram(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ada := sign(t, map[string]any{"sub": "7", "name": "Ada"})
	shown := map[string]string{"token": ada}

	if status, body := s.get(t, "/me", "Bearer "+ada); status != http.StatusOK || body != `{"id":"7","name":"Ada"}`+"\n" {
		t.Errorf("/me: %d %s", status, body)
	}
	if status, _ := s.get(t, "/me", ""); status != http.StatusUnauthorized {
		t.Errorf("/me without a token: %d", status)
	}
	if status, _ := s.get(t, "/healthz", ""); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}

	page := http.Header{"Origin": {"https://app.example.com"}}
	one, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: shown, Header: page})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = one.Close() }()
	two, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: shown})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = two.Close() }()
	// Events are handled after OnConnect has joined the rooms.
	if _, err := two.EmitWithAck(ctx, "say", "anyone?"); err != nil {
		t.Fatal(err)
	}
	answer, err := one.EmitWithAck(ctx, "say", "hello")
	var acknowledged, name, text string
	if err != nil || answer.Scan(&acknowledged) != nil || acknowledged != "ok" {
		t.Fatalf("say: %v, %v", answer, err)
	}
	said, err := two.Expect(ctx, "said")
	if err != nil || said.Scan(&name, &text) != nil || name != "Ada" || text != "hello" {
		t.Errorf("said %q %q, %v", name, text, err)
	}

	admin, err := sockettest.Dial(ctx, s.url, sockettest.Options{Namespace: "/admin"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if err := admin.Emit("authenticate", shown); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Expect(ctx, "authenticated"); err != nil {
		t.Error(err)
	}

	var refused *sockettest.ConnectError
	if _, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": sign(t, map[string]any{})}}); !errors.As(err, &refused) || refused.Message != "the token has no subject" {
		t.Errorf("without a subject: %v", err)
	}
	if _, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: shown, Header: http.Header{"Origin": {"https://evil.example"}}}); err == nil {
		t.Error("a page of another origin is admitted")
	}

	s.stop()
	if err := <-s.ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if err := one.Ended(ctx); err == nil {
		t.Error("a peer is still connected")
	}
}

// The program fails at the start if the secret is too short.
func TestShortSecret(t *testing.T) {
	if err := (config{secret: "short", log: slog.New(slog.DiscardHandler)}).serve(t.Context(), nil); !errors.Is(err, token.ErrKey) {
		t.Errorf("got %v, want a bad key", err)
	}
}
