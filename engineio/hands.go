package engineio

import (
	"runtime"
	"sync"
)

// hands is a pool of goroutines. Reading and handling a message makes the stack of a new
// goroutine grow several times, and each time it is copied. The stack of a goroutine that has
// done it before is large enough (docs/adr/0071-cpu-of-a-connection.md).
//
// The pool keeps no goroutines while no WebSocket is open.
type hands struct {
	mu      sync.Mutex
	sockets int         // open WebSockets
	idle    []chan Task // of the goroutines that wait; the last one has worked last
}

// A Task is what Server.Go and Session.AfterMessages run. A pointer to what exists already makes
// a Task without an allocation.
type Task interface{ Run() }

// A TaskFunc is a function as a Task.
type TaskFunc func()

// Run calls f.
func (f TaskFunc) Run() { f() }

// mostIdleHands bounds the goroutines that wait. It does not bound the tasks that run.
const mostIdleHands = 64

// run runs task on another goroutine. It does not wait.
func (h *hands) run(task Task) {
	h.mu.Lock()
	last := len(h.idle) - 1
	if last < 0 {
		h.mu.Unlock()
		go h.work(task)
		return
	}
	hand := h.idle[last]
	h.idle[last] = nil
	h.idle = h.idle[:last]
	h.mu.Unlock()
	hand <- task
}

// work runs task, and then the tasks that run passes to this goroutine.
func (h *hands) work(task Task) {
	// The garbage collector halves the stack of a goroutine that uses less than a quarter of it. With
	// this, a goroutine that waits keeps 16 KiB, which suffice to verify a token.
	var room [4 << 10]byte
	hand := make(chan Task, 1)
	for task != nil {
		task.Run()
		if !h.wait(hand) {
			break
		}
		task = <-hand
	}
	runtime.KeepAlive(&room)
}

// wait lists a goroutine that has no task. It reports false if the goroutine must end instead.
func (h *hands) wait(hand chan Task) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sockets == 0 || len(h.idle) == mostIdleHands {
		return false
	}
	h.idle = append(h.idle, hand)
	return true
}

// enter counts a WebSocket until leave.
func (h *hands) enter() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sockets++
}

// leave ends the goroutines that wait when the last WebSocket has left.
func (h *hands) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sockets--; h.sockets > 0 {
		return
	}
	for _, hand := range h.idle {
		close(hand)
	}
	h.idle = nil
}

// Go runs t on another goroutine, like a go statement. It reuses goroutines, so that their stacks
// need not grow again. Shutdown does not wait for t. Go may be called concurrently.
func (srv *Server) Go(t Task) { srv.hands.run(t) }
