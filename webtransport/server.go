package webtransport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

const (
	openTimeout   = 10 * time.Second
	maxOpening    = 1000
	maxStreams    = 32 // of a connection: a request and a stream for each session
	maxIdle       = time.Minute
	streamWindow  = 128 << 10
	connectWindow = 512 << 10
)

// Options configures a Server.
type Options struct {
	// TLS has the certificates. It must not be nil. NewServer copies it, and sets the
	// protocol and the version that HTTP/3 requires.
	TLS *tls.Config
}

// Server serves sessions over WebTransport. Its methods may be called concurrently.
type Server struct {
	engine  http.Handler
	wt      *webtransport.Server
	opening chan struct{} // holds one for each session that has not sent its first packet
	timeout time.Duration // for the first packet
}

// NewServer returns a server that passes sessions to engine, which is the handler of a
// socketio.Server or an engineio.Server. PingInterval must be less than a minute, or idle
// connections are closed. It returns an error if Options.TLS is nil.
func NewServer(engine http.Handler, opts Options) (*Server, error) {
	if engine == nil || opts.TLS == nil {
		return nil, errors.New("webtransport: NewServer needs a handler and Options.TLS")
	}
	s := &Server{engine: engine, opening: make(chan struct{}, maxOpening), timeout: openTimeout}
	h3 := &http3.Server{
		Handler:        http.HandlerFunc(s.serve),
		TLSConfig:      http3.ConfigureTLSConfig(opts.TLS.Clone()),
		MaxHeaderBytes: 16 << 10,
		QUICConfig: &quic.Config{
			MaxIdleTimeout:                 maxIdle,
			MaxIncomingStreams:             maxStreams,
			MaxIncomingUniStreams:          8, // those of HTTP/3 itself
			InitialStreamReceiveWindow:     streamWindow,
			MaxStreamReceiveWindow:         streamWindow,
			InitialConnectionReceiveWindow: connectWindow,
			MaxConnectionReceiveWindow:     connectWindow,
		},
	}
	webtransport.ConfigureHTTP3Server(h3)
	s.wt = &webtransport.Server{H3: h3, CheckOrigin: func(*http.Request) bool { return true }} // engine checks it
	return s, nil
}

// Serve accepts connections on conn until Close is called or conn fails. The caller closes
// conn. The error is not nil.
func (s *Server) Serve(conn net.PacketConn) error { return s.wt.Serve(conn) }

// Close ends all connections at once. To end sessions in order, shut down the Socket.IO
// server first.
func (s *Server) Close() error { return s.wt.Close() }

// serve answers one request of HTTP/3.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	select {
	case s.opening <- struct{}{}:
	default:
		http.Error(w, "too many new sessions", http.StatusServiceUnavailable)
		return
	}
	session, c, sid := s.open(w, r)
	<-s.opening
	if session == nil {
		return
	}
	if sid {
		c.refuse(http.StatusBadRequest)
		return
	}
	if status := handshake(s.engine, r, c); status != 0 {
		c.refuse(status)
		return
	}
	<-session.Context().Done()
}

// open begins a session of WebTransport, and waits for its stream and first packet. It
// returns nil if the session has ended.
func (s *Server) open(w http.ResponseWriter, r *http.Request) (*webtransport.Session, *conn, bool) {
	session, err := s.wt.Upgrade(w, r)
	if err != nil {
		http.Error(w, "this server only serves WebTransport", http.StatusBadRequest)
		return nil, nil, false
	}
	ctx, cancel := context.WithTimeout(session.Context(), s.timeout)
	defer cancel()
	stream, err := session.AcceptStream(ctx)
	if err != nil {
		_ = session.CloseWithError(http.StatusRequestTimeout, "no stream")
		return nil, nil, false
	}
	c := &conn{stream: stream, session: session}
	deadline, _ := ctx.Deadline()
	_ = stream.SetReadDeadline(deadline)
	sid, err := readOpen(stream)
	if err != nil {
		c.refuse(http.StatusBadRequest)
		return nil, nil, false
	}
	_ = stream.SetReadDeadline(time.Time{})
	return session, c, sid
}
