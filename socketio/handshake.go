package socketio

import (
	stdjson "encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"socketiojwt/engineio"
)

// A Handshake says how a socket came. It is read-only. Auth, Header and the query are
// complete until OnConnect has returned; after that Socket.Handshake has only what
// Options.KeepAuth, KeepHeaders and KeepQuery name. They may hold secrets, and a
// Handshake never prints them. All other fields last as long as the socket.
type Handshake struct {
	// RemoteAddr is the peer's address, behind Engine.TrustedProxies.
	RemoteAddr string
	// Origin is the Origin header of the first request. Empty when there was none.
	Origin string
	// OriginChecked says whether the server's origin rule was in force, so that
	// a browser's cookies may be believed.
	OriginChecked bool
	// Protocol is the revision of Engine.IO that the peer speaks: 4, or 3 with
	// Engine.AllowEIO3. Peers of revision 3 have no auth payload.
	Protocol int
	// Host is the host that the first request asked for, as http.Request.Host has it: in
	// the spelling of the client, and with the port if the client sent one. A client that
	// is not a browser can send any host. X-Forwarded-Host is not read, from trusted proxies
	// either: a proxy must pass Host as it came, which the origin rule needs as well.
	Host string
	// Path is the path of the first request.
	Path string
	// TLS says whether the first request came over TLS.
	TLS bool
	// Time is when the connection began.
	Time time.Time
	// Auth is the auth payload of the CONNECT packet, a JSON object. Nil when
	// there was none. After OnConnect it has the members of Options.KeepAuth, or is nil.
	Auth stdjson.RawMessage
	// Header is the header of the first request. For a namespace that was joined
	// after another it has only Options.KeepHeaders. After OnConnect it has those too,
	// if that option was set, or is nil.
	Header http.Header
	// TooLarge says that something is missing here because it was too large: header,
	// query, host and path of the first request (Options.MaxHandshake), or the auth payload
	// (Options.MaxAuthPayload, MaxNewBytes). Middleware that looks for credentials
	// must refuse the socket. One whose auth payload was too large is refused in any
	// case, when all middleware has returned.
	TooLarge bool

	rawQuery     string
	connectQuery string // of the CONNECT of a peer of revision 3
	authTooLarge bool
}

// Query returns the query parameters of the first request. Those that are
// malformed are left out. A peer of revision 3 can give some to a namespace as well,
// in place of those of the same name: "/admin?token=t". After OnConnect only those of
// Options.KeepQuery are left.
func (h *Handshake) Query() url.Values {
	values, _ := url.ParseQuery(h.rawQuery)
	own, _ := url.ParseQuery(h.connectQuery)
	maps.Copy(values, own)
	return values
}

// Network returns the network of RemoteAddr that counts as one address in
// Engine.MaxNewPerAddress: see engineio.Network.
func (h *Handshake) Network() netip.Prefix { return engineio.Network(h.RemoteAddr) }

// maxKept bounds the origin, host and path, which are kept as long as the connection.
const maxKept = 1 << 10

// newHandshake takes what a connection keeps of its first request: no more than limit,
// and size is how many bytes it takes, about.
func newHandshake(session *engineio.Session, r *http.Request, limit int) (h *Handshake, size int) {
	h = &Handshake{
		RemoteAddr:    session.RemoteAddr(),
		OriginChecked: session.OriginChecked(),
		Protocol:      session.Protocol(),
		TLS:           r.TLS != nil,
		Time:          time.Now(),
	}
	size = requestBytes(r)
	h.TooLarge = size > limit
	// Copies, since each of them would otherwise keep the memory of the whole request.
	keep := func(field *string, text string) {
		if len(text) > maxKept {
			h.TooLarge = true
			return
		}
		*field = strings.Clone(text)
	}
	keep(&h.Origin, r.Header.Get("Origin"))
	keep(&h.Host, r.Host)
	keep(&h.Path, r.URL.Path)
	if h.TooLarge {
		size = 0
	} else {
		h.Header, h.rawQuery = r.Header, r.URL.RawQuery
	}
	return h, size + len(h.Origin) + len(h.Host) + len(h.Path) + handshakeBytes
}

const (
	handshakeBytes = 256 // of the struct
	fieldBytes     = 64  // of a header field, beside its text
)

// requestBytes returns what the header and URL of r take, about.
func requestBytes(r *http.Request) int {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		n += len(name) + fieldBytes
		for _, value := range values {
			n += len(value) + fieldBytes
		}
	}
	return n
}

// logTooLarge logs that something was dropped that a peer sent: the first time for the
// operator, then for who debugs, since peers must not fill the log.
func (srv *Server) logTooLarge(c *conn, what string) {
	level := slog.LevelDebug
	srv.oversized.Do(func() { level = slog.LevelWarn })
	opts := &srv.opts
	srv.opts.Logger.Log(c.ctx, level, "socketio: larger than a limit, dropped; the peer is refused for good, unless nothing looks for credentials",
		"what", what, "remote", c.session.RemoteAddr(),
		"MaxHandshake", opts.MaxHandshake, "MaxAuthPayload", opts.MaxAuthPayload, "MaxNewBytes", opts.MaxNewBytes)
}

// keep returns a copy of h with no headers but those named, and nothing that
// pins the memory of the request.
func (h *Handshake) keep(names []string) *Handshake {
	kept := *h
	kept.Header = nil
	for _, name := range names {
		values := h.Header[name]
		if len(values) == 0 {
			continue
		}
		if kept.Header == nil {
			kept.Header = make(http.Header, 1)
		}
		for _, v := range values {
			kept.Header[name] = append(kept.Header[name], strings.Clone(v))
		}
	}
	kept.rawQuery = strings.Clone(h.rawQuery)
	return &kept
}

// KeepHeader makes a header of the first request stay readable for namespaces
// that are joined later on the same connection. Only the middleware of the
// first namespace can do so: once that is joined, what was not kept is gone, and
// KeepHeader does nothing.
func (s *Socket) KeepHeader(name string) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if name = http.CanonicalHeaderKey(name); !c.trimmed && !slices.Contains(c.keep, name) {
		c.keep = append(c.keep, name)
	}
}

// public returns a copy of h without what may hold secrets.
func (h *Handshake) public() *Handshake {
	public := *h
	public.Auth, public.Header, public.rawQuery, public.connectQuery = nil, nil, "", ""
	return &public
}

// String describes the handshake without what may hold secrets.
func (h Handshake) String() string {
	return fmt.Sprintf("handshake of %s, origin %q", h.RemoteAddr, h.Origin)
}

// Format prints String for every verb.
func (h Handshake) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

// MarshalJSON gives String.
func (h Handshake) MarshalJSON() ([]byte, error) { return stdjson.Marshal(h.String()) }

// LogValue gives String.
func (h Handshake) LogValue() slog.Value { return slog.StringValue(h.String()) }
