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

// A peer that is heard and does not take what is sent to it is a slow peer.
func TestPeerThatPongsAndDoesNotReadIsSlow(t *testing.T) {
	t.Run("websocket", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, beats, nil)
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
			w := f.socket(socketQuery3)
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
				f := newPipe(t, beats, nil)
				query, c := f.open()
				start := time.Now()
				if queued {
					c.s.Send(NewMessage([]byte("never taken")))
				} else {
					time.Sleep(beats.PingInterval)
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

// expectSlow expects that a session has ended with SlowPeer, since nothing was taken
// from start on.
func expectSlow(t *testing.T, c *recorder, start time.Time) {
	t.Helper()
	expectEnd(t, c, SlowPeer)
	if took := time.Since(start); took < beats.PingTimeout || took > beats.PingInterval+beats.PingTimeout {
		t.Errorf("noticed after %v", took)
	}
}

// A peer that takes a little now and then is not a slow peer.
func TestPeerThatReadsLittleIsKept(t *testing.T) {
	t.Run("websocket", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, beats, nil)
			w, c := f.openSocket()
			c.s.Send(NewMessage(bytes.Repeat([]byte("x"), 20*maxBatch)))
			w.r.in.conn.SetReadDeadline(time.Time{})
			for range 20 {
				time.Sleep(beats.PingTimeout - time.Second)
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
			f := newPipe(t, beats, nil)
			query, c := f.open()
			for range 20 {
				c.s.Send(NewMessage([]byte("taken late")))
				time.Sleep(beats.PingTimeout - time.Second)
				f.must("POST", query, "3")
				f.must("GET", query, "")
			}
			expectAlive(t, c)
		})
	})
	t.Run("polling, while a response is read", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, beats, nil)
			query, c := f.open()
			c.s.Send(NewMessage(bytes.Repeat([]byte("x"), 1<<20)))
			conn := f.write(f.request("GET", query, ""))
			synctest.Wait()
			c.s.Send(NewMessage([]byte("must wait for the next poll")))
			time.Sleep(beats.PingTimeout - time.Second)
			go io.Copy(io.Discard, conn)
			time.Sleep(beats.PingTimeout - time.Second) // a ping was due
			expectAlive(t, c)
		})
	})
}

// What answers the ping frames of a peer that does not read is one frame, and ends with
// the session.
func TestAnswersToPingFramesDoNotPileUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, beats, nil)
		w, c := f.openSocket()
		start := time.Now()
		ping := appendFrame(nil, clientSide, pingFrame, "", bytes.Repeat([]byte("p"), 125))
		for len(c.reasons()) == 0 && time.Since(start) < 10*time.Minute {
			for range 1000 {
				w.raw(ping) // never waits for longer than the server takes to read it
			}
			w.write("3")
			c.s.mu.Lock()
			if n := len(c.s.ws.queue); n > 1 || c.s.ws.queued > maxBatch {
				t.Errorf("%d frames, counted as %d bytes, wait", n, c.s.ws.queued)
			}
			c.s.mu.Unlock()
			time.Sleep(700 * time.Millisecond)
			synctest.Wait()
		}
		expectSlow(t, c, start)
	})
}

// A TLS connection says goodbye before it closes, which must not take 5 s when its
// peer does not read.
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
