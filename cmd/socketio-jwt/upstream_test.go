package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/socketio/sockettest"
)

const (
	firstSecret  = "whsec_Zmlyc3RmaXJzdGZpcnN0Zmlyc3RmaXJzdGZpcnN0"
	secondSecret = "c2Vjb25kc2Vjb25kc2Vjb25kc2Vjb25kc2Vjb25k"
)

// hook is a backend that checks signatures and answers by the name of the event.
type hook struct {
	t *testing.T

	mu     sync.Mutex
	secret string // the one that is expected
	kinds  []string
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		h.t.Error(err)
	}
	var m struct {
		Type, Event, Namespace string
		User                   struct {
			Subject string
			Claims  map[string]any
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		h.t.Error(err)
	}
	h.mu.Lock()
	h.kinds = append(h.kinds, m.Type+" "+m.Namespace+" "+m.User.Subject)
	secret := h.secret
	h.mu.Unlock()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		h.t.Error(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "."))
	mac.Write(body)
	answer := ""
	switch {
	case r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)):
		w.WriteHeader(http.StatusUnauthorized)
		return
	case m.Type == "connect" && m.User.Subject == "mallory":
		answer = `{"refuse":{"message":"banned","reason":"banned"}}`
	case m.Type == "event" && m.User.Claims["iat"] != nil:
		answer = `{"ack":["` + m.Event + `","` + m.User.Subject + `"]}`
	default:
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, answer)
}

func (h *hook) seen(kind string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(strings.Join(h.kinds, "\n"), kind)
}

func (h *hook) expect(secret string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.secret = secret
}

// Connects and events of both namespaces go to the backend, also the last disconnects at the
// shutdown, and the secret changes at SIGHUP.
func TestUpstreamWebhook(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	backend := &hook{t: t, secret: firstSecret}
	web := httptest.NewServer(backend)
	defer web.Close()
	file := writeFile(t, "hook.txt", firstSecret+"\n")
	s := start(t, "--upstream-webhook", web.URL+"/hook", "--upstream-secret-file", file, "--upstream-claim", "iat", "--upstream-disconnects", "--metrics", "127.0.0.1:0")
	for _, namespace := range []string{"/", "/admin"} {
		p := s.enter(ctx, namespace, s.login("ada"))
		answer, err := p.EmitWithAck(ctx, "whoami", 1)
		var event, subject string
		if err != nil || answer.Scan(&event, &subject) != nil || event != "whoami" || subject != "ada" || !backend.seen("connect "+namespace+" ada") {
			t.Errorf("%s: %q %q, %v", namespace, event, subject, err)
		}
	}
	if _, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": s.login("mallory")}}); err == nil || !strings.Contains(err.Error(), "banned") {
		t.Errorf("mallory: %v", err)
	}
	at := metricsAt.FindStringSubmatch(s.log.String())
	if at == nil {
		t.Fatalf("no address of metrics in the log:\n%s", s.log)
	}
	if _, body := fetched(t, "http://"+at[1]+"/metrics"); !strings.Contains(body, "\nsocketiojwt_backend_refusals_total 1\n") {
		t.Error("the metrics have no refusal of the backend")
	}
	if err := os.WriteFile(file, []byte(secondSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	backend.expect(secondSecret)
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, "the secret has changed", func() bool { return s.logs("configuration reloaded") })
	s.enter(ctx, "/", s.login("eve"))
	s.stop()
	redistest.Eventually(t, "the backend is told about the last disconnect", func() bool { return backend.seen("disconnect / eve") })
	if s.logs(firstSecret) || s.logs(secondSecret) || s.logs("eyJ") {
		t.Errorf("a secret is in the log:\n%s", s.log)
	}
}

// Flags of a backend that have no effect, or would make requests that prove nothing, are errors.
func TestUpstreamRefuses(t *testing.T) {
	good, short := writeFile(t, "good.txt", firstSecret), writeFile(t, "short.txt", "c2hvcnQ=")
	for want, args := range map[string][]string{
		"no effect without --upstream-webhook": {"--upstream-disconnects"},
		"needs --upstream-secret-file":         {"--upstream-webhook", "https://backend.example/"},
		"needs 24 to 64":                       {"--upstream-webhook", "https://backend.example/", "--upstream-secret-file", short},
		"--insecure-upstream-plain-http":       {"--upstream-webhook", "http://backend.example/", "--upstream-secret-file", good},
		"--upstream-timeout must be positive":  {"--upstream-webhook", "https://backend.example/", "--upstream-secret-file", good, "--upstream-timeout", "0s"},
		"--upstream-max-requests must be":      {"--upstream-webhook", "https://backend.example/", "--upstream-secret-file", good, "--upstream-max-requests", "0"},
		"no such file":                         {"--upstream-webhook", "https://backend.example/", "--upstream-secret-file", good + "x"},
	} {
		runWith(t, "", append([]string{"serve", "--addr", "localhost:0"}, args...)...).want(t, exitFailed, "", want)
	}
}

// An event that is sent by the API of one node reaches users on all of them.
func TestEmitByServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	t.Setenv("SOCKETIO_JWT_ADMIN_SECRET", randomSecret)
	redis := redistest.Start(t)
	nodes := startNodes(t, redis, 2, "--admin", "127.0.0.1:0")
	long := strings.Repeat("é", 64)
	ada, bob := nodes[0].enter(ctx, "/", nodes[0].login("ada")), nodes[1].enter(ctx, "/", nodes[1].login(long))
	emit := func(args ...string) {
		t.Helper()
		runWith(t, "", append([]string{"emit", "--server", nodes[0].operators()}, args...)...).want(t, exitGood, "sent", "")
	}
	emit("--user", long, "first", `{"n":1}`)
	emit("--user", "ada", "own")
	// An identifier may begin with a hyphen, so the flags need the form with "=".
	emit("--except="+ada.ID(), "--room="+ada.ID(), "--room="+bob.ID(), "rest")
	emit("last", "1", "2")
	for p, events := range map[*sockettest.Peer][]string{ada: {"own", "last"}, bob: {"first", "rest", "last"}} {
		for _, event := range events {
			if e, err := p.Next(ctx); err != nil || e.Name != event {
				t.Errorf("%v, %v, want %s", e, err, event)
			}
		}
	}
	compact := strings.TrimSpace(runWith(t, "", "operator-token", "--publish", "--sub", "billing").out)
	runWith(t, compact, "emit", "--server", nodes[1].operators(), "--admin-token", "-", "x").want(t, exitGood, "sent", "")
	runWith(t, compact, "leases", "--server", nodes[1].operators(), "--admin-token", "-").want(t, exitFailed, "", "socketio:admin")
	runWith(t, "", "emit", "--user", "ada", "x").want(t, exitFailed, "", "no effect without --server")
	runWith(t, "", "emit", "--server", nodes[1].operators(), "--issuer", "i", "x").want(t, exitFailed, "", "no effect without --user")
}

// A configuration cannot declare the room in which another user is addressed.
func TestUserRoomsAreReserved(t *testing.T) {
	for _, prefix := range []string{"socketio-jwt:user:", "socketio-jwt:user:x", "s"} {
		if _, err := (&namespaceTable{Room: []string{"sub=" + prefix}}).roomsFrom(false); err == nil {
			t.Errorf("%q is accepted", prefix)
		}
	}
	if _, err := (&namespaceTable{Room: []string{"sub=user:"}}).roomsFrom(false); err != nil {
		t.Error(err)
	}
}

// The room of a user has a name that fits, whatever the issuer and the subject.
func TestUserRoom(t *testing.T) {
	for _, c := range []struct{ issuer, subject, want string }{
		{"https://i", "ada", "socketio-jwt:user:https:%2F%2Fi/ada"},
		{"", "ada", "socketio-jwt:user:/ada"},
		{strings.Repeat("i", 300), "ada", "socketio-jwt:user:sha256:"},
		{"", strings.Repeat("s", 300), "socketio-jwt:user:sha256:"},
	} {
		if got := userRoom(c.issuer, c.subject); !strings.HasPrefix(got, c.want) || len(got) > 200 {
			t.Errorf("%s", got)
		}
	}
}
