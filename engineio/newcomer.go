package engineio

import (
	"net/http"
	"time"
)

// A session is new until the layer above calls Accept. While it is new it keeps less of
// what its peer sends, and it counts in Options.MaxNewPerAddress
// (docs/adr/0016-new-connections.md).

// Accept says that the peer has been accepted: the session is no longer new. Calling it
// again does nothing.
func (s *Session) Accept() {
	s.maxMessage.Store(int64(s.srv.opts.MaxPayload))
	s.uncount()
}

// SetMaxMessage bounds how many bytes of a message are kept from now on, while the
// session is new: at most Options.MaxNewPayload, and at least 4 KiB. It must not be
// called after Accept.
func (s *Session) SetMaxMessage(n int) {
	s.maxMessage.Store(int64(min(s.srv.opts.maxNew(), max(n, maxHead))))
}

// CountFailure counts a failed attempt of the peer's address, such as a refused token.
// See Options.MaxNewPerAddress.
func (s *Session) CountFailure() { s.srv.addresses.fail(Network(s.addr), s.srv.now()) }

// uncount stops counting the session as a new one of its address.
func (s *Session) uncount() {
	a := s.address.Load() // before the swap, because leaveAddress may remove it afterwards
	if !s.fresh.Swap(false) {
		return
	}
	t := &s.srv.addresses
	t.uncount(a)
	if t.sessions == 0 {
		s.address.Store(nil)
	}
}

// leaveAddress stops counting the session, which has ended.
func (s *Session) leaveAddress() {
	s.uncount()
	if a := s.address.Swap(nil); a != nil {
		s.srv.addresses.leave(a)
	}
}

// room returns how many bytes of a message are kept.
func (s *Session) room() int { return int(s.maxMessage.Load()) }

// frugal reports whether less is kept of the session's messages than Options.MaxPayload.
func (s *Session) frugal() bool { return s.room() < s.srv.opts.MaxPayload }

// largeRequest is the size from which the header and URL of a request are too large to
// be kept while a new session waits for something.
const largeRequest = 16 << 10

// largeRequestTimeout is how long the body of such a request may take.
const largeRequestTimeout = 5 * time.Second

// isLarge reports whether the header and URL of r are large.
func isLarge(r *http.Request) bool {
	size := len(r.RequestURI)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size > largeRequest
}
