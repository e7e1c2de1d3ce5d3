package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
)

// A Source is a place where a socket may show its token. FromAuth, FromHeader,
// FromQuery, FromCookie, FromTicket and SourceFunc make one.
type Source interface {
	// Find returns the token in compact serialization, or "" if this place is empty. If
	// this place has something that is not a token, Find returns an error, which refuses
	// the socket. An *Error chooses what the peer gets. Find must be safe for concurrent
	// use, and return soon after ctx is done.
	Find(ctx context.Context, h *socketio.Handshake) (compact string, err error)
}

// A SourceFunc is a function that is a Source. A nil SourceFunc is refused by NewGate.
type SourceFunc func(ctx context.Context, h *socketio.Handshake) (compact string, err error)

// Find calls f. It implements Source.
func (f SourceFunc) Find(ctx context.Context, h *socketio.Handshake) (string, error) {
	return f(ctx, h)
}

// FromAuth reads the token from the member of that name of the auth payload: "<token>" or
// "Bearer <token>", with the scheme in any case. In event mode the payload is the first
// argument of "authenticate". The name must match exactly, and a payload that has this
// member twice is refused. If the member is null, there is no token. Other members are
// ignored.
func FromAuth(member string) Source { return fromAuth{member} }

// FromHeader reads the token from the Authorization header: "Bearer <token>" (RFC 6750,
// section 2.1), with the scheme in any case. A header of another form is refused, including
// Basic: behind a proxy that asks for a password, list only FromAuth. Pages in browsers
// cannot set this header.
func FromHeader() Source { return fromHeader{} }

// FromQuery reads the token from a parameter of the URL. Proxies and servers on the path log
// URLs, and browsers keep them in their histories, so prefer any other source.
func FromQuery(parameter string) Source { return fromQuery{parameter} }

// FromCookie reads the token from a cookie. Browsers send cookies with requests of any
// page, so a cookie is ignored if the origin of the request was not checked
// (socketio.Handshake.OriginChecked), for example because the server's origin rule is
// waived. If the gate of the namespace that a client joins first does not have this source,
// add Cookie to socketio.Options.KeepHeaders.
func FromCookie(name string) Source { return fromCookie{name} }

type (
	fromAuth   struct{ member string }
	fromHeader struct{}
	fromQuery  struct{ parameter string }
	fromCookie struct{ name string }
)

// maxDepth bounds the nesting of an auth payload. Usually a limit of socketio.Options is
// lower.
const maxDepth = 10000

// Errors of sources.
var (
	errNoToken  = errors.New("auth: the peer showed no token in any of Options.Sources")
	errNoHeader = errors.New("auth: no Authorization header, and Options.Sources has only FromHeader")
	errFormat   = errors.New("auth: malformed credentials; send \"Bearer <token>\"")
	errScheme   = fmt.Errorf("%w: the scheme is not Bearer", errFormat)
	errDatatype = errors.New("auth: the auth payload is not an object with the token in a string")
	errTwice    = errors.New("auth: more than one token in one source")
	errConflict = errors.New("auth: different tokens in two sources")
)

// Find implements Source.
func (f fromAuth) Find(_ context.Context, h *socketio.Handshake) (string, error) {
	payload := bytes.TrimSpace(h.Auth)
	if len(payload) == 0 || string(payload) == "null" {
		return "", nil
	}
	value, err := onlyMember(payload, f.member)
	switch {
	case err != nil:
		return "", errDatatype
	case value == nil || value[0] == 'n':
		return "", nil
	case value[0] != '"':
		return "", errDatatype
	}
	credentials, ok := wirejson.Unquote(string(value))
	if !ok {
		return "", errDatatype
	}
	if credentials == "" || strings.Contains(credentials, " ") {
		return bearer(credentials)
	}
	return credentials, nil
}

// onlyMember returns a member of a JSON object, or nil if there is none. Names must match
// exactly. A member that is given twice is an error, because two parsers could read
// different values. For the rest it accepts what JSON.parse accepts.
func onlyMember(object []byte, name string) (value []byte, err error) {
	err = wirejson.PeerMembers(object, maxDepth, func(found []byte, start, end int) error {
		if string(found) == name {
			if value != nil {
				return errDatatype
			}
			value = object[start:end]
		}
		return nil
	})
	return value, err
}

// Find implements Source.
func (fromHeader) Find(_ context.Context, h *socketio.Handshake) (string, error) {
	switch values := h.Header["Authorization"]; len(values) {
	case 0:
		return "", nil
	case 1:
		return bearer(values[0])
	default: // a proxy may have read another one
		return "", errTwice
	}
}

// bearer returns the token in "Bearer <token>".
func bearer(credentials string) (string, error) {
	scheme, compact, _ := strings.Cut(credentials, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", errScheme
	}
	if compact == "" || strings.ContainsAny(compact, " \t") {
		return "", errFormat
	}
	return compact, nil
}

// Find implements Source.
func (f fromQuery) Find(_ context.Context, h *socketio.Handshake) (string, error) {
	return only(h.Query()[f.parameter])
}

// Find implements Source.
func (f fromCookie) Find(_ context.Context, h *socketio.Handshake) (string, error) {
	if !h.OriginChecked {
		return "", nil
	}
	var values []string
	for _, cookie := range (&http.Request{Header: h.Header}).CookiesNamed(f.name) {
		// A browser sends a cookie of this name for each path that one was set for.
		if len(values) == 0 || values[0] != cookie.Value {
			values = append(values, cookie.Value)
		}
	}
	return only(values)
}

// only returns the only one of values, or "" if there are none.
func only(values []string) (string, error) {
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", errTwice
	case values[0] == "":
		return "", errFormat
	}
	return values[0], nil
}

// keepCookies keeps the Cookie header for gates of namespaces that are joined later on the
// connection. By default only the Authorization header is kept.
func (g *Gate) keepCookies(s *socketio.Socket) {
	if g.readsCookies() {
		s.KeepHeader("Cookie")
	}
}

// readsCookies reports whether a source is a cookie.
func (g *Gate) readsCookies() bool {
	return slices.ContainsFunc(g.opts.Sources, func(source Source) bool { _, ok := source.(fromCookie); return ok })
}

// find returns the token or the ticket that the sources show.
func (g *Gate) find(ctx context.Context, h *socketio.Handshake) (found credential, err error) {
	for _, source := range g.opts.Sources {
		if _, cookie := source.(fromCookie); cookie && !h.OriginChecked && h.Protocol != 0 { // HTTP requests, which have no protocol, have Options.CrossOrigin
			g.cookies.Do(func() {
				g.opts.Logger.WarnContext(ctx, "auth: cookies are ignored because the origin of the request was not checked; unset engineio.Options.InsecureAnyOrigin, or see socketio.Handshake.OriginChecked")
			})
		}
		one, err := source.Find(ctx, h)
		_, ticket := source.(fromTicket)
		switch c := (credential{one, ticket}); {
		case err != nil:
			return credential{}, err
		case one == "":
		case found.text != "" && c != found:
			return credential{}, errConflict
		default:
			found = c
		}
	}
	switch {
	case found.text != "":
		return found, nil
	case len(g.opts.Sources) == 1 && g.opts.Sources[0] == Source(fromHeader{}):
		return credential{}, errNoHeader
	}
	return credential{}, errNoToken
}

// checkSource returns what is wrong with a source.
func checkSource(source Source) error {
	name, named := "", true
	switch source := source.(type) {
	case nil:
		return errors.New("is nil")
	case SourceFunc:
		if source == nil {
			return errors.New("is nil")
		}
		named = false
	case fromAuth:
		name = source.member
	case fromQuery:
		name = source.parameter
	case fromTicket:
		name = source.name
	case fromCookie:
		name = source.name
		if name != "" && (&http.Cookie{Name: name}).Valid() != nil {
			return errors.New("has an invalid cookie name")
		}
	default:
		named = false
	}
	if named && name == "" {
		return errors.New("has an empty name")
	}
	return nil
}

// sameSource reports whether two sources read the same place.
func sameSource(a, b Source) bool {
	return a != nil && b != nil && reflect.TypeOf(a).Comparable() && reflect.TypeOf(b).Comparable() && a == b
}
