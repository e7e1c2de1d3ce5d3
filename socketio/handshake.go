package socketio

import (
	stdjson "encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/hidden"
)

// A Handshake describes how a socket connected. It is read-only. Auth, Header and the query are
// complete until OnConnect has returned. After that, Socket.Handshake has only what
// Options.KeepAuth, KeepHeaders and KeepQuery name. These three may hold secrets, and a
// Handshake never prints them. All other fields are kept for as long as the socket.
type Handshake struct {
	// RemoteAddr is the peer's address, determined with Engine.TrustedProxies.
	RemoteAddr string
	// Origin is the Origin header of the first request. It is empty if there was none.
	Origin string
	// Protocol is the revision of Engine.IO that the peer speaks: 4, or 3 with
	// Engine.AllowEIO3. Peers of revision 3 send no auth payload.
	Protocol int
	// Host is the host that the first request asked for, as in http.Request.Host: in the
	// client's spelling, and with the port if the client sent one. A client that is not a
	// browser can send any host. X-Forwarded-Host is ignored, even from trusted proxies. A
	// proxy must pass Host unchanged, as the origin rule requires too.
	Host string
	// Path is the path of the first request.
	Path string
	// Time is when the connection was opened.
	Time time.Time
	// Auth is the auth payload of the CONNECT packet, a JSON object. It is nil if there was
	// none. After OnConnect it has the members of Options.KeepAuth, or is nil.
	Auth stdjson.RawMessage
	// Header is the header of the first request. For a namespace that was joined after another
	// one, it has only Options.KeepHeaders. After OnConnect it also has only those, if that
	// option was set, and otherwise is nil.
	Header http.Header
	// OriginChecked says whether the server's origin rule was in force, so that the cookies of
	// a browser can be trusted.
	OriginChecked bool
	// TLS says whether the first request came over TLS. It is false behind a proxy that
	// terminates TLS.
	TLS bool
	// TooLarge says that something was left out because it was too large: header, query, host
	// and path of the first request (Options.MaxHandshake), or the auth payload
	// (Options.MaxAuthPayload, MaxNewBytes). Middleware that looks for credentials must refuse
	// the socket. A socket whose auth payload was too large is refused in any case, after all
	// middleware has returned.
	TooLarge bool

	authTooLarge bool
	rawQuery     string
	connectQuery string // query after the namespace in a CONNECT of revision 3
}

// Query returns the query parameters of the first request. Malformed parameters are left out. A
// peer of revision 3 can add parameters for one namespace, as in "/admin?token=t", which
// replace those of the same name. After OnConnect only the parameters of Options.KeepQuery are
// left.
func (h *Handshake) Query() url.Values {
	values, _ := url.ParseQuery(h.rawQuery)
	own, _ := url.ParseQuery(h.connectQuery)
	maps.Copy(values, own)
	return values
}

// Network returns the network of RemoteAddr, which counts as one address in
// Engine.MaxNewPerAddress. See engineio.Network.
func (h *Handshake) Network() netip.Prefix { return engineio.Network(h.RemoteAddr) }

const (
	handshakeBytes = 256 // of the struct
	fieldBytes     = 64  // of a header field, in addition to its text
)

// requestBytes returns the approximate size of the header and URL of r.
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

// logTooLarge logs that something a peer sent was dropped. The first occurrence is logged for
// the operator and later ones at level Debug, because peers must not fill the log.
func (srv *Server) logTooLarge(c *conn, what string) {
	level := slog.LevelDebug
	srv.oversized.Do(func() { level = slog.LevelWarn })
	opts := &srv.opts
	srv.opts.Logger.Log(c.ctx, level, "socketio: data of a peer dropped because it exceeds a limit; middleware that looks for credentials refuses the peer permanently",
		"what", what, "remote", c.session.RemoteAddr(),
		"MaxHandshake", opts.MaxHandshake, "MaxAuthPayload", opts.MaxAuthPayload, "MaxNewBytes", opts.MaxNewBytes)
}

// KeepHeader keeps a header of the first request readable for namespaces that are joined later
// on the same connection. Only the middleware of the first namespace can call it with effect:
// all other headers are dropped before the CONNECT of that namespace is answered. Later calls do
// nothing.
func (s *Socket) KeepHeader(name string) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if name = http.CanonicalHeaderKey(name); !c.trimmed && !slices.Contains(c.past().keep, name) {
		h := c.record()
		h.keep = append(h.keep, name)
	}
}

// public returns a copy of h without the fields that may hold secrets.
func (h *Handshake) public() *Handshake {
	public := *h
	public.Auth, public.Header, public.rawQuery, public.connectQuery = nil, nil, "", ""
	return &public
}

func (h Handshake) describe() hidden.Text {
	return hidden.Text(fmt.Sprintf("handshake of %s, origin %q", h.RemoteAddr, h.Origin))
}

// String describes the handshake without the fields that may hold secrets.
func (h Handshake) String() string { return h.describe().String() }

// Format writes the text of String for every verb.
func (h Handshake) Format(f fmt.State, verb rune) { h.describe().Format(f, verb) }

// MarshalText returns the text of String, so that no encoder writes the fields.
func (h Handshake) MarshalText() ([]byte, error) { return h.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (h Handshake) LogValue() slog.Value { return h.describe().LogValue() }
