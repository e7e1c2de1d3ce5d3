package engineclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/engineclient"
)

// stalled runs test with a connection that queues 1,000 bytes, to a server that reads nothing
// until resume is called.
func stalled(t *testing.T, test func(f *fixture, c *engineclient.Conn, resume func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		resumed := make(chan struct{})
		resume := sync.OnceFunc(func() { close(resumed) })
		const open = `0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}`
		serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn := hijack(w, r)
			defer conn.Close()
			_, _ = conn.Write(append([]byte{0x81, byte(len(open))}, open...))
			<-resumed
			_, _ = io.Copy(io.Discard, conn)
		}), func(f *fixture) {
			defer resume()
			c, err := engineclient.Dial(f.ctx, url, engineclient.Options{HTTPClient: f.http, MaxQueued: 1000})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Abort()
			test(f, c, resume)
		})
	})
}

func TestSendWaitsForRoom(t *testing.T) {
	stalled(t, func(f *fixture, c *engineclient.Conn, _ func()) {
		short, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		sent := 0
		var err error
		for err == nil && sent < 100 {
			err = c.Send(short, make([]byte, 400))
			sent++
		}
		if !errors.Is(err, context.DeadlineExceeded) || sent > 6 {
			f.t.Errorf("%v after %d messages", err, sent)
		}
		start := time.Now()
		_ = c.Close()
		if took := time.Since(start); took > 7*time.Second {
			f.t.Errorf("Close took %s", took)
		}
	})
}

// TestAwaitRoomWakesAll checks that a caller that does not send after AwaitRoom keeps no other
// caller waiting.
func TestAwaitRoomWakesAll(t *testing.T) {
	for name, wake := range map[string]func(c *engineclient.Conn, resume func()){
		"the queue is written": func(_ *engineclient.Conn, resume func()) { resume() },
		"the connection ends":  func(c *engineclient.Conn, _ func()) { c.Abort() },
	} {
		t.Run(name, func(t *testing.T) {
			stalled(t, func(f *fixture, c *engineclient.Conn, resume func()) {
				for queued := true; queued; synctest.Wait() {
					var err error
					if queued, err = c.TrySend(make([]byte, 400)); err != nil {
						f.t.Fatal(err)
					}
				}
				_ = c.AwaitRoom(f.ctx) // signalled by the last TrySend
				short, cancel := context.WithTimeout(f.ctx, time.Second)
				defer cancel()
				var waiting sync.WaitGroup
				for range 10 {
					waiting.Go(func() {
						if err := c.AwaitRoom(short); err != nil {
							f.t.Error(err)
						}
					})
				}
				synctest.Wait()
				wake(c, resume)
				waiting.Wait()
			})
		})
	}
}
