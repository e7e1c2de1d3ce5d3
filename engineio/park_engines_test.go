package engineio

import (
	"net/http"
	"strings"
	"testing"
)

// TestPollOfAnotherServerOnAParkedConnection checks that a connection that one Server has parked may be used for a session
// of another one, as proxies do, and that each counts and ends its own polls only.
func TestPollOfAnotherServerOnAParkedConnection(t *testing.T) {
	other, opened := newServer(t, Options{}, nil)
	other.parkAfter = 0
	f := newParked(t, Options{}, nil, func(web *http.Server) {
		first := web.Handler
		web.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "other" {
				other.ServeHTTP(w, r)
			} else {
				first.ServeHTTP(w, r)
			}
		})
	})
	toOther := func(request string) string { return strings.Replace(request, "Host: pipe", "Host: other", 1) }

	conn, _, c := f.connectParked()
	conn.send(toOther(f.request("GET", pollingQuery, "")))
	if a := conn.response("GET"); a.status != 200 {
		t.Fatalf("handshake: %d %s", a.status, a.body)
	}
	guest := <-opened
	otherQuery := pollingQuery + "&sid=" + guest.s.ID()
	for range 3 {
		f.parkPoll(conn, c, "")
		c.s.Send(NewMessage([]byte("own")))
		conn.expectResponse("GET", "4own")
		conn.send(toOther(f.request("GET", otherQuery, "")))
		eventually(t, "a poll", func() bool { return polls(guest.s) })
		guest.s.Send(NewMessage([]byte("other")))
		conn.expectResponse("GET", "4other")
	}
	conn.send(toOther(f.request("GET", otherQuery, "")))
	eventually(t, "a poll", func() bool { return polls(guest.s) })
	if own, others := f.srv.Stats().Requests, other.Stats().Requests; own != 0 || others != 1 {
		t.Errorf("%d and %d requests are counted, want 0 and 1", own, others)
	}
	other.Close()
	if a := conn.response("GET"); !strings.HasPrefix(a.body, "1\x1e6") {
		t.Errorf("%d %q, want a close packet", a.status, a.body)
	}
	expectAlive(t, c)
	eventually(t, "no requests", func() bool { return f.srv.Stats().Requests == 0 && other.Stats().Requests == 0 })
}
