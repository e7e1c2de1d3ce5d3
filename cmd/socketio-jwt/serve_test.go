package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
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

// TestServe checks the events of the sample in both modes, and that "say" does not reach the
// other namespace.
func TestServe(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, namespace := range []string{"/", "/admin"} {
		t.Run(namespace, func(t *testing.T) {
			ada, bob := s.enter(ctx, namespace, s.login("ada")), s.enter(ctx, namespace, s.login("bob"))

			answer, err := ada.EmitWithAck(ctx, "whoami")
			var claims struct {
				Sub string  `json:"sub"`
				Exp float64 `json:"exp"`
			}
			if err := errors.Join(err, answer.Scan(&claims)); err != nil || claims.Sub != "ada" || claims.Exp == 0 {
				t.Errorf("whoami: %+v, %v", claims, err)
			}

			answer, err = ada.EmitWithAck(ctx, "echo", "text", map[string]any{"deep": []any{[]byte{0, 1, 255}}}, nil)
			var text string
			var deep struct {
				Deep [][]byte `json:"deep"`
			}
			if err := errors.Join(err, answer.Scan(&text, &deep)); err != nil || text != "text" || len(deep.Deep) != 1 || !bytes.Equal(deep.Deep[0], []byte{0, 1, 255}) || answer.Len() != 3 {
				t.Errorf("echo: %q %v, %d arguments, %v", text, deep, answer.Len(), err)
			}

			if _, err := ada.EmitWithAck(ctx, "say", "hello"); err != nil {
				t.Errorf("say: %v", err)
			}
			for _, peer := range []*sockettest.Peer{ada, bob} {
				said, err := peer.Expect(ctx, "said")
				var who, what string
				if err := errors.Join(err, said.Scan(&who, &what)); err != nil || who != "ada" || what != "hello" {
					t.Errorf("said: %q %q, %v", who, what, err)
				}
			}
			for _, bad := range []any{"", "  ", strings.Repeat("a", maxText+1), 7, nil} {
				answer, err := ada.EmitWithAck(ctx, "say", bad)
				var refused struct {
					Error string `json:"error"`
				}
				if err := errors.Join(err, answer.Scan(&refused)); err != nil || refused.Error == "" {
					t.Errorf("say %v: no error in the acknowledgement, %v", bad, err)
				}
			}
			if left := bob.Events(); len(left) > 0 {
				t.Errorf("bob also received %v", left)
			}
		})
	}
	for _, text := range []string{"Open the page", "curl -s " + s.url + "/login", "probe " + s.url + " --token -"} {
		if !strings.Contains(s.out.String(), text) {
			t.Errorf("%q is not in the output: %s", text, s.out)
		}
	}
	if log := s.log.String(); strings.Contains(log, "eyJhbGci") || !strings.Contains(log, "admitted") {
		t.Errorf("log: %s", log)
	}
}

// TestServeRefuses checks that a socket without a valid token is not admitted, and receives no
// broadcast.
func TestServeRefuses(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": s.login("ada") + "AAAA"}})
	refused := (*sockettest.ConnectError)(nil)
	if !errors.As(err, &refused) || refused.Message != "invalid signature" {
		t.Errorf("error %v, want the refusal of a signature", err)
	}
	held, err := sockettest.Dial(ctx, s.url, sockettest.Options{Namespace: "/admin"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	ada := s.enter(ctx, "/admin", s.login("ada"))
	if _, err := ada.EmitWithAck(ctx, "say", "among us"); err != nil {
		t.Fatal(err)
	}
	if err := held.Emit("authenticate", map[string]int{"token": 7}); err != nil {
		t.Fatal(err)
	}
	first, err := held.Next(ctx)
	if err != nil || first.Name != "unauthorized" {
		t.Errorf("the held socket received %q first, %v; want unauthorized", first.Name, err)
	}
}

// TestServeEndsAtExpiry checks that a socket ends when its token expires, without leeway if the
// token is from the development issuer.
func TestServeEndsAtExpiry(t *testing.T) {
	s := start(t, "--token-life", "4s") // exp has no fractions of a second, so it is up to a second less
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	peer := s.enter(ctx, "/", s.login("ada"))
	if _, err := peer.Expect(ctx, "unauthorized"); err != nil {
		t.Fatal(err)
	}
	if err := peer.Ended(ctx); !errors.Is(err, sockettest.ErrClosed) {
		t.Errorf("ended by %v, want a closed transport", err)
	}
}

// TestServeForAnIssuerElsewhere checks that with another issuer there is no login, and that its
// tokens are accepted.
func TestServeForAnIssuerElsewhere(t *testing.T) {
	private, public := keyPairFiles(t)
	s := start(t, "--public-key", public, "--issuer", "https://issuer.example", "--audience", "chat")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if status, answer := s.post(`{"username": "ada"}`); status != http.StatusNotFound || !strings.Contains(answer, "no development issuer") {
		t.Errorf("login: %d %s", status, answer)
	}
	if settings := get(t, s.url+"/console.json"); !strings.Contains(settings, `"login":false`) || !strings.Contains(settings, `"leeway":10`) {
		t.Errorf("the page's settings: %s", settings)
	}
	if strings.Contains(s.out.String(), "login") {
		t.Errorf("login is in the output: %s", s.out)
	}
	mint := func(audience string) string {
		return strings.TrimSpace(runWith(t, "", "token", "mint", "--key", private, "--iss", "https://issuer.example", "--aud", audience, "--sub", "ada").out)
	}
	s.enter(ctx, "/", mint("chat"))
	s.enter(ctx, "/admin", mint("chat"))
	if _, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": mint("other")}}); err == nil {
		t.Error("a token for another audience was accepted")
	}
}

// TestServeWithASecret checks that a given secret signs and verifies, and that with --no-login it
// only verifies.
func TestServeWithASecret(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	minted := strings.TrimSpace(runWith(t, "", "token", "mint", "--secret", goodSecret, "--sub", "ada").out)
	s := start(t, "--secret", goodSecret)
	s.enter(ctx, "/", minted)
	s.enter(ctx, "/", s.login("bob"))
	runWith(t, s.login("bob"), "token", "verify", "-", "--secret", goodSecret).want(t, exitGood, "bob", "")

	quiet := start(t, "--secret", goodSecret, "--no-login")
	quiet.enter(ctx, "/", minted)
	if status, _ := quiet.post(`{"username": "ada"}`); status != http.StatusNotFound {
		t.Errorf("login with --no-login: %d", status)
	}
	for _, s := range []*served{s, quiet} {
		if strings.Contains(s.out.String()+s.log.String(), goodSecret) {
			t.Error("the secret is in the output")
		}
	}
}

// TestServeStops checks that a signal closes the transports of the peers in order. The
// JavaScript client reconnects after that.
func TestServeStops(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	peer := s.enter(ctx, "/", s.login("ada"))
	s.stop()
	if err := peer.Ended(ctx); !errors.Is(err, sockettest.ErrClosed) {
		t.Errorf("ended by %v, want a closed transport", err)
	}
	code := <-s.ended
	s.ended <- code
	if code != exitGood {
		t.Errorf("exit code %d: %s", code, s.log)
	}
	if _, err := http.Get(s.url); err == nil {
		t.Error("the port is still open")
	}
}

// TestServeStopsInBoundedTime checks that a peer that polled and is gone does not prevent the
// shutdown.
func TestServeStopsInBoundedTime(t *testing.T) {
	s := start(t, "--shutdown-timeout", "50ms")
	if answer := get(t, s.url+"/socket.io/?EIO=4&transport=polling"); !strings.HasPrefix(answer, `0{"sid"`) {
		t.Fatalf("polling: %s", answer)
	}
	s.stop()
	code := <-s.ended
	s.ended <- code
	if code != exitGood || !strings.Contains(s.log.String(), "shutdown timed out") {
		t.Errorf("exit code %d: %s", code, s.log)
	}
}

// TestServeBoundsStalledConnections checks that the server closes the connection of a peer that
// announces a body and sends none, or does not read the response.
func TestServeBoundsStalledConnections(t *testing.T) {
	long := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 64<<10)) })
	for name, peer := range map[string]func(net.Conn){
		"a body that is not sent": func(conn net.Conn) {
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		},
		"a response that is not read": func(conn net.Conn) {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			time.Sleep(time.Minute)
			if _, err := conn.Write([]byte("GET")); err == nil {
				t.Error("the connection is kept although the response is not read")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sockets, err := socketio.NewServer(socketio.Options{})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				here, there := net.Pipe()
				ended := make(chan error)
				go func() {
					command := &serveCommand{ShutdownTimeout: time.Second}
					ended <- command.serve(ctx, []net.Listener{&oneConnection{conn: there, closed: make(chan struct{})}}, long, sockets, slog.New(slog.DiscardHandler))
				}()
				begun := time.Now()
				_ = here.SetDeadline(begun.Add(time.Hour))
				peer(here)
				if took := time.Since(begun); took > 2*time.Minute {
					t.Errorf("the connection lasted %v", took)
				}
				_ = here.Close()
				cancel()
				if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
					t.Error(err)
				}
			})
		})
	}
}

// oneConnection is a listener for one connection.
type oneConnection struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *oneConnection) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConnection) Close() error {
	close(l.closed)
	return nil
}

func (l *oneConnection) Addr() net.Addr { return new(net.TCPAddr) }

// TestServePage checks that the page is served, and that Socket.IO has its own path.
func TestServePage(t *testing.T) {
	s := start(t)
	if page := get(t, s.url+"/"); !strings.Contains(page, "<title>socketio-jwt</title>") {
		t.Errorf("the page: %s", page)
	}
	if settings := get(t, s.url+"/console.json"); !strings.Contains(settings, `"login":true,"tokenLife":900,"leeway":0`) {
		t.Errorf("the page's settings: %s", settings)
	}
	if answer := get(t, s.url+"/socket.io/?EIO=2&transport=polling"); !strings.Contains(answer, "Unsupported protocol version") {
		t.Errorf("the engine: %s", answer)
	}
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

// TestServeEIO3 checks that --eio3 admits a client of Socket.IO 1 or 2 by its query, that its
// session ID is not logged, and that another address cannot use the session.
func TestServeEIO3(t *testing.T) {
	get := func(s *served, query, from string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/socket.io/?transport=polling&EIO=3"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", from)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const here, elsewhere = "192.0.2.1", "192.0.2.2"
	if answer := get(start(t), "", here); !strings.Contains(answer, "Unsupported protocol version") {
		t.Errorf("without --eio3: %s", answer)
	}

	s := start(t, "--eio3", "--trusted-proxy", "127.0.0.0/8", "--trusted-proxy", "::1/128")
	for token, want := range map[string]string{s.login("ada"): "2:40", "x.y.z": `"message":"jwt malformed"`} {
		_, rest, _ := strings.Cut(get(s, "&b64=1&token="+token, here), `"sid":"`)
		sid, _, ok := strings.Cut(rest, `"`)
		if !ok {
			t.Fatalf("no session: %s", rest)
		}
		if answer := get(s, "&sid="+sid, elsewhere); !strings.Contains(answer, "Session ID unknown") {
			t.Errorf("from elsewhere: %s", answer)
		}
		// The first response may already contain the answer.
		if !strings.Contains(rest, want) {
			if answer := get(s, "&sid="+sid, here); !strings.Contains(answer, want) {
				t.Errorf("got %s, want %s", answer, want)
			}
		}
		if strings.Contains(s.log.String(), sid) {
			t.Errorf("the log has the session's ID:\n%s", s.log)
		}
	}
	if !strings.Contains(s.log.String(), "remote="+here) {
		t.Errorf("the address from the proxy is not in the log:\n%s", s.log)
	}
}

// TestServeTakesNoTokenFromTheQuery checks that a token in the URL, where logs and browser
// histories record it, is ignored without --eio3.
func TestServeTakesNoTokenFromTheQuery(t *testing.T) {
	for _, eio3 := range []bool{false, true} {
		s := start(t, fmt.Sprintf("--eio3=%t", eio3))
		peer, err := sockettest.Dial(t.Context(), s.url, sockettest.Options{Query: url.Values{"token": {s.login("ada")}}})
		if err == nil {
			_ = peer.Close()
		}
		if refused := (*sockettest.ConnectError)(nil); errors.As(err, &refused) == eio3 || !eio3 && refused.Message != "no token provided" {
			t.Errorf("--eio3=%t: %v", eio3, err)
		}
	}
}
