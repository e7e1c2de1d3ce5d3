package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/socketio/sockettest"
)

// output is a buffer for concurrent use.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// served is a running serve command.
type served struct {
	t        *testing.T
	url      string
	out, log *output
	stop     context.CancelFunc
	ended    chan int
}

var servingAt = regexp.MustCompile(`Serving at (\S+)\n`)

// start runs serve on a free port until the test ends.
func start(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{t: t, out: new(output), log: new(output), stop: cancel, ended: make(chan int, 1)}
	go func() {
		s.ended <- run(ctx, append([]string{"serve", "--addr", "localhost:0"}, args...), strings.NewReader(""), s.out, s.log)
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-s.ended; code != exitGood {
			t.Errorf("serve returned %d: %s", code, s.log)
		}
	})
	for s.url == "" {
		select {
		case code := <-s.ended:
			s.ended <- exitGood
			t.Fatalf("serve returned %d: %s", code, s.log)
		case <-time.After(5 * time.Millisecond):
		}
		if match := servingAt.FindStringSubmatch(s.out.String()); match != nil {
			s.url = match[1]
		}
	}
	return s
}

func (s *served) post(body string) (status int, answer string) {
	s.t.Helper()
	response, err := http.Post(s.url+"/login", "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (s *served) login(username string) string {
	s.t.Helper()
	_, answer := s.post(`{"username": "` + username + `"}`)
	compact, err := readToken(s.t.Context(), answer, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return compact
}

// enter connects in the mode of a namespace, and waits until the socket is admitted.
func (s *served) enter(ctx context.Context, namespace, compact string) *sockettest.Peer {
	s.t.Helper()
	shown := map[string]string{"token": compact}
	options := sockettest.Options{Namespace: namespace}
	if namespace == "/" {
		options.Auth = shown
	}
	peer, err := sockettest.Dial(ctx, s.url, options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = peer.Close() })
	if namespace != "/" {
		if err := peer.Emit("authenticate", shown); err != nil {
			s.t.Fatal(err)
		}
		if _, err := peer.Expect(ctx, "authenticated"); err != nil {
			s.t.Fatal(err)
		}
	}
	return peer
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func writeFile(t *testing.T, base, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), base)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// writePEM writes a key to a file of the test and returns its name.
func writePEM(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func privateKeyFile(t *testing.T, private any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	return writePEM(t, "PRIVATE KEY", der, err)
}

func publicFileOf(t *testing.T, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	return writePEM(t, "PUBLIC KEY", der, err)
}

func keyPairFiles(t *testing.T) (private, public string) {
	t.Helper()
	verifying, signing, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return privateKeyFile(t, signing), publicFileOf(t, verifying)
}

func publicKeyFile(t *testing.T) string {
	t.Helper()
	_, public := keyPairFiles(t)
	return public
}

// signShort signs a token with a secret that package mint refuses.
func signShort(t *testing.T, secret, claims string) string {
	t.Helper()
	part := base64.RawURLEncoding.EncodeToString
	input := part([]byte(`{"alg":"HS256"}`)) + "." + part([]byte(claims))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(input))
	return input + "." + part(mac.Sum(nil))
}
