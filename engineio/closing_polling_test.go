package engineio

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestClosePacketOvertakesThePoll checks that a poll on another connection may arrive after
// the close packet.
func TestClosePacketOvertakesThePoll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		f.expect("POST", query, "1", 200, "ok")
		expectEnd(t, c, TransportClose)
		time.Sleep(lastPollTimeout - time.Millisecond)
		f.expect("POST", query, "4late", 400, unknownSession)
		f.expect("GET", query, "", 200, "6")
		f.expect("GET", query, "", 400, unknownSession)

		query, _ = f.open()
		f.expect("POST", query, "1", 200, "ok")
		time.Sleep(lastPollTimeout + time.Millisecond)
		f.expect("GET", query, "", 400, unknownSession)
		f.srv.mu.Lock()
		left := len(f.srv.departed) + len(f.srv.sessions)
		f.srv.mu.Unlock()
		if left != 0 {
			t.Errorf("%d sessions remembered", left)
		}
	})
}

// TestClosePacketOvertakesThePollByLittle checks the same while Conn.Closed still runs.
func TestClosePacketOvertakesThePollByLittle(t *testing.T) {
	bubble(t, func(t *testing.T) {
		told := make(chan struct{})
		f := newPipe(t, Options{}, func(*recorder, *http.Request) Conn { return slowCloser(told) })
		query, _ := f.open()
		post := f.background("POST", query, "1")
		synctest.Wait()
		f.expect("GET", query, "", 200, "6")
		f.expect("GET", query, "", 400, unknownSession)
		close(told)
		if a := <-post; a.body != "ok" {
			t.Errorf("POST: %d %q", a.status, a.body)
		}
	})
}

// slowCloser is a Conn whose Closed waits.
type slowCloser chan struct{}

func (c slowCloser) Message([]byte, bool) {}
func (c slowCloser) Closed(Reason)        { <-c }

func TestCloseByPolling(t *testing.T) {
	t.Run("while a poll waits", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, Options{}, nil)
			query, c := f.open()
			poll := f.background("GET", query, "")
			synctest.Wait()
			c.s.Close("my reason")
			if a := <-poll; a.body != "1" {
				t.Errorf("poll: %q", a.body)
			}
			expectEnd(t, c, "my reason")
		})
	})
	t.Run("before the poll", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, Options{}, nil)
			query, c := f.open()
			c.s.Send(NewMessage([]byte("a")))
			c.s.Send(NewMessage([]byte("b")))
			c.s.Close(ForcedClose)
			c.s.Close("only the first counts")
			f.expect("POST", query, "4not any more", 200, "ok")
			time.Sleep(29 * time.Second)
			expectAlive(t, c)
			f.expect("GET", query, "", 200, "4a\x1e4b")
			expectAlive(t, c)
			f.expect("GET", query, "", 200, "1") // on its own, so that it does not overtake the messages
			expectEnd(t, c, ForcedClose)
			if got := c.got(); len(got) > 0 {
				t.Errorf("messages %q", got)
			}
		})
	})
	t.Run("by a peer that should reconnect", func(t *testing.T) {
		for _, reason := range []Reason{ForcedServerClose, ServerShutdown} {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, Options{}, nil)
				query, waits := f.open()
				later, away := f.open()
				away.s.Send(NewMessage([]byte("a")))
				poll := f.background("GET", query, "")
				synctest.Wait()
				waits.s.Close(reason)
				away.s.Close(reason)
				if a := <-poll; a.body != closeAndReconnect {
					t.Errorf("%s, poll: %q", reason, a.body)
				}
				expectEnd(t, waits, reason)
				f.expect("GET", later, "", 200, "4a")
				f.expect("GET", later, "", 200, closeAndReconnect)
				expectEnd(t, away, reason)
			})
		}
	})
	t.Run("by an old peer that should reconnect", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, withLegacy(), nil)
			query, c := f.openLegacy("&b64=1")
			c.s.Close(ForcedServerClose)
			if a := f.must("GET", query, "", "X-Peer", "me"); a.body != "1:1"+strings.Repeat("1:6", 16) {
				t.Errorf("poll: %q", a.body)
			}
			expectEnd(t, c, ForcedServerClose)
		})
	})
	t.Run("without a poll", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, Options{}, nil)
			query, c := f.open()
			start := time.Now()
			c.s.Close(ForcedClose)
			expectEnd(t, c, ForcedClose)
			if waited := time.Since(start); waited != 30*time.Second {
				t.Errorf("ended after %s, want 30s", waited)
			}
			f.expect("GET", query, "", 400, unknownSession)
		})
	})
	t.Run("abort", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, Options{}, nil)
			query, c := f.open()
			c.s.Send(NewMessage([]byte("dropped")))
			c.s.Abort(ForcedClose)
			expectEnd(t, c, ForcedClose)
			f.expect("GET", query, "", 400, unknownSession)
		})
	})
}

// closeAndReconnect is the answer to the last poll of a peer that should reconnect.
var closeAndReconnect = "1" + strings.Repeat("\x1e6", 16)

// TestPostAfterTheEnd checks that a POST that arrives just after the server has closed the
// session is answered as before, if the peer should reconnect.
func TestPostAfterTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		poll := f.background("GET", query, "")
		synctest.Wait()
		c.s.Close(ForcedServerClose)
		<-poll
		expectEnd(t, c, ForcedServerClose)
		time.Sleep(lastPostTimeout - time.Millisecond)
		f.expect("POST", query, "4late", 200, "ok")
		f.expect("POST", query, "4later", 200, "ok")
		f.expect("GET", query, "", 400, unknownSession)
		time.Sleep(2 * time.Millisecond)
		f.expect("POST", query, "4too late", 400, unknownSession)
		if got := c.got(); len(got) > 0 {
			t.Errorf("messages %q", got)
		}

		query, c = f.open()
		c.s.Abort(ForcedClose)
		f.expect("POST", query, "4late", 400, unknownSession)

		query, c = f.open()
		c.s.Abort(ServerShutdown)
		f.expect("POST", query, "4late", 200, "ok")
		f.srv.Close()
		f.expect("POST", query, "4late", 400, unknownSession)
		if len(f.srv.departed) != 0 {
			t.Errorf("%d sessions remembered", len(f.srv.departed))
		}
	})
}

// TestPostDuringTheEnd checks the same for a POST whose body arrives after the end.
func TestPostDuringTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		body, write := io.Pipe()
		request, _ := http.NewRequest("POST", f.url+"?"+query, body)
		status := make(chan int)
		go func() {
			response, err := f.client.Do(request)
			if err != nil {
				t.Error(err)
				close(status)
				return
			}
			response.Body.Close()
			status <- response.StatusCode
		}()
		synctest.Wait()
		c.s.Abort(ForcedServerClose)
		expectEnd(t, c, ForcedServerClose)
		write.Write([]byte("4late"))
		write.Close()
		if got := <-status; got != 200 || len(c.got()) > 0 {
			t.Errorf("status %d, messages %q", got, c.got())
		}
	})
}
