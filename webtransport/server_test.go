package webtransport

import (
	"crypto/tls"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"socketiojwt/engineio"
)

// TestSession checks packets of each length in both directions, and the end by each side.
func TestSession(t *testing.T) {
	f := newFixture(t, engineio.Options{})
	p := f.dial(packet(false, "0"), nil)
	if open := p.read(); !strings.HasPrefix(open, `0{"sid":"`) {
		t.Fatalf("first packet %q", open)
	}
	e := <-f.opened
	for _, n := range []int{0, 1, 124, 125, 126, 65_534, 65_535, 65_536, 500_000} {
		text := strings.Repeat("x", n)
		p.write(append(packet(false, "4"+text), packet(true, text)...))
		if got := p.read(); got != "4"+text {
			t.Errorf("%d bytes of text: got %d, %.20q", n, len(got), got)
		}
		if got := p.read(); got != "binary:"+text {
			t.Errorf("%d bytes: got %d, %.20q", n, len(got), got)
		}
	}
	_ = e.s.Send(engineio.NewMessage([]byte("last")))
	e.s.Close(engineio.ForcedClose)
	if got := []string{p.read(), p.read()}; got[0] != "4last" || got[1] != "end" {
		t.Errorf("got %q", got)
	}
	<-p.session.Context().Done()
	if reason := <-e.closed; reason != engineio.ForcedClose {
		t.Errorf("closed with %q", reason)
	}

	p = f.dial(packet(false, "0"), nil)
	p.read()
	e = <-f.opened
	_ = p.session.CloseWithError(0, "")
	if reason := <-e.closed; reason != engineio.TransportClose {
		t.Errorf("closed with %q, want %q", reason, engineio.TransportClose)
	}
}

// TestEngineRules checks that the rules of the engine hold: its limits, its heartbeat and its
// origins.
func TestEngineRules(t *testing.T) {
	f := newFixture(t, engineio.Options{MaxPayload: 1000, PingInterval: 100 * time.Millisecond, PingTimeout: time.Minute, Origins: []string{"https://page.example"}})
	p := f.dial(packet(false, "0"), http.Header{"Origin": {"https://page.example"}})
	p.read()
	e := <-f.opened
	if got := p.read(); got != "2" {
		t.Errorf("got %q, want a ping", got)
	}
	p.write(packet(false, "4"+strings.Repeat("x", 1000)))
	if reason := <-e.closed; reason != engineio.TransportError {
		t.Errorf("closed with %q", reason)
	}
	p = f.dial(packet(false, "0"), http.Header{"Origin": {"https://other.example"}})
	if got := p.read(); got != "end" {
		t.Errorf("a foreign origin: got %q", got)
	}
	if n := f.engine.Stats().Refused.Origin; n != 1 {
		t.Errorf("%d requests were refused", n)
	}
}

// TestFirstPacket checks that a session begins only with an open packet.
func TestFirstPacket(t *testing.T) {
	f := newFixture(t, engineio.Options{})
	for _, first := range [][]byte{packet(true, "0"), packet(false, "4x"), packet(false, ""), packet(false, strings.Repeat("0", 126)), packet(false, `0{"sid":"x"}`)} {
		if got := f.dial(first, nil).read(); got != "end" {
			t.Errorf("%.20q: got %q", first, got)
		}
	}
	if n := f.engine.Stats().Opened; n != 0 {
		t.Errorf("%d sessions were opened", n)
	}
	if n := len(f.server.opening); n != 0 {
		t.Errorf("%d sessions count as new", n)
	}
}

// TestSessionsWithoutAPacket checks that a session that sends nothing ends, and that the number
// of such sessions is bounded.
func TestSessionsWithoutAPacket(t *testing.T) {
	f := newFixture(t, engineio.Options{}, func(s *Server) { s.timeout = 10 * time.Millisecond })
	session, err := f.session(nil)
	if err != nil {
		t.Fatal(err)
	}
	<-session.Context().Done()

	f = newFixture(t, engineio.Options{})
	for range cap(f.server.opening) {
		f.server.opening <- struct{}{}
	}
	dialer := f.dialer()
	defer dialer.Close()
	if response, _, err := dialer.Dial(t.Context(), f.url, nil); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%v, %v", response, err)
	}
	for range cap(f.server.opening) {
		<-f.server.opening
	}
	if open := f.dial(packet(false, "0"), nil).read(); !strings.HasPrefix(open, `0{"sid":"`) {
		t.Errorf("afterwards: %q", open)
	}
}

// TestOtherRequests checks that a request that is not for WebTransport is refused, and that
// options are checked.
func TestOtherRequests(t *testing.T) {
	f := newFixture(t, engineio.Options{})
	transport := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: f.roots}, QUICConfig: &quic.Config{HandshakeIdleTimeout: time.Minute}}
	defer transport.Close()
	r, err := (&http.Client{Transport: transport}).Get(f.url + "?EIO=4&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", r.StatusCode)
	}
	if _, err := NewServer(f.engine, Options{}); err == nil {
		t.Error("a server without certificates")
	}
}

// BenchmarkIdle reports what an idle session keeps, with both ends in this process.
func BenchmarkIdle(b *testing.B) {
	held := func() (heap, stack float64) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc), float64(m.StackInuse)
	}
	for b.Loop() {
		const n = 200
		f := newFixture(b, engineio.Options{MaxNewPerAddress: -1})
		f.opened = make(chan echo, n+1)
		f.dial(packet(false, "0"), nil).read()
		heap, stack := held()
		for range n {
			f.dial(packet(false, "0"), nil).read()
		}
		heap2, stack2 := held()
		b.ReportMetric((heap2-heap)/n, "heap-B/session")
		b.ReportMetric((stack2-stack)/n, "stack-B/session")
	}
}
