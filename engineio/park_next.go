package engineio

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"socketiojwt/internal/guard"
)

// A client by polling sends its next poll as soon as it has the response. Handing the connection
// back to net/http and taking it over again for each poll would cost more than the poll. So the
// polls that follow on a parked connection are read here, and served by the handler of http.Server,
// with all its middleware. Other requests are left to net/http.

// next serves the next request of the connection, of which bytes have been read, or closes it if it
// has ended.
func (k *parked) next() {
	for {
		r := k.readPoll()
		if r == nil {
			k.leave()
			return
		}
		if !k.serve(r) {
			return
		}
	}
}

// readPoll returns the request that has been read. It returns nil if that is left to net/http, and
// if the connection has ended.
func (k *parked) readPoll() *http.Request {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.home.hasEnded() || k.ended || k.watch == nil || !k.watch.canRead() {
		return nil
	}
	input := k.early
	if len(input) == 0 {
		input = k.watch.input()
	}
	if most := k.home.web.MaxHeaderBytes; most > 0 && len(input) > most {
		return nil
	}
	r := parsePoll(input, k.srv.opts.Path)
	if r != nil {
		k.early = nil
		k.watch.release()
		k.cancel = func() {} // until serve sets it, so that close lets r be answered
	}
	return r
}

// keepInput moves what has been read to early, which takes less memory if it is kept for long. k.mu is
// held.
func (k *parked) keepInput() {
	if k.watch != nil && k.watch.canRead() {
		if input := k.watch.input(); len(input) > 0 {
			k.early = bytes.Clone(input)
			k.watch.release()
		}
	}
}

// serve passes r to the handler of http.Server. It reports whether the caller must call next again.
func (k *parked) serve(r *http.Request) (again bool) {
	ctx, cancel := context.WithCancel(k.context())
	defer cancel()
	r = r.WithContext(ctx)
	if k.remote == "" {
		k.remote = k.conn.RemoteAddr().String()
	}
	r.RemoteAddr = k.remote
	k.mu.Lock()
	k.woken, k.cancel = false, cancel
	k.setDeadline()
	k.mu.Unlock()
	go k.watch.await()
	err := errGoexit
	defer func() {
		if err == errGoexit {
			k.endAfterGoexit()
		}
	}()
	err = k.handle(r)

	k.mu.Lock()
	k.cancel = nil
	if k.poll == nil {
		k.ended = k.ended || k.last || err != nil
		k.setDeadline()
	}
	woken, ended, poll := k.woken, k.ended, k.poll
	k.mu.Unlock()
	return woken && (poll == nil || ended && poll.transport.lose(poll.waiting))
}

// errGoexit says that a handler has called runtime.Goexit.
var errGoexit = errors.New("engineio: a handler has ended its goroutine")

// endAfterGoexit closes the connection. The goroutine that calls it ends.
func (k *parked) endAfterGoexit() {
	k.mu.Lock()
	k.cancel, k.ended = nil, true
	woken, poll := k.woken, k.poll
	k.setDeadline()
	k.mu.Unlock()
	if woken && (poll == nil || poll.transport.lose(poll.waiting)) {
		go k.next()
	}
}

// context returns the context that http.Server gives the requests of the connection. There is
// neither a BaseContext nor a ConnContext: see parks.
func (k *parked) context() context.Context {
	ctx := context.WithValue(context.Background(), http.ServerContextKey, k.home.web)
	return context.WithValue(ctx, http.LocalAddrContextKey, k.conn.LocalAddr())
}

// handle calls the handler of http.Server and completes the response, unless the handler has parked
// a poll. After an error the connection must be closed.
func (k *parked) handle(r *http.Request) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = http.ErrAbortHandler
			if value != http.ErrAbortHandler {
				p := guard.Recovered(value)
				k.srv.log.Error("engineio: panic in a request; it was aborted", p.Attr())
			}
		}
	}()
	handler := k.home.web.Handler
	if handler == nil {
		handler = http.DefaultServeMux
	}
	w := &parkedWriter{k: k, header: make(http.Header), minor: 1}
	handler.ServeHTTP(w, r)
	return w.finish()
}
