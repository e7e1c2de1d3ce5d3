package engineio

import (
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// idleHands returns how many goroutines of the pool wait, and how many WebSockets keep them.
func idleHands(h *hands) (idle, sockets int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.idle), h.sockets
}

func TestHands(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var h hands
		h.enter()
		// Tasks do not wait for each other, however many there are.
		const tasks = 2 * mostIdleHands
		release := make(chan struct{})
		var running sync.WaitGroup
		for range tasks {
			running.Add(1)
			h.run(TaskFunc(func() { running.Done(); <-release }))
		}
		running.Wait()
		close(release)
		synctest.Wait()
		if idle, _ := idleHands(&h); idle != mostIdleHands {
			t.Errorf("%d goroutines wait after %d tasks, want %d", idle, tasks, mostIdleHands)
		}

		// The next task gets one of them.
		before := runtime.NumGoroutine()
		ran := make(chan int, 1)
		h.run(TaskFunc(func() { ran <- runtime.NumGoroutine() }))
		if during := <-ran; during != before {
			t.Errorf("%d goroutines before a task, %d in it", before, during)
		}
		synctest.Wait()

		// A task may end its goroutine.
		h.run(TaskFunc(runtime.Goexit))
		synctest.Wait()
		if idle, _ := idleHands(&h); idle != mostIdleHands-1 {
			t.Errorf("%d goroutines wait after one has ended, want %d", idle, mostIdleHands-1)
		}

		// They end with the last WebSocket; a task that still runs does so afterwards. The bubble does not end before they do.
		release = make(chan struct{})
		h.run(TaskFunc(func() { <-release }))
		h.leave()
		if idle, _ := idleHands(&h); idle != 0 {
			t.Errorf("%d goroutines wait without a WebSocket", idle)
		}
		close(release)
		synctest.Wait()
		if idle, _ := idleHands(&h); idle != 0 {
			t.Errorf("%d goroutines wait without a WebSocket, after a task", idle)
		}
	})
}

func TestHandsEndWithTheWebSockets(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
		direct, first := f.openSocket()
		direct.write("4a")
		direct.expect("4a")
		query, second := f.open()
		upgraded := f.upgrade(query)
		upgraded.write("4b")
		upgraded.expect("4b")
		if _, sockets := idleHands(&f.srv.hands); sockets != 2 {
			t.Errorf("%d WebSockets counted, want 2", sockets)
		}
		direct.close()
		upgraded.close()
		expectEnd(t, first, TransportClose)
		expectEnd(t, second, TransportClose)
		f.expectNoSessions()
		waitFor(t, func() bool { idle, sockets := idleHands(&f.srv.hands); return idle == 0 && sockets == 0 })
	})
}
