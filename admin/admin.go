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
	// Logger receives a line at level Info for each request that changes something, with the
	// operator's subject and the hash of the operator's token, and refusals as the Logger of
	// auth.Options does. Nil means that warnings and errors go to slog.Default().
	Logger *slog.Logger
	// Nodes returns the nodes of the cluster, for GET /nodes. It may be called concurrently, and
	// must not wait for the network. Self.ID is always the same. Nil means that this server is the
	// only one.
	Nodes func() Nodes
	// Server is the server whose bus connects the nodes. If it is set, and Nodes too, the API
	// lists, counts, shows and disconnects the sockets of all nodes, and IDs of leases begin with
	// the ID of their node. New must then be called before Server.Handler, on all nodes, and only
	// once. Nil means the sockets of this node only.
	Server *socketio.Server

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
	scope := cmp.Or(opts.Scope, "socketio:admin")
	if strings.ContainsAny(scope, " \t\n") {
		return nil, errors.New("admin: Options.Scope contains a space; set one scope")
	}
	logger := logging.OrDefault(opts.Logger)
	operators, err := auth.NewGate(verifier, auth.Options{
		Sources:   []auth.Source{auth.FromHeader()},
		Authorize: auth.Check(hasScope(scope)),
		Realm:     "socketio-jwt admin",
		Logger:    logger,
		Denylist:  opts.Denylist, LongestToken: opts.LongestToken,
	})
	if err != nil {
		return nil, err
	}
	a := &api{gates: maps.Clone(gates), names: slices.Sorted(maps.Keys(gates)), log: logger, nodes: opts.Nodes, operators: operators}
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
		mux.Handle(r.method+" "+r.path, refusalsAsProblems(operators.HTTP, r.serve))
	}
	mux.HandleFunc("GET /openapi.json", serveDocument)
	return withHeaders(problemsOf(mux)), nil
}

// A route is an operation of the API. Each is also in openapi.json.
type route struct {
	method, path string
	serve        http.HandlerFunc
}

func (a *api) routes() []route {
	return []route{
		{http.MethodGet, "/leases", a.list},
		{http.MethodGet, "/leases/count", a.count},
		{http.MethodGet, "/leases/{id}", a.show},
		{http.MethodPost, "/leases/{id}/disconnect", a.disconnect},
		{http.MethodPost, "/leases/{id}/refresh", a.askRefresh},
		{http.MethodGet, "/revocations", a.listRevocations},
		{http.MethodPost, "/revocations", a.revoke},
		{http.MethodPost, "/blocks", a.block},
		{http.MethodPost, "/blocks/remove", a.unblock},
		{http.MethodGet, "/stats", a.stats},
		{http.MethodGet, "/nodes", a.showNodes},
	}
}

// errScope is the cause of a refusal. The peer gets reason not_authorized.
var errScope = errors.New("admin: the token does not have the scope of an operator")

// hasScope returns a function that accepts tokens with a scope.
func hasScope(scope string) func(context.Context, *token.Token, *socketio.Handshake) error {
	return func(_ context.Context, t *token.Token, _ *socketio.Handshake) error {
		if slices.Contains(auth.ScopesOf(t), scope) {
			return nil
		}
		return &auth.Error{Message: "the token does not have the scope " + scope, Err: errScope}
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
