package engineio

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
)

// BindToNothing is a value for Options.Bind that disables the default: a later request of
// a session may have any Authorization header. Clients of Engine.IO 3 by polling are then
// refused.
func BindToNothing(*http.Request) string { return "" }

// BindToAddress returns a value for Options.Bind that binds a session to the address of
// its client, without the port. Behind the trusted proxies, which should be the same as
// Options.TrustedProxies, that is the address that they report.
//
// It is the minimum for clients that show nothing else. Clients behind one address can
// still take part in each other's sessions, and a client that changes its network must
// begin a new session. Behind a proxy that is not trusted, all clients have the address of
// the proxy, and the binding protects nothing.
//
// It binds to nothing if there is no address, so that clients of Engine.IO 3 by polling
// are refused: for a peer over a unix socket, for which see BindToForwardedAddress, and
// for a trusted proxy that sends no X-Forwarded-For. If middleware such as chi's RealIP
// has changed Request.RemoteAddr, that value is used.
func BindToAddress(trusted ...netip.Prefix) func(*http.Request) string {
	return proxies{prefixes: unmapped(trusted)}.bind
}

// BindToForwardedAddress is BindToAddress for a server that a proxy reaches over a unix
// socket (Options.TrustUnixSocket): peers over a unix socket are trusted proxies too.
func BindToForwardedAddress(trusted ...netip.Prefix) func(*http.Request) string {
	return proxies{prefixes: unmapped(trusted), unix: true}.bind
}

// bind returns the address of the client that sent r, or "" if the address is not known.
func (p proxies) bind(r *http.Request) string {
	text, field := p.client(r)
	if field < 0 && p.trusts(r) {
		return "" // the address of a proxy, which many clients share
	}
	addr, ok := parseForwarded(text)
	if !ok {
		return ""
	}
	return addr.Unmap().String()
}

// authorization is what a session is bound to by default.
func authorization(r *http.Request) string {
	return strings.Join(r.Header.Values("Authorization"), ", ")
}

// binder binds sessions to what their first request showed (Options.Bind). It hashes the
// values with a key that no other process has.
type binder struct {
	value     func(*http.Request) string
	byDefault bool // value is authorization, and Options.Bind was nil
	key       [32]byte
}

// bond is the hash of the value that a session is bound to.
type bond [16]byte

func newBinder(value func(*http.Request) string) *binder {
	b := &binder{value: value}
	if value == nil {
		b.value, b.byDefault = authorization, true
	}
	rand.Read(b.key[:]) // never fails: crypto/rand ends the program instead
	return b
}

// bind returns the bond of the session that r starts, or nil if it is not bound. By
// default a session that showed nothing is not bound, nor is one whose ID is public,
// because the default is not strict enough for it.
func (b *binder) bind(r *http.Request, publicID bool) *bond {
	value := b.value(r)
	if b.byDefault && (value == "" || publicID) {
		return nil
	}
	hash := b.hash(value)
	return &hash
}

// binds reports whether r would bind a session with a public ID to anything.
func (b *binder) binds(r *http.Request) bool { return !b.byDefault && b.value(r) != "" }

// matches reports whether r may belong to the session with the bond known. If the
// session's ID is secret, a request that shows nothing may, because browsers cannot set
// headers on a WebSocket. If the ID is public it may not, and a session without a bond,
// which only a WebSocket can have started, has no later requests.
func (b *binder) matches(known *bond, r *http.Request, publicID bool) bool {
	if known == nil {
		return !publicID
	}
	value := b.value(r)
	if value == "" {
		return !publicID
	}
	shown := b.hash(value)
	return subtle.ConstantTimeCompare(known[:], shown[:]) == 1
}

func (b *binder) hash(value string) bond {
	mac := hmac.New(sha256.New, b.key[:])
	mac.Write([]byte(value))
	return bond(mac.Sum(nil)[:len(bond{})])
}

// refuseUnbound refuses the handshake of a session with a public ID that is bound to
// nothing, because anyone who knows the ID could take part in it. It logs the reason once.
func (srv *Server) refuseUnbound(w http.ResponseWriter, r *http.Request) {
	srv.unbound.Do(func() {
		srv.log.Warn("engineio: handshake of Engine.IO 3 refused: Options.Bind returned nothing for its first request by polling; it must return what these peers show, or their address (BindToAddress, or BindToForwardedAddress for a proxy on a unix socket; a trusted proxy must send X-Forwarded-For)")
	})
	srv.refuseBecause(w, r, refuseForbidden, causeUnbound)
}
