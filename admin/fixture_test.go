package admin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"socketiojwt/admin"
	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/internal/leaktest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// gateOptions declare the room of a user, which userRoom returns.
var gateOptions = auth.Options{Rooms: []auth.RoomsFrom{auth.RoomOfSubject("user:").PerIssuer()}}

func userRoom(issuer, subject string) string { return auth.RoomName("user:", issuer, subject) }

// fixture is a gate with a server, and the API of its operators.
type fixture struct {
	t    *testing.T
	gate *auth.Gate
	sign func(claims map[string]any) string // a token for the sockets
	srv  *sockettest.Server
	api  http.Handler
	key  mint.SigningKey // of operators
	log  bytes.Buffer

	nodes admin.Nodes
	node  *socketio.Server // of a cluster
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureWith(t, nil)
}

// newFixtureWith returns a fixture with a logger of the API. Nil means one that writes to log.
func newFixtureWith(t *testing.T, logger *slog.Logger) *fixture {
	t.Helper()
	f := &fixture{t: t, nodes: admin.Nodes{Self: admin.Node{ID: "this"}}}
	if logger == nil {
		logger = slog.New(slog.NewTextHandler(&f.log, nil))
	}
	f.gate, f.sign = authtest.NewGate(t, gateOptions)
	empty, _ := authtest.NewGate(t, auth.Options{})
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	srv.Use(f.gate.Handshake)
	if f.key, err = mint.Generate(token.HS256); err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(f.key.Key(), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.api, err = admin.New(map[string]*auth.Gate{"main": f.gate, "empty": empty}, verifier, admin.Options{Logger: logger, Nodes: func() admin.Nodes { return f.nodes }, Server: srv, UserRoom: userRoom})
	if err != nil {
		t.Fatal(err)
	}
	f.srv = sockettest.Serve(t, srv)
	return f
}

// newNode returns the fixture of a node of a cluster.
func newNode(t *testing.T, opts socketio.Options, id socketio.NodeID) *fixture {
	t.Helper()
	f := &fixture{t: t, nodes: admin.Nodes{Self: admin.Node{ID: string(id)}}}
	f.gate, f.sign = authtest.NewGate(t, gateOptions)
	var err error
	if f.node, err = socketio.NewServer(opts); err != nil {
		t.Fatal(err)
	}
	f.node.Use(f.gate.Handshake)
	f.key = sharedKey()
	verifier, err := token.NewVerifier(f.key.Key(), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.api, err = admin.New(map[string]*auth.Gate{"main": f.gate}, verifier, admin.Options{
		Logger: slog.New(slog.NewTextHandler(&f.log, nil)), Nodes: func() admin.Nodes { return f.nodes }, Server: f.node, UserRoom: userRoom,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.srv = sockettest.Serve(t, f.node)
	return f
}

// verifier returns the verifier of the operators' tokens.
func (f *fixture) verifier() *token.Verifier {
	f.t.Helper()
	verifier, err := token.NewVerifier(f.key.Key(), token.Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	return verifier
}

// sharedKey returns the key of the operators of all nodes.
var sharedKey = sync.OnceValue(func() mint.SigningKey {
	key, err := mint.Generate(token.HS256)
	if err != nil {
		panic(err)
	}
	return key
})

// operator returns a token of an operator.
func (f *fixture) operator(claims map[string]any) string {
	f.t.Helper()
	all := map[string]any{"sub": "grace", "exp": 9_999_999_999, "scope": "openid socketio:admin"}
	for name, value := range claims {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	compact, err := mint.Sign(f.key, all, mint.Header{})
	if err != nil {
		f.t.Fatal(err)
	}
	return compact
}

// dial connects a user.
func (f *fixture) dial(claims map[string]any) *sockettest.Peer {
	f.t.Helper()
	return f.dialAs(f.sign(claims))
}

// dialAs connects a peer with a token.
func (f *fixture) dialAs(compact string) *sockettest.Peer {
	f.t.Helper()
	return f.srv.Dial(sockettest.Options{Auth: map[string]any{"token": compact}})
}

// call sends a request of an operator, checks the response against the document, and
// decodes it.
func (f *fixture) call(method, url, body string, want int, into any) {
	f.t.Helper()
	f.callAs(f.operator(nil), method, url, body, want, into)
}

func (f *fixture) callAs(compact, method, url, body string, want int, into any) http.Header {
	f.t.Helper()
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	if compact != "" {
		r.Header.Set("Authorization", "Bearer "+compact)
	}
	w := httptest.NewRecorder()
	f.api.ServeHTTP(w, r)
	response := w.Result()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	if response.StatusCode != want {
		f.t.Fatalf("%s %s: %s: %s, want %d", method, url, response.Status, text, want)
	}
	checkResponse(f.t, r, response, text)
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			f.t.Fatalf("%s %s: %v: %s", method, url, err, text)
		}
	}
	return response.Header
}

type lease struct {
	ID, Node, Gate, Namespace, State, Socket, Subject, Issuer, TokenID, SessionID, TokenHash string
}

type page struct {
	Leases  []lease
	Next    string
	Missing []string
}
