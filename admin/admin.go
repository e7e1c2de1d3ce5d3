package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"socketiojwt/auth"
	"socketiojwt/internal/logging"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// Options configure the API. The zero value is ready to use.
type Options struct {
	// Scope is the scope that an operator's token must have, as auth.ScopesOf returns them. Empty
	// means "socketio:admin".
	Scope string
	// PublishScope is the scope that a token needs for publishing, instead of Scope. Empty means
	// "socketio:publish".
	PublishScope string
	// Logger receives a line at level Info for each request that changes something, with the
	// operator's subject and the hash of the operator's token, and refusals as the Logger of
	// auth.Options does. Requests that publish are at level Debug. Nil means that warnings and errors go to slog.Default().
	Logger *slog.Logger
	// Nodes returns the nodes of the cluster, for GET /nodes. It may be called concurrently, and
	// must not wait for the network. Self.ID is always the same. Nil means that this server is the
	// only one.
	Nodes func() Nodes
	// Server is the server of the sockets, for requests that publish. If Nodes is set too, the API
	// lists, counts, shows and disconnects the sockets of all nodes, and IDs of leases begin with
	// the ID of their node. New must then be called before Server.Handler, on all nodes, and only
	// once. Nil means that the API does not publish, and concerns the sockets of this node only.
	Server *socketio.Server
	// UserRoom returns the room in which all sockets of a user are, as a gate with
	// auth.RoomOfSubject declares it, so that requests that publish can address users. It may be
	// called concurrently. Nil means that users cannot be addressed.
	UserRoom func(issuer, subject string) string

	// Denylist has the revoked tokens of operators. The API changes it if a request names the gate
	// "operators". LongestToken is that of auth.Options, for operators' tokens. Nil means a list
	// in memory, which other nodes hear of if Server is set.
	Denylist     auth.Denylist
	LongestToken time.Duration
}

// operatorsGate is the name of the gate of the operators' own tokens.
const operatorsGate = "operators"

// api is the API of some gates.
type api struct {
	gates map[string]*auth.Gate
	names []string // of the gates, sorted
	log   *slog.Logger
	nodes func() Nodes // may be nil

	operators *auth.Gate
	cluster   *cluster // nil if the API concerns this node only
	self      string   // ID of this node; empty if there is one

	scope, publishScope string
	server              *socketio.Server // nil if the API does not publish
	userRoom            func(issuer, subject string) string
	repeats             repeats
	asking              chan struct{} // has a place for each request that waits for acknowledgements
}

// gateNames are the names that a gate may have. A name is part of URLs and of lease IDs.
var gateNames = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// New returns the handler of the API for the sockets of gates, whose names operators see.
// Operators show tokens that verifier accepts, in the Authorization header. New fails if there
// are no gates, if one is nil or has a name other than 1 to 64 letters, digits, "-" and "_", if
// verifier is invalid, or if the scope contains a space. It copies the map.
func New(gates map[string]*auth.Gate, verifier auth.Verifier, opts Options) (http.Handler, error) {
	if len(gates) == 0 {
		return nil, errors.New("admin: there are no gates")
	}
	for name, gate := range gates {
		switch {
		case gate == nil:
			return nil, fmt.Errorf("admin: the gate %q is nil", name)
		case name == operatorsGate:
			return nil, fmt.Errorf("admin: a gate is named %q, which is the name of the gate of the operators' own tokens", name)
		case !gateNames.MatchString(name):
			return nil, fmt.Errorf("admin: a gate is named %q; use 1 to 64 letters, digits, hyphens and underscores", name)
		}
	}
	scope, publishScope := cmp.Or(opts.Scope, "socketio:admin"), cmp.Or(opts.PublishScope, "socketio:publish")
	switch {
	case strings.ContainsAny(scope+publishScope, " \t\n"):
		return nil, errors.New("admin: Options.Scope or PublishScope contains a space; set one scope")
	case scope == publishScope:
		return nil, errors.New("admin: Options.Scope and PublishScope are the same; a token that publishes must not be one of an operator")
	}
	logger := logging.OrDefault(opts.Logger)
	operators, err := auth.NewGate(verifier, auth.Options{
		Sources:   []auth.Source{auth.FromHeader()},
		Authorize: auth.Check(hasScope(scope, publishScope)),
		Realm:     realm,
		Logger:    logger,
		Denylist:  opts.Denylist, LongestToken: opts.LongestToken,
	})
	if err != nil {
		return nil, err
	}
	a := &api{
		gates: maps.Clone(gates), names: slices.Sorted(maps.Keys(gates)), log: logger, nodes: opts.Nodes, operators: operators,
		scope: scope, publishScope: publishScope, server: opts.Server, userRoom: opts.UserRoom, asking: make(chan struct{}, maxAsking),
	}
	if a.nodes != nil {
		a.self = a.nodes().Self.ID
	}
	if opts.Server != nil && a.self != "" {
		a.cluster = newCluster(a, opts.Server)
		if err := operators.Share(opts.Server, "admin: operators"); err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	for _, r := range a.routes() {
		mux.Handle(r.method+" "+r.path, refusalsAsProblems(operators.HTTP, a.scoped(r)))
	}
	mux.HandleFunc("GET /openapi.json", serveDocument)
	return withHeaders(problemsOf(mux)), nil
}

// A route is an operation of the API. Each is also in openapi.json.
type route struct {
	method, path string
	serve        http.HandlerFunc
	publishes    bool
}

func (a *api) routes() []route {
	return []route{
		{http.MethodGet, "/leases", a.list, false},
		{http.MethodGet, "/leases/count", a.count, false},
		{http.MethodGet, "/leases/{id}", a.show, false},
		{http.MethodPost, "/leases/{id}/disconnect", a.disconnect, false},
		{http.MethodPost, "/leases/{id}/refresh", a.askRefresh, false},
		{http.MethodGet, "/revocations", a.listRevocations, false},
		{http.MethodPost, "/revocations", a.revoke, false},
		{http.MethodPost, "/blocks", a.block, false},
		{http.MethodPost, "/blocks/remove", a.unblock, false},
		{http.MethodGet, "/stats", a.stats, false},
		{http.MethodGet, "/nodes", a.showNodes, false},
		{http.MethodPost, "/emit", a.emit, true},
		{http.MethodPost, "/rooms/join", a.join, true},
		{http.MethodPost, "/rooms/leave", a.leave, true},
	}
}

// realm is the realm of the API in challenges.
const realm = "socketio-jwt admin"

// errScope is the cause of a refusal. The peer gets reason not_authorized.
var errScope = errors.New("admin: the token does not have the scope of an operator")

// hasScope returns a function that accepts tokens with one of the two scopes.
func hasScope(scope, publishScope string) func(context.Context, *token.Token, *socketio.Handshake) error {
	return func(_ context.Context, t *token.Token, _ *socketio.Handshake) error {
		scopes := auth.ScopesOf(t)
		if slices.Contains(scopes, scope) || slices.Contains(scopes, publishScope) {
			return nil
		}
		return &auth.Error{Message: "the token does not have the scope " + scope, Err: errScope}
	}
}

// scoped returns the handler of a route, for tokens with the scope of the route.
func (a *api) scoped(r route) http.HandlerFunc {
	scope := a.scope
	if r.publishes {
		scope = a.publishScope
	}
	return func(w http.ResponseWriter, request *http.Request) {
		if slices.Contains(auth.ScopesOf(auth.Token(request.Context())), scope) {
			r.serve(w, request)
			return
		}
		a.audit(request, "refused", slog.String("method", r.method), slog.String("path", r.path), slog.String("scope", scope))
		w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer realm=%q, error=\"insufficient_scope\", scope=%q", realm, scope))
		problem{Status: http.StatusForbidden, Detail: "the token does not have the scope " + scope, Reason: auth.ReasonNotAuthorized}.write(w)
	}
}

// withHeaders sets the headers of every response.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
