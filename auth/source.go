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
// FromQuery, FromCookie and SourceFunc make one.
type Source interface {
	// Find returns the token, in compact serialization, or "" if this place is
	// empty. What is there but is no token is an error, and refuses the socket; an
	// *Error says in which words. Find must be safe for concurrent use, and
	// return soon after ctx is done.
	Find(ctx context.Context, h *socketio.Handshake) (compact string, err error)
}

// SourceFunc makes a Source of a function.
type SourceFunc func(ctx context.Context, h *socketio.Handshake) (compact string, err error)

// Find calls f. It implements Source.
func (f SourceFunc) Find(ctx context.Context, h *socketio.Handshake) (string, error) {
	return f(ctx, h)
}

// FromAuth returns the member of that name of the auth payload, which is
// "<token>" or "Bearer <token>" with the scheme in any case. In event mode the
// payload is the first argument of "authenticate". The name matches exactly, and a
// payload that gives this member twice is refused. A member null is none. Other members
// are not looked at.
func FromAuth(member string) Source { return fromAuth{member} }

// FromHeader returns the token of the Authorization header, "Bearer <token>" (RFC
// 6750, section 2.1) with the scheme in any case. A header of another form is
// refused, Basic too: behind a proxy that asks for a password, list only FromAuth.
// Browsers cannot set it.
func FromHeader() Source { return fromHeader{} }

// FromQuery returns the token in a parameter of the URL. URLs end in the logs and
// histories of everything between: prefer any other source.
func FromQuery(parameter string) Source { return fromQuery{parameter} }

// FromCookie returns the token in a cookie. Browsers send cookies along wherever
// the page comes from, so they are not looked at where the server's origin rule is
// waived (socketio.Handshake.OriginChecked): such a socket shows no token. If the
// namespace that is joined first has no gate with this source, name Cookie in
// socketio.Options.KeepHeaders.
func FromCookie(name string) Source { return fromCookie{name} }

type (
	fromAuth   struct{ member string }
	fromHeader struct{}
	fromQuery  struct{ parameter string }
	fromCookie struct{ name string }
)

// maxDepth bounds how deeply an auth payload may nest. Usually socketio.Options
// bounds it to less.
const maxDepth = 10000

// What sources find wrong.
var (
	errNoToken  = errors.New("auth: no token shown")
	errNoHeader = errors.New("auth: no Authorization header, and no other source")
	errFormat   = errors.New("auth: credentials are not Bearer and a token")
	errScheme   = fmt.Errorf("%w: the scheme is another", errFormat)
	errDatatype = errors.New("auth: payload is not an object with a token that is a string")
	errTwice    = errors.New("auth: one source shows more than one token")
	errConflict = errors.New("auth: two sources show different tokens")
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

// onlyMember returns a member of a JSON object, nil if there is none. Names are
// compared exactly, and it is an error if the member is given twice, because two
// parsers would read two things. The rest of the object is what JSON.parse accepts.
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
	default: // what stands between may have believed another one
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
		// A browser sends one cookie for each path it was set for.
		if len(values) == 0 || values[0] != cookie.Value {
			values = append(values, cookie.Value)
		}
	}
	return only(values)
}

// only returns the only one of the values that a source holds.
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

// keepCookies makes cookies readable for gates of namespaces that are joined later on
// the connection. Otherwise only an Authorization header is.
func (g *Gate) keepCookies(s *socketio.Socket) {
	if g.readsCookies() {
		s.KeepHeader("Cookie")
	}
}

// readsCookies reports whether a source is a cookie.
func (g *Gate) readsCookies() bool {
	return slices.ContainsFunc(g.opts.Sources, func(source Source) bool { _, ok := source.(fromCookie); return ok })
}

// find returns the one token that the sources show.
func (g *Gate) find(ctx context.Context, h *socketio.Handshake) (string, error) {
	compact := ""
	for _, source := range g.opts.Sources {
		if _, cookie := source.(fromCookie); cookie && !h.OriginChecked && h.Protocol != 0 { // not for HTTP, which has a rule of its own
			g.cookies.Do(func() {
				g.opts.Logger.WarnContext(ctx, "auth: cookies are not looked at for tokens, since the server's origin rule is waived")
			})
		}
		one, err := source.Find(ctx, h)
		switch {
		case err != nil:
			return "", err
		case one == "":
		case compact != "" && one != compact:
			return "", errConflict
		default:
			compact = one
		}
	}
	switch {
	case compact != "":
		return compact, nil
	case len(g.opts.Sources) == 1 && g.opts.Sources[0] == Source(fromHeader{}):
		return "", errNoHeader
	}
	return "", errNoToken
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
	case fromCookie:
		name = source.name
		if name != "" && (&http.Cookie{Name: name}).Valid() != nil {
			return errors.New("has a name that no cookie can have")
		}
	default:
		named = false
	}
	if named && name == "" {
		return errors.New("has an empty name")
	}
	return nil
}

// sameSource reports whether two sources are the same place.
func sameSource(a, b Source) bool {
	return a != nil && b != nil && reflect.TypeOf(a).Comparable() && reflect.TypeOf(b).Comparable() && a == b
}
