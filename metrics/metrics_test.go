package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/metrics"
	"socketiojwt/observe"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/introspect"
	"socketiojwt/token/jwks"
	"socketiojwt/upstream"
)

// scrape returns the text of the metrics.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, _ := io.ReadAll(w.Body)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, body)
	}
	return string(body)
}

// reporting is a Bus that reports its state.
type reporting struct{ socketio.Bus }

func (reporting) Health() socketio.BusHealth {
	return socketio.BusHealth{Connected: true, Delay: 2 * time.Millisecond}
}

// full returns Metrics of a server, a gate, keys and introspection that have done something.
func full(t *testing.T) *metrics.Metrics {
	t.Helper()
	m := metrics.New()
	gate, sign := authtest.NewGate(t, auth.Options{Observer: m})
	hub := bustest.New()
	opts := socketio.Options{Observer: m}
	hub.Join(&opts)
	join := opts.Bus
	opts.Bus = func(deliver func(socketio.Message)) (socketio.Bus, error) {
		bus, err := join(deliver)
		return reporting{bus}, err
	}
	srv, err := socketio.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Use(gate.Handshake)
	srv.OfPattern(regexp.MustCompile("/room-.*")).Open()
	srv.Handle("say", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, text string) (int, error) {
		return 1, srv.Broadcast.WithContext(ctx).Emit("said", text)
	}))
	srv.Handle("fail", func(context.Context, *socketio.Socket, *socketio.Event) error { return errors.New("of the test") })
	issuer := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(issuer.Close)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"refuse": {}}`)
	}))
	t.Cleanup(hook.Close)
	backend, err := upstream.New(hook.URL, upstream.Options{Secrets: []string{strings.Repeat("0123456789abcdef", 2)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backend.Close(context.Background()) })
	m.Backend(backend)
	backend.Register(srv.Of("/backend").Mux)
	s := sockettest.Serve(t, srv)
	m.Server(srv)
	m.Gate("/", gate)
	set, err := jwks.New(issuer.URL, jwks.Options{Observer: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	m.Keys(set)
	m.KeysFrom(func() []*jwks.Set { return []*jwks.Set{set} }) // the same issuer in another place
	_ = set.Refresh(t.Context())
	verifier, err := introspect.New(issuer.URL, introspect.ClientSecretBasic("id", "secret"), introspect.Options{Rules: token.Options{Audiences: []string{"chat"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = verifier.Close() })
	m.Introspection("https://issuer.example/introspect", verifier)
	m.Denylist(func() metrics.DenylistState { return metrics.DenylistState{Available: true, Age: time.Second} })
	m.Certificate(func() time.Time { return time.Unix(1800000000, 0) })

	p := s.Dial(sockettest.Options{Auth: map[string]string{"token": sign(map[string]any{"sub": "a secret subject"})}})
	if _, err := p.EmitWithAck(t.Context(), "say", "a secret text"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.EmitWithAck(t.Context(), "authenticate", map[string]any{"token": sign(map[string]any{"sub": "a secret subject"})}); err != nil {
		t.Fatal(err)
	}
	_ = p.Emit("an event of the peer")
	_ = p.Emit("fail")
	if _, err := p.EmitWithAck(t.Context(), "say", "text of ada"); err != nil { // the others are handled
		t.Fatal(err)
	}
	s.Refused(sockettest.Options{Namespace: "/backend"})
	q := s.Dial(sockettest.Options{Namespace: "/room-of-a-peer"})
	s.Refused(sockettest.Options{Auth: map[string]string{"token": "a-secret-token"}})
	if _, err := gate.Revoke(t.Context(), auth.BySubject("", "a secret subject"), auth.RevokeOptions{}); err != nil {
		t.Fatal(err)
	}
	_ = q
	return m
}

func TestScrape(t *testing.T) {
	lines := []string{
		`socketiojwt_sessions{protocol="4",transport="websocket"} 2`,
		`socketiojwt_sockets{namespace="/room-.*",state="admitted"} 1`,
		`socketiojwt_sockets{namespace="/",state="admitted"} 0`,
		`socketiojwt_admissions_total{namespace="/"} 1`,
		`socketiojwt_refusals_total{namespace="/",temporary="false"} 1`,
		`socketiojwt_events_received_total{namespace="/"} 5`,
		`socketiojwt_events_sent_total{namespace="/"} 2`,
		`socketiojwt_handler_errors_total{fault="program"} 1`,
		`socketiojwt_broadcasts_total{namespace="/"} 2`,
		`socketiojwt_bus_connected 1`,
		`socketiojwt_gate_refusals_total{gate="/",reason="token_malformed"} 1`,
		`socketiojwt_gate_admissions_total{as="leased",gate="/"} 1`,
		`socketiojwt_lease_refreshes_total{gate="/"} 1`,
		`socketiojwt_lease_ends_total{cause="token_revoked",gate="/"} 1`,
		`socketiojwt_denylist_entries{gate="/"} 1`,
		`socketiojwt_backend_requests_total{of="connect"} 1`,
		`socketiojwt_backend_refusals_total 1`,
		`socketiojwt_backend_failures_total 0`,
		`socketiojwt_backend_down_seconds 0`,
		`socketiojwt_backend_waiting 0`,
		`socketiojwt_denylist_available 1`,
		`socketiojwt_denylist_age_seconds 1`,
		`socketiojwt_certificate_expire_timestamp_seconds 1.8e+09`,
		`socketiojwt_key_fetch_failures_total{issuer="127.0.0.1"} 2`,
		`socketiojwt_introspection_tokens{endpoint="https://issuer.example/introspect",verdict="accepted"} 0`,
		`socketiojwt_connect_duration_seconds_count{mode="handshake",namespace="/",result="ok"} 1`,
		`socketiojwt_connect_duration_seconds_count{mode="handshake",namespace="/",result="refused"} 1`,
		`socketiojwt_verification_duration_seconds_count{algorithm="HS256",result="ok",signature="none"} 2`,
		`socketiojwt_verification_duration_seconds_count{algorithm="none",result="refused",signature="none"} 1`,
		`socketiojwt_handler_duration_seconds_count{event="say",namespace="/",result="ok"} 2`,
		`socketiojwt_handler_duration_seconds_count{event="fail",namespace="/",result="failed"} 1`,
		`socketiojwt_handler_duration_seconds_count{event="other",namespace="/",result="ok"} 1`,
		`socketiojwt_broadcast_duration_seconds_count{namespace="/",result="ok"} 2`,
		`socketiojwt_refresh_duration_seconds_count{result="ok"} 1`,
		`socketiojwt_revocation_duration_seconds_count{result="ok"} 1`,
		`socketiojwt_key_fetch_duration_seconds_count{issuer="127.0.0.1",result="status"} 1`,
		`socketiojwt_build_info{goversion="go`, "go_goroutines ", "process_open_fds ",
	}
	m := full(t)
	var text string
	// A peer may hear of the end of an operation before the Observer does.
	for until := time.Now().Add(time.Minute); time.Now().Before(until); runtime.Gosched() {
		text = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(scrape(t, m), "127.0.0.1")
		if !slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(text, "\n"+line) }) {
			break
		}
	}
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line) {
			name, _, _ := strings.Cut(line, "{")
			t.Errorf("no line %s among\n%s", line, strings.Join(linesWith(text, name), "\n"))
		}
	}
	for _, secret := range []string{"secret", "of-a-peer", "of the peer", "text of ada"} {
		if lines := linesWith(text, secret); len(lines) > 0 {
			t.Errorf("the metrics have a text of a peer: %q", lines)
		}
	}
}

func linesWith(text, part string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return !strings.Contains(line, part) })
}

// Promtool of Prometheus finds no name or unit that breaks the conventions.
func TestNamesFollowTheConventions(t *testing.T) {
	m := full(t)
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(scrape(t, m))
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool (Debian: prometheus): %v\n%s", err, out)
	}
	if problems, err := testutil.CollectAndLint(m); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// A histogram has a bounded number of series, even if an Observer is told many different labels.
func TestSeriesOfAHistogramAreBounded(t *testing.T) {
	m := metrics.New()
	for i := range 5000 {
		_, running := observe.Begin(t.Context(), m, observe.Operation{Kind: observe.Handle, Namespace: "/", Event: fmt.Sprint("event", i, "\xff")})
		running.End(observe.Outcome{Result: observe.OK})
	}
	text := scrape(t, m)
	if n := strings.Count(text, "socketiojwt_handler_duration_seconds_count"); n != 1001 {
		t.Errorf("%d series, want 1000 and one for others", n)
	}
	if want := `{event="other",namespace="other",result="ok"} 4000`; !strings.Contains(text, want) {
		t.Errorf("no series %s", want)
	}
}

func TestUnknownOperationIsIgnored(t *testing.T) {
	m := metrics.New()
	for _, kind := range []observe.Kind{0, 200} {
		if ctx, running := observe.Begin(t.Context(), m, observe.Operation{Kind: kind}); ctx != t.Context() {
			t.Errorf("kind %d changed the context", kind)
		} else {
			running.End(observe.Outcome{})
		}
	}
}

// Scrapes, operations and registrations may overlap.
func TestMetricsAreConcurrent(t *testing.T) {
	m := full(t)
	gate, _ := authtest.NewGate(t, auth.Options{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 1000 {
			_, running := observe.Begin(context.Background(), m, observe.Operation{Kind: observe.FetchKeys, Issuer: fmt.Sprint(i % 10)})
			running.End(observe.Outcome{Result: observe.OK})
			m.Gate(fmt.Sprint(i%3), gate)
		}
	}()
	for range 10 {
		scrape(t, m)
	}
	<-done
}

// panicking is a denylist whose Len panics.
type panicking struct{ *auth.MemoryDenylist }

func (panicking) Len() int { panic("of the test") }

// A panic of code of the program leaves out only the figures that it was asked for.
func TestPanicInAScrapeHasNoOtherEffect(t *testing.T) {
	m := full(t)
	gate, _ := authtest.NewGate(t, auth.Options{Denylist: panicking{auth.NewDenylist(auth.DenylistOptions{})}})
	m.Gate("panicking", gate)
	m.Denylist(func() metrics.DenylistState { panic("of the test") })
	m.KeysFrom(func() []*jwks.Set { panic("of the test") })
	text := scrape(t, m)
	if strings.Contains(text, "panicking") || !strings.Contains(text, `socketiojwt_gate_sockets{gate="/",state="leased"}`) {
		t.Errorf("scraped\n%s", text)
	}
}

// A registry of the program may have the metrics of several servers.
func TestSeveralServers(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	for _, name := range []string{"a", "b"} {
		prometheus.WrapRegistererWith(prometheus.Labels{"server": name}, r).MustRegister(full(t))
	}
	if _, err := r.Gather(); err != nil {
		t.Error(err)
	}
}

func BenchmarkHandlerMeasured(b *testing.B) {
	m := metrics.New()
	ctx := b.Context()
	op := observe.Operation{Kind: observe.Handle, Namespace: "/", Event: "say"}
	b.ReportAllocs()
	for b.Loop() {
		_, running := observe.Begin(ctx, m, op)
		running.End(observe.Outcome{Result: observe.OK})
	}
}
