package engineio

import (
	"net"
	"net/http"
	"reflect"
	"strings"

	"socketiojwt/internal/accept"
)

// parkedPoll is a poll that waits on a parked connection, and what its response needs of the
// request.
type parkedPoll struct {
	transport *polling
	waiting   *poll
	codec     codec
	header    http.Header // of the response, set by middleware and for the origin
	gzip      bool        // the peer accepts it
	minor     int         // of the version of HTTP
	last      bool        // no other request follows on the connection
}

// parks returns the http.Server that serves r, or nil if the connection of r cannot be parked.
func (srv *Server) parks(w http.ResponseWriter, r *http.Request) *http.Server {
	if own, ok := w.(*parkedWriter); ok && own.k.srv != srv || !ok && !isNetHTTP(w, "response") {
		return nil // a connection that another Server has parked stays with that
	}
	if srv.unparkable.Load() || r.ProtoMajor != 1 || !hasOwnBody(r) {
		return nil
	}
	if _, limited := r.Context().Deadline(); limited { // by middleware, such as chi's Timeout
		return nil
	}
	switch r.Context().Value(http.LocalAddrContextKey).(type) {
	case *net.TCPAddr, *net.UnixAddr:
	default:
		return nil
	}
	for _, name := range []string{"Connection", "Content-Encoding", "Trailer", "Transfer-Encoding"} {
		if w.Header()[name] != nil { // middleware relies on net/http
			return nil
		}
	}
	web, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	if web == nil || web.ConnContext != nil || web.BaseContext != nil { // they would be called with types of this package
		return nil
	}
	return web
}

// isNetHTTP reports whether v is of a type of net/http: the ResponseWriter of http.Server for
// HTTP/1, or its body of a request. Middleware that wraps them may change the response, count what
// is written, or make a body seem to end early. The rest of that would be taken for a request.
func isNetHTTP(v any, name string) bool {
	t := reflect.TypeOf(v)
	return t != nil && t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "net/http" && t.Elem().Name() == name
}

// hasBegun reports whether middleware has written a part of the response. A poll that waits then must not
// be parked, because its response has a head of its own.
func hasBegun(w http.ResponseWriter) bool {
	if own, ok := w.(*parkedWriter); ok {
		return own.over || own.status != 0
	}
	wrote := reflect.ValueOf(w).Elem().FieldByName("wroteHeader")
	return wrote.Kind() != reflect.Bool || wrote.Bool()
}

// hasOwnBody reports whether r has the body that http.Server gave it, or none. A poll must
// have none.
func hasOwnBody(r *http.Request) bool {
	if r.Method == http.MethodPost {
		return isNetHTTP(r.Body, "body")
	}
	return r.Body == http.NoBody && r.ContentLength == 0 && len(r.TransferEncoding) == 0
}

// park parks the connection of r with the poll that waits. It reports false if the connection
// cannot be parked.
func (p *polling) park(web *http.Server, waiting *poll, w http.ResponseWriter, r *http.Request, c codec) bool {
	if hasBegun(w) {
		return false
	}
	s := p.session
	k := s.srv.park(web, w, &parkedPoll{
		transport: p, waiting: waiting, codec: c,
		header: cloneHeader(w.Header()), gzip: accept.Gzip(r),
		minor: r.ProtoMinor, last: r.Close || r.ProtoMinor == 0,
	})
	if k == nil {
		return false
	}
	s.srv.figures.parkedPolls.Add(1)
	_, own := w.(*parkedWriter) // then parked.serve waits for the peer
	answer, lost := waiting.answer, !own && k.isLost()
	s.mu.Lock()
	waits := p.waiting == waiting
	if waits {
		waiting.parked, waiting.answer = k, nil
	}
	s.mu.Unlock()
	if k.watch != nil && !own {
		go k.watch.await()
	}
	switch {
	case !waits: // it has been answered meanwhile
		k.respond(<-answer)
	case lost && p.lose(waiting):
		k.leave()
	}
	return true
}

// lose ends the session if waiting, which is parked, still waits, because its connection has ended.
func (p *polling) lose(waiting *poll) bool {
	s := p.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.waiting != waiting {
		return false
	}
	p.waiting = nil
	s.srv.figures.parkedPolls.Add(-1)
	s.end(TransportError)
	return true
}

// cloneHeader returns a copy of h that keeps nothing of the request in memory.
func cloneHeader(h http.Header) http.Header {
	clone := make(http.Header, len(h))
	for name, values := range h {
		for _, value := range values {
			clone[name] = append(clone[name], strings.Clone(value))
		}
	}
	return clone
}

// written notes that the response has been written, or ends the session because it could not be.
func (poll *parkedPoll) written(err error) error {
	if err != nil {
		poll.transport.session.Abort(TransportError)
		return err
	}
	poll.transport.polled()
	return nil
}

// These requests stand for one that is not kept in memory while its poll waits.
var (
	requestWithoutGzip = &http.Request{Method: http.MethodGet}
	requestWithGzip    = &http.Request{Method: http.MethodGet, Header: http.Header{"Accept-Encoding": {"gzip"}}}
)
