package engineio

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// net/http keeps about 25 KB for a request that waits, and about 18 KB for a connection that
// waits for its next request. So a connection that a session in no hurry waits on is parked: it
// is taken over from net/http, and waits on a goroutine with a small stack. This package writes
// the response to its poll. The polls that follow are read here too (see park_next.go). When
// another request arrives, http.Server gets the connection back
// (docs/adr/0069-parked-connections.md).

// parkAfter is how long a session must be quiet before one of its connections is parked, so
// that parking costs nothing while a session is in use.
const parkAfter = 100 * time.Millisecond

// parked is a connection that is parked. Three goroutines may use it at a time: the one that waits
// for the peer, the one that runs the handler of a request, and the one that answers the poll. The
// last of them to finish calls next.
type parked struct {
	srv    *Server
	home   *home
	conn   net.Conn
	watch  *watch // nil if nothing waits for the peer
	remote string // the address of the peer, if a request was served here

	mu     sync.Mutex  // guards the fields below
	poll   *parkedPoll // nil if no poll waits
	cancel func()      // of the request whose handler runs; nil if none does
	early  []byte      // bytes of the next request, read already
	woken  bool        // nothing waits for the peer any more
	ended  bool        // the connection must be closed
	last   bool        // it must be closed after the response
	left   bool        // http.Server has it again, or it has been closed
	timed  bool        // it has a deadline for reading

	aborted bool // no write waits for the peer any more
}

// park parks the connection of the request that w answers, with its poll. It returns nil if that is
// not possible.
func (srv *Server) park(web *http.Server, w http.ResponseWriter, poll *parkedPoll) *parked {
	own, ok := w.(*parkedWriter)
	if !ok {
		return srv.takeOver(web, w, poll)
	}
	own.k.mu.Lock()
	defer own.k.mu.Unlock()
	own.k.poll, own.over = poll, true
	return own.k
}

// takeOver takes over the connection of the request that w answers from net/http. It returns nil if that is not
// possible. The poll is nil if the request is not a poll. The caller must call watch.await on another goroutine, or,
// if there is no watch and no poll, leave.
func (srv *Server) takeOver(web *http.Server, w http.ResponseWriter, poll *parkedPoll) *parked {
	home := srv.homeOf(web)
	if home == nil {
		return nil
	}
	conn, early, err := hijack(w)
	if err != nil {
		return nil
	}
	k := &parked{srv: srv, home: home, conn: conn, early: early, poll: poll, last: poll != nil && poll.last}
	if len(k.early) == 0 {
		k.makeWatch()
	}
	k.woken = k.watch == nil
	k.setDeadline()
	srv.list(k)
	return k
}

// makeWatch sets watch, unless the peer has sent something already.
func (k *parked) makeWatch() {
	watch := newWatch(k)
	if watch == nil { // a wrapper of a connection, which must see every byte
		k.srv.unparkable.Store(true)
		return
	}
	if watch.drain(); len(k.early) == 0 && !k.ended {
		k.watch = watch
	}
}

// parkPost parks the connection of the POST r, whose body has been read, and answers it. It reports false if
// the connection cannot be parked.
func (srv *Server) parkPost(w http.ResponseWriter, r *http.Request) bool {
	web := srv.parks(w, r)
	if web == nil || r.ProtoMinor == 0 || r.Close || hasBegun(w) {
		return false
	}
	k := srv.takeOver(web, w, nil)
	if k == nil {
		return false
	}
	own := &parkedWriter{k: k, header: w.Header(), minor: 1}
	if err := srv.answerPost(own); err != nil || k.isLast() {
		k.close(false)
	}
	if k.watch == nil {
		k.leave()
	} else {
		go k.watch.await()
	}
	return true
}

// wake is called when nothing waits for the peer any more, because it has sent something, or
// because the connection has ended.
func (k *parked) wake() {
	k.mu.Lock()
	k.woken = true
	poll, cancel, ended := k.poll, k.cancel, k.ended
	if poll != nil || cancel != nil {
		k.keepInput()
	}
	k.mu.Unlock()
	switch {
	case cancel != nil:
		if ended {
			cancel()
		}
	case poll == nil && !ended:
		k.srv.hands.run(TaskFunc(k.next))
	case poll == nil || ended && poll.transport.lose(poll.waiting):
		k.next()
	}
}

// leave closes the connection, or serves its next request.
func (k *parked) leave() {
	k.srv.delist(k)
	k.mu.Lock()
	k.left = true
	k.keepInput()
	ended, early := k.ended, k.early
	k.mu.Unlock()
	if ended {
		closeWithin(k.conn, lingerTimeout)()
	} else {
		k.conn.SetDeadline(time.Time{})
		k.home.serve(k.conn, early)
	}
	k.srv.endTask()
}

// setDeadline bounds how long the peer may take until it sends its next request, as net/http
// does, unless a request is being answered. A deadline in the past ends the wait. k.mu is held.
func (k *parked) setDeadline() {
	var deadline time.Time
	switch idle := idleTimeout(k.home.web); {
	case k.ended:
		deadline = longAgo
	case k.poll == nil && k.cancel == nil && idle > 0:
		deadline = time.Now().Add(idle)
	}
	if k.timed || !deadline.IsZero() {
		k.timed = !deadline.IsZero()
		k.conn.SetReadDeadline(deadline)
	}
}

// idleTimeout follows the rule of http.Server.
func idleTimeout(web *http.Server) time.Duration {
	if web.IdleTimeout != 0 {
		return web.IdleTimeout
	}
	return web.ReadTimeout
}

// close closes the connection after the response to its request. If abort is true, it waits neither
// for the handler nor until the peer takes that.
func (k *parked) close(abort bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left {
		return
	}
	k.last = true
	k.ended = k.ended || k.poll == nil && k.cancel == nil
	if k.ended {
		k.setDeadline()
	}
	if !abort {
		return
	}
	k.aborted = true
	k.conn.SetWriteDeadline(longAgo)
	if k.cancel != nil {
		k.cancel()
	}
}

// idle reports whether no poll waits.
func (k *parked) idle() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.poll == nil
}

// isLost reports whether the connection must be closed.
func (k *parked) isLost() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ended
}

// isLast reports whether the connection is closed after the response.
func (k *parked) isLast() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = k.last || k.home.hasEnded()
	return k.last || k.ended
}

// list makes Shutdown and the end of its http.Server close k, and Shutdown wait for it.
func (srv *Server) list(k *parked) {
	srv.mu.Lock()
	srv.tasks++
	srv.parked[k] = struct{}{}
	phase := srv.phase
	srv.mu.Unlock()
	srv.hands.enter()
	if phase != serving || k.home.hasEnded() {
		k.close(phase == aborting)
	}
}

func (srv *Server) delist(k *parked) {
	srv.hands.leave()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.parked, k)
}

// closeParked closes the connections that are parked and belong to h, or all of them if h is nil.
func (srv *Server) closeParked(h *home, abort bool) {
	srv.mu.Lock()
	all := slices.Collect(maps.Keys(srv.parked))
	srv.mu.Unlock()
	for _, k := range all {
		if h == nil || k.home == h {
			k.close(abort)
		}
	}
}

// closeAfterResponse makes the response the last one of the connection.
func (k *parked) closeAfterResponse() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = true
}
