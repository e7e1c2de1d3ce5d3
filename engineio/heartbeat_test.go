package engineio

import (
	"testing"
	"testing/synctest"
	"time"
)

// heartbeatTimes are the times in the tests of the heartbeat.
var heartbeatTimes = Options{PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second}

func TestPingsComeAtTheIntervalByPolling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, heartbeatTimes, nil)
		query, c := f.open()
		for range 3 {
			start := time.Now()
			f.expect("GET", query, "", 200, "2")
			if waited := time.Since(start); waited != 25*time.Second {
				t.Errorf("ping after %s, want 25s after the pong", waited)
			}
			time.Sleep(19 * time.Second) // a slow peer, but not too slow
			f.expect("POST", query, "3", 200, "ok")
		}
		expectAlive(t, c)
	})
}

func TestSilentPeerIsClosed(t *testing.T) {
	t.Run("polling", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, heartbeatTimes, nil)
			start := time.Now()
			query, c := f.open()
			expectEnd(t, c, PingTimeout)
			if lived := time.Since(start); lived != 45*time.Second {
				t.Errorf("closed after %s, want 45s", lived)
			}
			f.expect("GET", query, "", 400, unknownSession)
		})
	})
	t.Run("websocket", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, heartbeatTimes, nil)
			start := time.Now()
			w, c := f.openSocket()
			w.expect("2", "close", "end")
			expectEnd(t, c, PingTimeout)
			if lived := time.Since(start); lived != 45*time.Second {
				t.Errorf("closed after %s, want 45s", lived)
			}
		})
	})
}

// TestSilentPeerWithAPollPending checks that a session whose poll waits ends like others,
// and answers the poll.
func TestSilentPeerWithAPollPending(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, heartbeatTimes, nil)
		query, c := f.open()
		f.expect("GET", query, "", 200, "2")
		f.expect("GET", query, "", 200, "1")
		expectEnd(t, c, PingTimeout)
	})
}

// TestOnlyAPongKeepsASessionAlive checks that messages do not replace pongs.
func TestOnlyAPongKeepsASessionAlive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, heartbeatTimes, nil)
		w, c := f.openSocket()
		go func() {
			for range 11 {
				w.write("4still here")
				time.Sleep(4 * time.Second)
			}
		}()
		w.expect("2", "close")
		expectEnd(t, c, PingTimeout)
		time.Sleep(time.Minute)
	})
}

func TestUnaskedPongsDoNotDelayPings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, heartbeatTimes, nil)
		w, _ := f.openSocket()
		start := time.Now()
		go func() {
			for range 4 {
				time.Sleep(5 * time.Second)
				w.write("3")
			}
		}()
		w.expect("2")
		if waited := time.Since(start); waited != 25*time.Second {
			t.Errorf("ping after %s, want 25s", waited)
		}
	})
}

func TestPingFromThePeerIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, heartbeatTimes, nil)
		w, c := f.openSocket()
		w.write("2")
		w.expect("close")
		expectEnd(t, c, TransportError)

		query, c := f.open()
		f.expect("POST", query, "2", 400, badRequest)
		expectEnd(t, c, TransportError)
	})
}

// TestLatePingLeavesTimeToAnswer checks that the peer gets its whole time to answer if the
// machine slept and the ping is sent late.
func TestLatePingLeavesTimeToAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, heartbeatTimes, nil)
		w, c := f.openSocket()
		c.s.mu.Lock()
		c.s.srv.alarmOf(c.s).Remove(c.s) // the timer that does not run while the machine sleeps
		c.s.mu.Unlock()
		time.Sleep(time.Hour)
		go c.s.wake()
		w.expect("2")
		time.Sleep(19 * time.Second)
		w.write("3")
		synctest.Wait()
		expectAlive(t, c)
	})
}

// TestClockDecidesNotTheTimer checks that the result of a request to an overdue session does
// not depend on whether the timer has fired.
func TestClockDecidesNotTheTimer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, heartbeatTimes, nil)
		query, c := f.open()
		time.Sleep(26 * time.Second)
		c.s.mu.Lock()
		c.s.srv.alarmOf(c.s).Remove(c.s)
		c.s.mu.Unlock()
		time.Sleep(20 * time.Second)
		f.expect("POST", query, "3", 400, unknownSession)
		expectEnd(t, c, PingTimeout)
	})
}

func TestHeartbeatGoesOnAfterAnUpgrade(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, heartbeatTimes, nil)
		query, c := f.open()
		f.expect("GET", query, "", 200, "2")
		// The pong comes by the other transport. The deadline belongs to the session.
		time.Sleep(15 * time.Second)
		w := f.upgrade(query)
		time.Sleep(4 * time.Second)
		w.write("3")
		start := time.Now()
		w.expect("2")
		if waited := time.Since(start); waited != 25*time.Second {
			t.Errorf("next ping after %s, want 25s", waited)
		}
		expectAlive(t, c)
	})
}
