package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"socketiojwt/engineio"
)

func TestProbe(t *testing.T) {
	s := start(t)
	good := s.login("ada")
	spoilt := good[:len(good)-10] + "AAAAAAAAAA"
	for _, test := range []struct {
		name  string
		token string
		args  []string
		code  int
		says  []string
	}{
		{"good", good, []string{"--token", "-"}, exitGood, []string{"ADMITTED", `→ 0{"token":"<token>"}`, `← 0{"sid":`}},
		{"good, in the response of login", `{"token":"` + good + `"}`, []string{"--token", "-"}, exitGood, []string{"ADMITTED"}},
		{"good, by event", good, []string{"--token", "-", "--namespace", "/admin", "--mode", "event"}, exitGood, []string{"ADMITTED", "→ 0/admin,\n", `["authenticate",{"token":"<token>"}]`, `["authenticated"]`}},
		{"spoilt", spoilt, []string{"--token", "-"}, exitRefused, []string{"REFUSED", "invalid signature", "token_signature", "id in the server's log"}},
		{"spoilt, by event", spoilt, []string{"--token", "-", "--namespace", "/admin", "--mode", "event"}, exitRefused, []string{"REFUSED", "invalid signature", "token_signature", "→ 3/admin,"}},
		{"none", "", nil, exitRefused, []string{"REFUSED", "no token provided", "credentials_required"}},
		{"good, held at first", good, []string{"--token", "-", "--namespace", "/admin"}, exitGood, []string{`→ 0/admin,{"token":"<token>"}`, "admitted or held", "ADMITTED"}},
		{"spoilt, held at first", spoilt, []string{"--token", "-", "--namespace", "/admin"}, exitRefused, []string{"REFUSED", "invalid signature"}},
		{"garbage, held at first", "garbage", []string{"--token", "-", "--namespace", "/admin"}, exitRefused, []string{"REFUSED", "jwt malformed"}},
		{"good, CONNECT only", good, []string{"--token", "-", "--mode", "handshake"}, exitGood, []string{"ADMITTED: the namespace answered CONNECT"}},
		{"spoilt, CONNECT only", spoilt, []string{"--token", "-", "--mode", "handshake"}, exitRefused, []string{"REFUSED"}},
		{"none, by event", "", []string{"--namespace", "/admin", "--mode", "event"}, exitRefused, []string{"REFUSED", "no token provided"}},
		{"no such namespace", good, []string{"--token", "-", "--namespace", "/nowhere"}, exitRefused, []string{"REFUSED", "Invalid namespace"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			probed := runWith(t, test.token, append([]string{"probe", s.url}, test.args...)...)
			for _, text := range test.says {
				probed.want(t, test.code, text, "")
			}
			if strings.Contains(probed.out, "eyJhbGci") {
				t.Errorf("a token is in the output: %s", probed.out)
			}
		})
	}
	t.Run("--stay until the token expires", func(t *testing.T) {
		_, answer := s.post(`{"username": "ada", "life": "4s"}`) // exp has no fractions of a second, so it is up to a second less
		runWith(t, answer, "probe", strings.TrimPrefix(s.url, "http://"), "--token", "-", "--stay", "20s").want(t, exitGood, "token_expired", "")
	})
	t.Run("a token from the environment", func(t *testing.T) {
		t.Setenv("SOCKETIO_JWT_TOKEN", good)
		runWith(t, "", "probe", s.url).want(t, exitGood, "ADMITTED", "")
	})
}

func TestProbeWithoutAVerdict(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	mute := httptest.NewServer(engine(t, func(*engineio.Session) engineio.Conn { return silence{} }))
	defer mute.Close()
	for _, test := range []struct {
		name, error string
		args        []string
	}{
		{"no server", "could not connect", []string{closed.Addr().String()}},
		{"silence", "the server did not answer within 50ms", []string{mute.URL, "--timeout", "50ms"}},
		{"another path", "could not connect", []string{mute.URL + "/elsewhere/"}},
		{"no URL", "is not the URL", []string{"http://"}},
		{"another scheme", "scheme", []string{"ftp://localhost"}},
		{"no namespace", "--namespace", []string{mute.URL, "--namespace", "admin"}},
		{"no token", "no token", []string{mute.URL, "--token", "-"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			probed := runWith(t, "", append([]string{"probe"}, test.args...)...)
			if probed.code != exitFailed || !strings.Contains(probed.err, test.error) {
				t.Errorf("exit code %d, standard error %q, want %q in it", probed.code, probed.err, test.error)
			}
		})
	}
}

// TestProbeOfAHostileServer checks that packets of a server cannot control the terminal, and
// that the token is not printed if a server sends it back.
func TestProbeOfAHostileServer(t *testing.T) {
	const token = "opaque-but-secret"
	for _, test := range []struct {
		name, packet string
		code         int
	}{
		{"escapes", "4{\"message\":\"\u009b2J\u202e" + token + "\\u001b[31m\"}", exitRefused},
		{"no JSON", "4{", exitRefused},
		{"no object", "4[1]", exitRefused},
		{"absurd ids", "2" + strings.Repeat("9", 5000) + `["unauthorized"]`, exitFailed},
		{"attachments", `51-["x",{"_placeholder":true,"num":0}]`, exitFailed},
		{"an event without a name", "2[]", exitFailed},
		{"line breaks", "2[\n\"x\"\n]", exitFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			hostile := httptest.NewServer(engine(t, func(s *engineio.Session) engineio.Conn {
				return answer{s, test.packet}
			}))
			defer hostile.Close()
			timeout := "200ms" // without a verdict, probe waits until then
			if test.code == exitRefused {
				timeout = "20s"
			}
			probed := runWith(t, token, "probe", hostile.URL, "--token", "-", "--timeout", timeout)
			if probed.code != test.code {
				t.Errorf("exit code %d, want %d: %s", probed.code, test.code, probed.err)
			}
			for _, bad := range []string{token, "\x1b", "\u009b", "\u202e", "\"x\"\n"} {
				if strings.Contains(probed.out+probed.err, bad) {
					t.Errorf("%q is in the output: %q", bad, probed.out)
				}
			}
		})
	}
}

// TestProbeRefusedByAHostileServer checks that the response of a server that refuses the
// WebSocket is printed on one line, without the token of the URL.
func TestProbeRefusedByAHostileServer(t *testing.T) {
	hostile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no\n\nADMITTED: \x1b[2J"+r.URL.RawQuery, http.StatusForbidden)
	}))
	defer hostile.Close()
	const token = "opaque-but-secret"
	probed := runWith(t, token, "probe", hostile.URL+"/?token="+token, "--token", "-")
	probed.want(t, exitFailed, "connecting", "403")
	if strings.Contains(probed.err, token) || strings.Count(probed.err, "\n") != 1 {
		t.Errorf("standard error %q", probed.err)
	}
}

// TestProbePrintsNoHugeVerdict checks that a long verdict is cut.
func TestProbePrintsNoHugeVerdict(t *testing.T) {
	hostile := httptest.NewServer(engine(t, func(s *engineio.Session) engineio.Conn {
		return answer{s, `4{"message":"` + strings.Repeat("no", 100_000) + `"}`}
	}))
	defer hostile.Close()
	probed := runWith(t, "", "probe", hostile.URL)
	probed.want(t, exitRefused, "REFUSED", "")
	if n := len(probed.out); n > 3*maxPrinted {
		t.Errorf("%d bytes printed", n)
	}
}

// engine returns a server of Engine.IO without Socket.IO.
func engine(t *testing.T, open func(*engineio.Session) engineio.Conn) *engineio.Server {
	t.Helper()
	srv, err := engineio.NewServer(func(s *engineio.Session, _ *http.Request) engineio.Conn { return open(s) }, engineio.Options{Path: "/socket.io/"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = srv.Shutdown(ctx)
	})
	return srv
}

// silence is a connection that never answers.
type silence struct{}

func (silence) Message([]byte, bool)   {}
func (silence) Closed(engineio.Reason) {}

// answer is a connection that answers every message with one packet.
type answer struct {
	s      *engineio.Session
	packet string
}

func (a answer) Message([]byte, bool)   { _ = a.s.Send(engineio.NewMessage([]byte(a.packet))) }
func (a answer) Closed(engineio.Reason) {}

// TestProbeHidesTheRecoverySecret checks that the output has no value with which others could
// recover the session.
func TestProbeHidesTheRecoverySecret(t *testing.T) {
	s := start(t, "--recovery", "1m")
	for _, namespace := range []string{"/", "/admin"} {
		o := runWith(t, s.login("ada"), "probe", s.url, "--token", "-", "--namespace", namespace, "--stay", "10ms")
		o.want(t, exitGood, "ADMITTED", "")
		if namespace == "/" {
			o.want(t, exitGood, `"pid":"(hidden)"`, "")
		}
		if strings.Count(o.out, `"pid"`) != strings.Count(o.out, `"pid":"(hidden)"`) {
			t.Errorf("the output has the secret:\n%s", o.out)
		}
	}
}
