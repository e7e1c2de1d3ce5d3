package engineio

import (
	"cmp"
	"errors"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"
)

// sharedWait is one goroutine that does for all fdConns what pollConn.watch does for one connection
// (Options.SharedWait), by an instance of epoll(7).
// See docs/adr/0070-readiness-without-a-goroutine.md.
//
// A connection is registered once, when it begins to be watched. The registration is edge-triggered: each
// arrival of bytes, and the end of the connection, is one event, which calls pollConn.arrived. Bytes
// that arrived before the registration are an event too. An event that is found too late may be for a descriptor that
// belongs to another connection by then. The reader of that one then finds nothing to read.
type sharedWait struct {
	enabled bool
	failure func(error) // gets the reason why a connection waits in a goroutine of its own; called without a mutex

	mu      sync.Mutex  // guards everything below; no other mutex is locked while it is held
	watched int         // connections that are watched
	file    *os.File    // the epoll instance; nil if no connection is watched
	fd      int         // of file
	table   []*pollConn // by file descriptor
	failed  bool        // the goroutine has ended by an error, so that each connection needs its own
}

var errWaitFailed = errors.New("it has failed before")

// add watches p, whose connection has the descriptor fd, until remove. It fails if the system refuses that. The
// caller keeps fd open.
func (w *sharedWait) add(fd int, p *pollConn) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed {
		return errWaitFailed
	}
	if w.file == nil {
		if err := w.start(); err != nil {
			return err
		}
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | edgeTriggered, Fd: int32(fd)}
	if err := syscall.EpollCtl(w.fd, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
		w.stopUnused()
		return os.NewSyscallError("epoll_ctl", err)
	}
	if fd >= len(w.table) {
		w.table = append(w.table, make([]*pollConn, fd+1-len(w.table))...)
	}
	if before := w.table[fd]; before != nil { // the program has kept the connection of a WebSocket by TLS, and closed it
		go before.end(watchClosed) // it locks mutexes
		w.watched--
	}
	w.table[fd] = p // before w.at can look for the first event
	w.watched++
	return nil
}

// edgeTriggered is syscall.EPOLLET, which is a negative number on some architectures.
const edgeTriggered = 1 << 31

// remove ends what add began. It must be called before fd is closed. It reports false if p is not watched. With the last
// connection the goroutine ends.
func (w *sharedWait) remove(fd int, p *pollConn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if fd >= len(w.table) || w.table[fd] != p {
		return false
	}
	w.table[fd] = nil
	w.watched--
	w.stopUnused()
	return true
}

// stopUnused ends the goroutine if no connection is watched. w.mu is held.
func (w *sharedWait) stopUnused() {
	if w.watched == 0 {
		_ = w.file.SetReadDeadline(longAgo) // run closes it, because Close would wait for run
		w.file, w.table = nil, nil
	}
}

// at returns the connection with the descriptor fd, or nil.
func (w *sharedWait) at(fd int) *pollConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if fd >= len(w.table) {
		return nil
	}
	return w.table[fd]
}

// start starts the goroutine that waits. It fails if the system refuses an epoll instance. w.mu is held.
func (w *sharedWait) start() error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	_ = syscall.SetNonblock(fd, true) // so that os.NewFile gives it to the runtime's poller, which waits for it
	w.file, w.fd = os.NewFile(uintptr(fd), "epoll"), fd
	go w.run(w.file)
	return nil
}

// mostEvents bounds the events that the goroutine takes at once. Each of them needs a goroutine of the pool.
// With more events than the pool has goroutines, most of them would start a new one.
const mostEvents = mostIdleHands / 2

// run waits for events until file has a deadline. It blocks no thread, because the runtime's poller can
// wait for an epoll instance.
func (w *sharedWait) run(file *os.File) {
	if err := w.wait(file); !errors.Is(err, os.ErrDeadlineExceeded) {
		w.fail(file, err)
	}
	_ = file.Close()
}

// wait is run without its end. It returns an error.
func (w *sharedWait) wait(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) (done bool) {
		failed = w.takeEvents(fd)
		return failed != nil
	})
	return cmp.Or(failed, err)
}

// takeEvents takes the events of the epoll instance fd.
func (w *sharedWait) takeEvents(fd uintptr) error {
	var events [mostEvents]syscall.EpollEvent
	for {
		n, err := epollNow(fd, events[:])
		if err == syscall.EINTR {
			continue
		}
		if err != 0 {
			return os.NewSyscallError("epoll_pwait", err)
		}
		for i := range events[:n] {
			if p := w.at(int(events[i].Fd)); p != nil {
				p.arrived()
			}
		}
		if n < len(events) { // what comes later makes fd readable again
			return nil
		}
		runtime.Gosched()
	}
}

// epollNow returns events and does not wait. As readNow, it does not tell Go's scheduler that the thread may block.
func epollNow(fd uintptr, events []syscall.EpollEvent) (n int, err syscall.Errno) {
	r, _, err := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	return int(r), err
}

// fail starts a goroutine for each connection that is watched, because the one for all of them ends. If a connection cannot
// be waited for in that way either, its session ends.
func (w *sharedWait) fail(file *os.File, err error) {
	w.mu.Lock()
	var left []*pollConn
	if w.file == file {
		left = w.table
		w.file, w.table, w.watched, w.failed = nil, nil, 0, true
	}
	w.mu.Unlock()
	if left != nil {
		w.failure(err)
	}
	for _, p := range left {
		switch {
		case p == nil:
		case p.ws.in.secure != nil:
			p.end(watchClosed) // its reader finds nothing, and starts a goroutine that waits
		default:
			go p.watch()
		}
	}
}

// watchTLS watches the connection of ws, which stays that of package crypto/tls, until endWatchTLS. Each event calls
// pollConn.arrived. If the system refuses that, the reader of ws starts a goroutine that waits.
func (w *sharedWait) watchTLS(ws *webSocket) {
	if !w.enabled {
		return
	}
	c := ws.in.secure
	p := &pollConn{raw: c.raw, ws: ws}
	var refused error
	err := c.raw.Control(func(fd uintptr) {
		c.fd = int32(fd)
		c.poll.Store(p)
		refused = w.add(int(fd), p)
	})
	if refused != nil {
		w.failure(refused)
	}
	if err != nil || refused != nil {
		p.end(watchClosed)
	}
	if c.aborted.Load() { // endWatchTLS may have been too early
		w.endWatchTLS(c)
	}
}

// endWatchTLS ends the watch, and makes the reader see that. Without one it does nothing. It must be called before the connection is closed.
func (w *sharedWait) endWatchTLS(c *secureConn) {
	if p := c.poll.Load(); p != nil && w.remove(int(c.fd), p) {
		p.end(watchAborted)
	}
}
