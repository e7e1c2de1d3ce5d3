package webtransport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"socketiojwt/engineio"
	"socketiojwt/internal/guard"
	"socketiojwt/internal/logging"
)

const (
	openTimeout    = 10 * time.Second
	sessionTimeout = 15 * time.Second // of a connection without a session; covers SETTINGS and openTimeout
	maxOpening     = 1000
	maxIdleOfOne   = 100 // connections of one address without a session, each with one request
	maxConns       = 10_000
	maxConnsOfOne  = 1000
	maxStreams     = 32 // of a connection
	maxIdle        = time.Minute
	streamWindow   = 128 << 10
	connectWindow  = 512 << 10
)

// Options configures a Server.
type Options struct {
	// TLS has the certificates. It must not be nil. NewServer copies it, and sets the
	// protocol and the version that HTTP/3 requires.
	TLS *tls.Config
	// MaxConnections bounds the QUIC connections. Those above the bound are refused. Zero
	// means 10,000. A negative number means no bound.
	MaxConnections int
	// MaxConnectionsPerAddress bounds the QUIC connections of one address, which is the
	// network that engineio.Network returns. Zero means 1,000. At most 100 of them may be
	// without a session. A negative number disables both bounds, for a server that sees
	// all connections from the address of a load balancer.
	MaxConnectionsPerAddress int
	// Logger receives refused connections and panics, and at level Debug errors of
	// connections. Nil means that warnings and errors go to slog.Default.
	Logger *slog.Logger
}

// Server serves sessions over WebTransport. Its methods may be called concurrently.
type Server struct {
	engine  http.Handler
	wt      *webtransport.Server
	log     *slog.Logger
	loud    logging.Sampler
	conns   connections
	opening chan struct{} // holds one for each session that has not sent its first packet
	timeout time.Duration // for the first packet
	ctx     context.Context
	cancel  context.CancelFunc
}

// NewServer returns a server that passes sessions to engine, which is the handler of a
// socketio.Server or an engineio.Server. PingInterval must be less than a minute, or idle
// connections are closed. It returns an error if Options.TLS is nil.
func NewServer(engine http.Handler, opts Options) (*Server, error) {
	if engine == nil || opts.TLS == nil {
		return nil, errors.New("webtransport: NewServer needs a handler and Options.TLS")
	}
	s := &Server{
		engine: engine, opening: make(chan struct{}, maxOpening), timeout: openTimeout,
		log: logging.OrDefault(opts.Logger), loud: logging.Sampler{PerMinute: 10, Repeat: time.Minute},
		conns: connections{
			max: cmp.Or(opts.MaxConnections, maxConns), maxPerAddress: cmp.Or(opts.MaxConnectionsPerAddress, maxConnsOfOne),
			maxIdle: maxIdleOfOne, timeout: sessionTimeout, byNetwork: make(map[netip.Prefix]*counts),
		},
	}
	if opts.MaxConnectionsPerAddress < 0 {
		s.conns.maxIdle = -1
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	h3 := &http3.Server{
		Handler:        http.HandlerFunc(s.serve),
		TLSConfig:      http3.ConfigureTLSConfig(opts.TLS.Clone()),
		MaxHeaderBytes: 16 << 10,
		QUICConfig: &quic.Config{
			EnableDatagrams:                  true,
			EnableStreamResetPartialDelivery: true,
			MaxIdleTimeout:                   maxIdle,
			MaxIncomingStreams:               maxStreams,
			MaxIncomingUniStreams:            8, // those of HTTP/3 itself
			InitialStreamReceiveWindow:       streamWindow,
			MaxStreamReceiveWindow:           streamWindow,
			InitialConnectionReceiveWindow:   connectWindow,
			MaxConnectionReceiveWindow:       connectWindow,
		},
		Logger: slog.New(slog.DiscardHandler), // it would log the value of a panic, and URLs
	}
	webtransport.ConfigureHTTP3Server(h3)
	s.wt = &webtransport.Server{H3: h3, CheckOrigin: func(*http.Request) bool { return true }} // engine checks it
	return s, nil
}

// Serve accepts connections on conn until Close is called or conn fails, and returns when
// they have ended. The caller closes conn. The error is not nil.
func (s *Server) Serve(conn net.PacketConn) error {
	transport := &quic.Transport{
		Conn:        conn,
		ConnContext: s.count,
		// Otherwise a peer that forges addresses could use up the connections of another
		// address, and hold memory without receiving anything.
		VerifySourceAddress: func(net.Addr) bool { return true },
	}
	listener, err := transport.ListenEarly(s.wt.H3.TLSConfig, s.wt.H3.QUICConfig)
	if err != nil {
		return err
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer transport.Close()
	for {
		conn, err := listener.Accept(s.ctx)
		if err != nil {
			return err
		}
		serving.Go(func() { s.serveConn(conn) })
	}
}

// connKey is the key of a *connection in the context of its QUIC connection and requests.
type connKey struct{}

// count counts a new connection, or refuses it. ctx ends with the connection.
func (s *Server) count(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	if !info.AddrVerified {
		return nil, errors.New("webtransport: connection from an address that is not verified")
	}
	network := engineio.Network(info.RemoteAddr.String())
	c, err := s.conns.add(network)
	if err != nil {
		s.loud.Log(ctx, s.log, slog.LevelWarn, network.String(), "webtransport: connection refused: "+err.Error(), "address", network)
		return nil, err
	}
	context.AfterFunc(ctx, c.remove)
	return context.WithValue(ctx, connKey{}, c), nil
}

// serveConn serves the requests of one connection.
func (s *Server) serveConn(conn *quic.Conn) {
	conn.Context().Value(connKey{}).(*connection).start(func() {
		_ = conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "no session")
	})
	err := s.wt.ServeQUICConn(conn)
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return
	}
	s.log.Debug("webtransport: connection closed", "error", err)
	_ = conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeGeneralProtocolError), "") // the library leaves it open
}

// Close ends all connections at once. To end sessions in order, shut down the Socket.IO
// server first.
func (s *Server) Close() error {
	err := s.wt.Close()
	s.cancel()
	return err
}

// serve answers one request of HTTP/3.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	defer guard.AbortHTTP(s.log, "webtransport: panic in the handler")
	conn := r.Context().Value(connKey{}).(*connection)
	if !conn.begin() {
		http.Error(w, "one session at a time", http.StatusServiceUnavailable)
		return
	}
	defer conn.end()
	select {
	case s.opening <- struct{}{}:
	default:
		http.Error(w, "too many new sessions", http.StatusServiceUnavailable)
		return
	}
	session, c, err := s.open(w, r)
	<-s.opening
	if session == nil {
		return
	}
	if err != nil {
		c.refuse(http.StatusBadRequest)
		return
	}
	if status := handshake(s.engine, r, c); status != 0 {
		c.refuse(status)
		return
	}
	conn.admitted()
	<-session.Context().Done()
}

// open begins a session of WebTransport, and waits for its stream and first packet. It
// returns no session if that has ended, and an error if the packet does not open one.
func (s *Server) open(w http.ResponseWriter, r *http.Request) (*webtransport.Session, *conn, error) {
	session, err := s.wt.Upgrade(w, r)
	if err != nil {
		http.Error(w, "this server only serves WebTransport", http.StatusBadRequest)
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(session.Context(), s.timeout)
	defer cancel()
	stream, err := session.AcceptStream(ctx)
	if err != nil {
		_ = session.CloseWithError(http.StatusRequestTimeout, "no stream")
		return nil, nil, err
	}
	c := &conn{stream: stream, session: session}
	deadline, _ := ctx.Deadline()
	_ = stream.SetReadDeadline(deadline)
	named, err := readOpen(stream)
	if err == nil && named {
		err = errNotOpen
	}
	_ = stream.SetReadDeadline(time.Time{})
	return session, c, err
}
