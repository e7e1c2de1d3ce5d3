package load

import (
	"bufio"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// fake is a server that answers CONNECT and an event by what answer says; nil messages are not sent.
func fake(t *testing.T, answer func(packet string) []string) Config {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		defer c.Close()
		serve(c, answer)
	}))
	t.Cleanup(s.Close)
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte(strings.Repeat("h.p.Good\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{Address: s.Listener.Addr().String(), PID: os.Getpid(), Count: 5, Parallel: 2, Via: ViaAuth, Tokens: tokens,
		Rate: 100, Messages: 3, Patience: 50 * time.Millisecond}
}

func serve(c net.Conn, answer func(packet string) []string) {
	if wsutil.WriteServerText(c, []byte(`0{"sid":"x"}`)) != nil {
		return
	}
	buffered := struct {
		io.Reader
		io.Writer
	}{bufio.NewReader(c), io.Discard} // a pong for each ping would be so slow that a full buffer takes seconds to drain
	for {
		p, err := wsutil.ReadClientText(buffered)
		if err != nil {
			return
		}
		for _, a := range answer(string(p)) {
			if wsutil.WriteServerText(c, []byte(a)) != nil {
				return
			}
		}
	}
}

const (
	welcome = `40{"sid":"y"}`
	invalid = `44{"message":"no","data":{"message":"no","code":"invalid_token","type":"UnauthorizedError"}}`
)

// gated admits what Spoil did not spoil.
func gated(packet string) []string {
	if strings.Contains(packet, "h.p.Good") {
		return []string{welcome}
	}
	return []string{invalid}
}

// gatedByEvent answers CONNECT at once, and admits by the event what Spoil did not spoil.
func gatedByEvent(packet string) []string {
	switch {
	case packet == "40":
		return []string{welcome}
	case packet == `420["echo",1]`:
		return []string{"430[1]"}
	case strings.Contains(packet, `"h.p.Good"`):
		return []string{`42["authenticated"]`}
	}
	return []string{`4217["unauthorized",{"data":{"message":"no","code":"invalid_token"}}]`}
}

func run(t *testing.T, c Config, mode Mode, want string) {
	t.Helper()
	c.Mode = mode
	r, err := Run(c)
	if mode == Loud && want == "" && r.LateP99 <= 0 {
		t.Errorf("%s: not measured how late the generator was", c.Noise)
	}
	if want == "" {
		if err != nil {
			t.Errorf("%s: %v", mode, err)
		} else if r.Seconds <= 0 {
			t.Errorf("%s: nothing measured: %+v", mode, r)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want an error with %q", mode, err, want)
	}
}

func TestGoodServer(t *testing.T) {
	c := fake(t, func(packet string) []string {
		if strings.HasPrefix(packet, "42") {
			return []string{"2", packet} // a ping on the way
		}
		return gated(packet)
	})
	run(t, c, Connect, "")
	run(t, c, Refuse, "")
	run(t, c, Idle, "")
	run(t, c, Reconnect, "")
	c.Count = 1 // its broadcasts reach only the client that asks
	run(t, c, Broadcast, "")
}

// TestMain makes this program its own source of noise.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == GeneratorRole {
		os.Exit(Main(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

func TestLoud(t *testing.T) {
	loud := func(kind Kind, answer func(string) []string, want string) {
		t.Helper()
		c := fake(t, answer)
		c.Quiet, c.Rate, c.Hold, c.Settle, c.Noise = 2, 50, 400*time.Millisecond, 50*time.Millisecond, kind
		if kind == BadTokens {
			c.Via = ViaEvent
		}
		if kind == LargeEvents {
			c.Hold = time.Second // on a busy machine one of them takes some 100 ms
		}
		t.Logf("noise: %s", kind)
		run(t, c, Loud, want)
	}
	echo := func(packet string) []string {
		if id, ok := strings.CutSuffix(packet, `["echo",1]`); ok {
			return []string{"43" + strings.TrimPrefix(id, "42") + "[1]"}
		}
		switch {
		case packet == "6", packet == "4399[1]", packet == `42["raw","x"]`:
			return nil
		case strings.HasPrefix(packet, `420["take"`):
			return []string{"430[]"}
		}
		return gated(packet)
	}
	for _, kind := range []Kind{Pings, Noops, Fragments, Acks, SmallEvents, Unanswered, LargeEvents} {
		loud(kind, echo, "")
	}
	loud(Broadcasts, func(packet string) []string { // each client has its own
		if strings.HasPrefix(packet, `42["broadcast"`) {
			return slices.Repeat([]string{packet}, 5)
		}
		if packet == `420["echo",1]` {
			return []string{`42["broadcast",{"t":1}]`, "430[1]"}
		}
		return echo(packet)
	}, "")
	loud(BadTokens, gatedByEvent, "")
	loud(BadTokens, unless(bad, `42["authenticated"]`), "admitted a bad token")
	loud(SmallEvents, func(packet string) []string {
		if packet == `420["echo",1]` || !strings.HasPrefix(packet, "42") {
			return echo(packet)
		}
		return []string{"44{}"}
	}, "loud connection")
	loud(Noops, func(packet string) []string {
		if packet == `420["echo",1]` {
			return []string{"430[2]"}
		}
		return echo(packet)
	}, "430[1]... expected")
}

func TestSpread(t *testing.T) {
	spread := func(said func(broadcast string) []string, want string) {
		t.Helper()
		c := fake(t, func(packet string) []string {
			if broadcast, ok := strings.CutPrefix(packet, `420["spread",`); ok {
				return said(`42["broadcast",` + broadcast)
			}
			return gated(packet)
		})
		c.Count = 1 // its broadcasts reach only the client that asks
		run(t, c, Spread, want)
	}
	spread(func(b string) []string { return []string{b, "430[1234]"} }, "")
	spread(func(b string) []string { return []string{b, b} }, "430[ and a number expected")
	spread(func(string) []string { return []string{`42["broadcast",{"t":1}]`, "430[1234]"} }, "the broadcast of")
	spread(func(string) []string { return nil }, "timeout")
}

func TestFlood(t *testing.T) {
	flood := func(hold time.Duration, answer func(string) []string, want string) {
		t.Helper()
		c := fake(t, answer)
		c.Via, c.Hold, c.Share, c.Settle = ViaEvent, hold, 0.2, 50*time.Millisecond
		c.Off = 1000 // a busy machine misses any rate; see TestFloodRate
		run(t, c, Flood, want)
	}
	flood(time.Second, gatedByEvent, "")
	flood(time.Millisecond, unless(bad, `42["authenticated"]`), "admitted a bad token")
	flood(100*time.Millisecond, unless(func(p string) bool { return p == `420["echo",1]` }, "430[2]"), "430[1]... expected")
	var seen atomic.Int64
	flood(100*time.Millisecond, unless(func(p string) bool { return bad(p) && seen.Add(1) > 1 }), "no bad token was refused")
}

// bad reports whether a packet shows a bad token.
func bad(packet string) bool { return strings.Contains(packet, "h.p.A") }

// unless answers as gatedByEvent does, but says something else to some packets.
func unless(is func(packet string) bool, said ...string) func(string) []string {
	return func(packet string) []string {
		if is(packet) {
			return said
		}
		return gatedByEvent(packet)
	}
}

// A bad token that is admitted later is noticed by each connection that showed it.
func TestFloodThatIsAdmitted(t *testing.T) {
	c := fake(t, unless(bad, `42["authenticated"]`))
	c.Via = ViaEvent
	g := &generator{Config: c, tokens: slices.Repeat([]string{"h.p.Good"}, c.Count), zero: time.Now()}
	w := &crowd{g: g}
	defer w.close()
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	for i := range w.all {
		if err := w.show(i); err != nil {
			t.Fatal(err)
		}
	}
	w.readers.Wait()
	if err := w.failed(); err == nil || !strings.Contains(err.Error(), "a refusal expected") {
		t.Errorf("got %v", err)
	}
}

func TestFloodRate(t *testing.T) {
	for came, want := range map[float64]bool{100: true, 95: true, 105: true, 94.9: false, 105.1: false, 0: false} {
		if is := off(came, 100) <= 0.05; is != want {
			t.Errorf("%v of 100: %v", came, is)
		}
	}
}

func TestDecoy(t *testing.T) {
	decoy := func(answer func(string) []string, want string) {
		t.Helper()
		c := fake(t, answer)
		c.Via, c.Alg, c.Warm = ViaEvent, "ES256", 1
		run(t, c, Decoy, want)
	}
	shown := map[string]int{}
	decoy(func(packet string) []string {
		if token, ok := strings.CutPrefix(packet, `42["authenticate",{"token":"`); ok {
			header, _, _ := strings.Cut(token, ".")
			shown[header]++
		}
		return gatedByEvent(packet)
	}, "")
	for _, header := range []string{`{"alg":"ES256","kid":"the-known"}`, `{"alg":"ES256","kid":"missing"}`} {
		if n := shown[base64.RawURLEncoding.EncodeToString([]byte(header))]; n != 6 {
			t.Errorf("%s was shown %d times, want 6", header, n)
		}
	}
	decoy(func(packet string) []string {
		if strings.Contains(packet, "eyJ") { // not the spoiled token that each run begins with
			return []string{`4217["unauthorized",{"data":{"message":"no","code":"unavailable"}}]`}
		}
		return gatedByEvent(packet)
	}, "a refusal expected")
}

func TestOpenDoorHasNoFigure(t *testing.T) {
	c := fake(t, func(string) []string { return []string{welcome} })
	for _, mode := range []Mode{Connect, Refuse, Idle, Broadcast, Reconnect} {
		run(t, c, mode, "admitted a bad token")
	}
}

func TestRefusedConnectionHasNoFigure(t *testing.T) {
	c := fake(t, func(string) []string { return []string{invalid} })
	for _, mode := range []Mode{Connect, Idle, Broadcast} {
		run(t, c, mode, " of 5: refused")
	}
}

// A server that refuses because it is overloaded, or dead, does not show what refusing a bad token costs.
func TestRefusalForAnotherReasonHasNoFigure(t *testing.T) {
	c := fake(t, func(string) []string { return []string{`44{"message":"busy"}`} })
	run(t, c, Refuse, "not refused as a bad token")
}

func TestLostMessagesHaveNoFigure(t *testing.T) {
	c := fake(t, gated)
	run(t, c, Broadcast, "did not arrive")
}

func TestDoubledMessagesHaveNoFigure(t *testing.T) {
	c := fake(t, func(packet string) []string {
		if strings.HasPrefix(packet, "42") {
			return []string{packet, packet}
		}
		return gated(packet)
	})
	c.Count, c.Patience = 1, 5*time.Second
	run(t, c, Broadcast, "a message came twice")
}

func TestTooFewTokens(t *testing.T) {
	c := fake(t, gated)
	c.Count = 100 // and one to spoil
	run(t, c, Connect, "100 tokens, 101 needed")
}

func TestSpoil(t *testing.T) {
	for _, token := range []string{"a.b.Cde", "a.b.Ade", "a.b.", ""} {
		if bad := Spoil(token); bad == token || !strings.HasPrefix(bad, token[:strings.LastIndexByte(token, '.')+1]) {
			t.Errorf("Spoil(%q) = %q", token, bad)
		}
	}
}

func TestProcFiles(t *testing.T) {
	// The program's name holds what separates fields elsewhere.
	stat := []byte("42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 25 13 14 15 16 17 18\n")
	if cpu, err := parseStat(stat); err != nil || cpu != 1.75 {
		t.Errorf("parseStat: %v, %v", cpu, err)
	}
	if rss, err := parseStatus([]byte("Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t  12 kB\nRssAnon:\t 3 kB\n")); err != nil || rss != 12<<10 {
		t.Errorf("parseStatus: %v, %v", rss, err)
	}
	if _, err := parseStatus([]byte("Name:\tzombie\n")); err == nil {
		t.Error("a process that has ended has an RSS")
	}
	// User, nice, system and steal count; idle, iowait, irq and softirq do not.
	if used, err := parseMachine([]byte("cpu  100 20 3 4000 5000 600 700 80 9 9\ncpu0 1 1\n")); err != nil || used != 2.03 {
		t.Errorf("parseMachine: %v, %v", used, err)
	}
	for _, wrong := range []string{"", "cpu0 1 2 3 4 5 6 7 8\n", "cpu  1 2 3\n", "cpu  1 2 x 4 5 6 7 8\n"} {
		if _, err := parseMachine([]byte(wrong)); err == nil {
			t.Errorf("parseMachine(%q) succeeded", wrong)
		}
	}
}
