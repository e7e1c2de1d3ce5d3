package load

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// refuseIt makes fakeCentrifuge close a connection because of its token.
var refuseIt = []string{"refuse"}

// fakeCentrifuge is a server that answers each command by what answer says.
func fakeCentrifuge(t *testing.T, answer func(command string) []string) Config {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil || r.URL.Path != CentrifugePath {
			return
		}
		defer c.Close()
		for {
			p, err := wsutil.ReadClientText(c)
			if err != nil {
				return
			}
			said := answer(string(p))
			if slices.Equal(said, refuseIt) {
				_ = ws.WriteFrame(c, ws.NewCloseFrame(ws.NewCloseFrameBody(invalidToken, "invalid token")))
				return
			}
			if len(said) > 0 && wsutil.WriteServerText(c, []byte(strings.Join(said, "\n"))) != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte(strings.Repeat("h.p.Good\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{Protocol: Centrifuge, Address: s.Listener.Addr().String(), PID: os.Getpid(), Count: 3, Parallel: 2, Via: ViaAuth, Tokens: tokens,
		Each: 4, Rate: 100, Messages: 3, Patience: 5 * time.Second}
}

// centrifuge answers as the library does, with a ping before each answer.
func centrifuge(command string) []string {
	if strings.HasPrefix(command, `{"connect":`) {
		if !strings.Contains(command, "h.p.Good") {
			return refuseIt
		}
		return []string{"{}", `{"id":1,"connect":{"client":"x","subs":{"all":{}},"ping":25,"pong":true}}`}
	}
	if data, ok := strings.CutPrefix(command, `{"send":{"data":{"event":"broadcast","data":`); ok {
		return []string{"{}", `{"push":{"channel":"all","pub":{"data":` + strings.TrimSuffix(data, "}}}") + `}}}`}
	}
	if strings.Contains(command, `"rpc":`) {
		return []string{"{}", strings.Replace(command, `"method":"echo",`, "", 1)}
	}
	return nil
}

func TestCentrifuge(t *testing.T) {
	c := fakeCentrifuge(t, centrifuge)
	run(t, c, Connect, "")
	run(t, c, Idle, "")
	run(t, c, Ask, "")
	c.Count = 1 // its broadcasts reach only the client that asks
	run(t, c, Broadcast, "")
}

func TestCentrifugeThatIsWrong(t *testing.T) {
	wrong := func(part, instead string, mode Mode, want string) {
		t.Helper()
		c := fakeCentrifuge(t, func(command string) []string {
			if strings.Contains(command, part) {
				return []string{instead}
			}
			return centrifuge(command)
		})
		c.Patience = 50 * time.Millisecond
		run(t, c, mode, want)
	}
	wrong(`"connect":`, `{"id":1,"connect":{"client":"x"}}`, Connect, "not subscribed")
	wrong(`"connect":`, `{"id":1,"error":{"code":100}}`, Connect, "an answer to connect expected")
	wrong(`"rpc":`, `{"id":2,"error":{"code":100}}`, Ask, `"rpc":{"data":{"n":0,"pad":""}}} expected`)
	wrong(`"send":`, "{}", Broadcast, "did not arrive")
}

func TestCentrifugeWithoutGate(t *testing.T) {
	c := fakeCentrifuge(t, func(command string) []string {
		return centrifuge(strings.Replace(command, Spoil("h.p.Good"), "h.p.Good", 1))
	})
	run(t, c, Connect, "admitted a bad token")
}

func TestAnswersThatDiffer(t *testing.T) {
	answer := func(said string) func(string) []string {
		return func(packet string) []string {
			if strings.HasPrefix(packet, "42") {
				return []string{said}
			}
			return gated(packet)
		}
	}
	c := fake(t, answer(`430[{"n":0,"pad":""}]`))
	c.Each = 1
	run(t, c, Ask, "")
	c.Each = 2
	run(t, c, Ask, `431[{"n":1,"pad":""}] expected`)
	c = fake(t, answer(`430[1,`))
	c.Each = 1
	run(t, c, Ask, "expected")
}

// The server says at the end how many events it had.
func TestEventsAreCounted(t *testing.T) {
	for handled, want := range map[string]string{"200": "", "199": "430[200]... expected"} {
		c := fake(t, func(packet string) []string {
			switch packet {
			case `42["raw","xx"]`:
				return nil
			case `420["echo",1]`:
				return []string{"430[1]"}
			case `420["handled"]`:
				return []string{"430[" + handled + "]"}
			}
			return gated(packet)
		})
		c.Count, c.Each, c.Event, c.Padding, c.Patience = 1, 1, "raw", 2, 5*time.Second
		run(t, c, Events, want)
	}
}

func TestRoomsHaveTenMembersEach(t *testing.T) {
	for _, connections := range []int{10, 55, 2000} {
		members := make(map[string][]int)
		for i, rooms := range memberships(connections*2, connections) {
			for _, room := range rooms {
				members[room] = append(members[room], i)
			}
		}
		for room, all := range members {
			if slices.Sort(all); len(slices.Compact(all)) != roomSize {
				t.Errorf("%s of %d connections has the members %v", room, connections, all)
			}
		}
		if len(members) != connections*2 {
			t.Errorf("%d rooms have members, want %d", len(members), connections*2)
		}
	}
}

func TestStormThatFails(t *testing.T) {
	c := fake(t, gated)
	c.Rate = 1000
	run(t, c, Storm, "")
	c = fake(t, func(string) []string { return []string{invalid} })
	c.Rate = 1000
	run(t, c, Storm, "5 of 5 connections failed")
}

func TestClosed(t *testing.T) { run(t, fake(t, gated), Closed, "") }

// fakePolling is a server that speaks Engine.IO by long-polling, for one client.
func fakePolling(t *testing.T) Config {
	t.Helper()
	packets := make(chan string, 10)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /socket.io/", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("sid") == "" {
			fmt.Fprint(w, `0{"sid":"x"}`)
			return
		}
		select {
		case p := <-packets:
			fmt.Fprint(w, p)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /socket.io/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch packet := string(body); {
		case packet == "40":
			packets <- welcome
		case strings.HasPrefix(packet, "42"):
			packets <- "2" + separator + packet // after a ping
		case packet != "3":
			t.Errorf("packet %q", packet)
		}
		fmt.Fprint(w, "ok")
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return Config{Polling: true, Address: s.Listener.Addr().String(), PID: os.Getpid(), Count: 1, Parallel: 1, Rate: 100, Messages: 3, Patience: 5 * time.Second}
}

func TestPolling(t *testing.T) {
	c := fakePolling(t)
	run(t, c, Connect, "")
	run(t, c, Idle, "")
	run(t, c, Broadcast, "")
}
