package engineio

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// TestPeerThatPongsAndDoesNotReadIsSlow checks that a session whose peer sends pongs but does
// not read ends with SlowPeer.
func TestPeerThatPongsAndDoesNotReadIsSlow(t *testing.T) {
	t.Run("websocket", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, heartbeatTimes, nil)
			w, c := f.openSocket()
			start := time.Now()
			c.s.Send(NewMessage([]byte("never taken")))
			for len(c.reasons()) == 0 && time.Since(start) < 10*time.Minute {
				w.write("3")
				time.Sleep(700 * time.Millisecond)
				synctest.Wait()
			}
			expectSlow(t, c, start)
		})
	})
	t.Run("websocket, revision 3", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, withLegacy(), nil)
			w := f.socket(legacySocketQuery)
			w.read()
			c := <-f.opened
			start := time.Now()
			c.s.Send(NewMessage([]byte("never taken")))
			for len(c.reasons()) == 0 && time.Since(start) < 10*time.Minute {
				w.write("2")
				time.Sleep(700 * time.Millisecond)
				synctest.Wait()
			}
			expectSlow(t, c, start)
		})
	})
	for name, queued := range map[string]bool{"polling": true, "polling, only pings wait": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, heartbeatTimes, nil)
				query, c := f.open()
				start := time.Now()
				if queued {
					c.s.Send(NewMessage([]byte("never taken")))
				} else {
					time.Sleep(heartbeatTimes.PingInterval)
					start = time.Now()
				}
				for len(c.reasons()) == 0 && time.Since(start) < 10*time.Minute {
					f.must("POST", query, "3")
					time.Sleep(700 * time.Millisecond)
					synctest.Wait()
				}
				expectSlow(t, c, start)
			})
		})
	}
}

// expectSlow expects that a session has ended with SlowPeer, because the peer took nothing
// from start on.
func expectSlow(t *testing.T, c *recorder, start time.Time) {
	t.Helper()
	expectEnd(t, c, SlowPeer)
	if took := time.Since(start); took < heartbeatTimes.PingTimeout || took > heartbeatTimes.PingInterval+heartbeatTimes.PingTimeout {
		t.Errorf("noticed after %v", took)
	}
}

// TestPeerThatReadsLittleIsKept checks that a peer that reads a little from time to time is
// not a slow peer.
func TestPeerThatReadsLittleIsKept(t *testing.T) {
	t.Run("websocket", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, heartbeatTimes, nil)
			w, c := f.openSocket()
			c.s.Send(NewMessage(bytes.Repeat([]byte("x"), 20*maxBatch)))
			w.r.in.conn.SetReadDeadline(time.Time{})
			for range 20 {
				time.Sleep(heartbeatTimes.PingTimeout - time.Second)
				w.write("3")
				if _, err := io.ReadFull(w.r.in.conn, make([]byte, maxBatch)); err != nil {
					t.Fatal(err)
				}
			}
			expectAlive(t, c)
		})
	})
	t.Run("polling", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, heartbeatTimes, nil)
			query, c := f.open()
			for range 20 {
				c.s.Send(NewMessage([]byte("taken late")))
				time.Sleep(heartbeatTimes.PingTimeout - time.Second)
				f.must("POST", query, "3")
				f.must("GET", query, "")
			}
			expectAlive(t, c)
		})
	})
	t.Run("polling, while a response is read", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, heartbeatTimes, nil)
			query, c := f.open()
			c.s.Send(NewMessage(bytes.Repeat([]byte("x"), 1<<20)))
			conn := f.write(f.request("GET", query, ""))
			synctest.Wait()
			c.s.Send(NewMessage([]byte("must wait for the next poll")))
			time.Sleep(heartbeatTimes.PingTimeout - time.Second)
			go io.Copy(io.Discard, conn)
			time.Sleep(heartbeatTimes.PingTimeout - time.Second) // a ping was due
			expectAlive(t, c)
		})
	})
}

// TestAnswersToPingFramesDoNotPileUp checks that only one answer to ping frames is queued for
// a peer that does not read, and that it is dropped at the session's end.
func TestAnswersToPingFramesDoNotPileUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, heartbeatTimes, nil)
		w, c := f.openSocket()
		start := time.Now()
		ping := appendFrame(nil, clientSide, pingFrame, "", bytes.Repeat([]byte("p"), 125))
		for len(c.reasons()) == 0 && time.Since(start) < 10*time.Minute {
			for range 1000 {
				w.raw(ping) // never waits for longer than the server takes to read it
			}
			w.write("3")
			c.s.mu.Lock()
			if n := c.s.ws.waiting(); n > 1 || c.s.ws.queued > maxBatch {
				t.Errorf("%d frames, counted as %d bytes, wait", n, c.s.ws.queued)
			}
			c.s.mu.Unlock()
			time.Sleep(700 * time.Millisecond)
			synctest.Wait()
		}
		expectSlow(t, c, start)
	})
}

// TestTLSConnectionIsClosedInTime checks that the close alert of a TLS connection does not
// take 5 s if the peer does not read.
func TestTLSConnectionIsClosedInTime(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	certificates := certified.TLS.Certificates
	certified.Close()
	bubble(t, func(t *testing.T) {
		theirs, ours := net.Pipe()
		server := tls.Server(ours, &tls.Config{Certificates: certificates})
		client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
		shaken := make(chan error, 1)
		go func() { shaken <- client.Handshake() }()
		if err := server.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-shaken; err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		closeWithin(server, lingerTimeout)()
		if took := time.Since(start); took > lingerTimeout {
			t.Errorf("closing took %v", took)
		}
		theirs.Close()
	})
}

// TestDelayedPeerThatDoesNotReadIsSlow checks that a session whose peer takes nothing ends with
// SlowPeer, although the peer is delayed so often that its silence is not counted.
func TestDelayedPeerThatDoesNotReadIsSlow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, MaxPacketsPerSecond: 1000}, nil)
		w, c := f.openSocket()
		w.expect("2") // it is never answered
		c.s.Send(NewMessage([]byte("never taken")))
		var burst []byte
		for range 2100 {
			burst = appendFrame(burst, clientSide, textFrame, "6", nil)
		}
		start := time.Now()
		for len(c.reasons()) == 0 && time.Since(start) < 10*time.Minute {
			_, _ = w.r.in.conn.Write(burst) // fails when the session has ended
			time.Sleep(15 * time.Second)
			synctest.Wait()
		}
		expectEnd(t, c, SlowPeer)
		if took := time.Since(start); took < 20*time.Second || took > 75*time.Second {
			t.Errorf("noticed after %v", took)
		}
		w.close()
	})
}
