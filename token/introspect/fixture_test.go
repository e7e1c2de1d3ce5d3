package introspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/leaktest"
	"socketiojwt/internal/memnet"
	"socketiojwt/token"
	"socketiojwt/token/introspect"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const (
	endpointURL  = "http://localhost/introspect?key=qu3ry"
	clientSecret = "s3cret of the client"
)

var basic = introspect.ClientSecretBasic("chat", clientSecret)

// members are the members of a response.
type members map[string]any

// server is an introspection endpoint in memory, inside a synctest bubble.
type server struct {
	t      *testing.T
	client *http.Client
	log    strings.Builder

	mu     sync.Mutex
	asked  int
	answer http.HandlerFunc
	tokens map[string]members // active ones
}

// bubble runs a test with an endpoint and fake time.
func bubble(t *testing.T, test func(s *server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &server{t: t, tokens: map[string]members{}}
		s.activate("good", nil)
		client, stop := memnet.Serve(s)
		defer stop()
		s.client = client
		test(s)
	})
}

// activate makes a token active for an hour, with more members.
func (s *server) activate(credential string, more members) {
	m := members{"active": true, "iss": "https://login.example.com", "sub": "ada", "aud": "chat", "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range more {
		m[name] = value
		if value == nil {
			delete(m, name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[credential] = m
}

// revoke makes a token inactive.
func (s *server) revoke(credential string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, credential)
}

// answers sets the handler of requests; nil restores the usual one.
func (s *server) answers(f http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// says makes the endpoint answer every request with a body.
func (s *server) says(body string) {
	s.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		fmt.Fprint(w, body)
	})
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	answer := s.answer
	m := s.tokens[r.PostFormValue("token")]
	s.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	if m == nil {
		m = members{"active": false}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(m)
}

// wantAsked checks how many requests came since the last call.
func (s *server) wantAsked(n int, what string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked != n {
		s.t.Errorf("%s: %d requests, want %d", what, s.asked, n)
	}
	s.asked = 0
}

// rules are the rules of most tests.
var rules = token.Options{Issuers: []string{"https://login.example.com"}, Audiences: []string{"chat"}, Leeway: -1}

// verifier returns a verifier for the endpoint, which logs to s.log.
func (s *server) verifier(auth introspect.ClientAuth, opts introspect.Options) *introspect.Verifier {
	s.t.Helper()
	opts.Client = s.client
	if opts.Rules.Audiences == nil {
		opts.Rules = rules
	}
	opts.Rules.Logger = slog.New(slog.NewTextHandler(&s.log, nil))
	v, err := introspect.New(endpointURL, auth, opts)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// with runs a test with a verifier, which it closes.
func with(t *testing.T, opts introspect.Options, test func(s *server, v *introspect.Verifier)) {
	t.Helper()
	bubble(t, func(s *server) {
		v := s.verifier(basic, opts)
		defer func() { _ = v.Close() }()
		test(s, v)
	})
}

// verify verifies a token as a gate does.
func verify(v *introspect.Verifier, credential string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := v.Verify(ctx, credential)
	return err
}

func want(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
