package admin

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"socketiojwt/auth"
	"socketiojwt/internal/logging"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// Options configure the API. The zero value is ready to use.
type Options struct {
	// Scope is the scope that an operator's token must have in its claim scope (RFC 9068,
	// section 2.2.3) or scp. Empty means "socketio:admin".
	Scope string
	// Logger receives a line at level Info for each request that changes something, with the
	// operator's subject and the hash of the operator's token, and refusals as the Logger of
	// auth.Options does. Nil means that warnings and errors go to slog.Default().
	Logger *slog.Logger
}

// api is the API of one gate.
type api struct {
	gate *auth.Gate
	log  *slog.Logger
}

// New returns the handler of the API for the sockets of gate. Operators show tokens that
// verifier accepts, in the Authorization header. New fails if gate is nil, if verifier is
// invalid, or if the scope contains a space.
func New(gate *auth.Gate, verifier auth.Verifier, opts Options) (http.Handler, error) {
	scope := cmp.Or(opts.Scope, "socketio:admin")
	switch {
	case gate == nil:
		return nil, errors.New("admin: the gate is nil")
	case strings.ContainsAny(scope, " \t\n"):
		return nil, errors.New("admin: Options.Scope contains a space; set one scope")
	}
	logger := logging.OrDefault(opts.Logger)
	operators, err := auth.NewGate(verifier, auth.Options{
		Sources:   []auth.Source{auth.FromHeader()},
		Authorize: auth.Check(hasScope(scope)),
		Realm:     "socketio-jwt admin",
		Logger:    logger,
	})
	if err != nil {
		return nil, err
	}
	a := &api{gate: gate, log: logger}
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
		{http.MethodGet, "/stats", a.stats},
	}
}

// errScope is the cause of a refusal. The peer gets reason not_authorized.
var errScope = errors.New("admin: the token does not have the scope of an operator")

// hasScope returns a function that accepts tokens with a scope.
func hasScope(scope string) func(context.Context, *token.Token, *socketio.Handshake) error {
	return func(_ context.Context, t *token.Token, _ *socketio.Handshake) error {
		var claims struct {
			Scope string   `json:"scope"`
			SCP   []string `json:"scp"`
		}
		if err := t.Claims(&claims); err != nil {
			return err
		}
		if slices.Contains(strings.Split(claims.Scope, " "), scope) || slices.Contains(claims.SCP, scope) {
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
