package admin_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"socketiojwt/admin"
	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// Only a token of the operators' verifier with the scope is accepted.
func TestOperatorsOnly(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		compact string
		status  int
	}{
		"none":                {"", http.StatusUnauthorized},
		"a user's":            {f.sign(map[string]any{"sub": "ada", "scope": "socketio:admin"}), http.StatusUnauthorized},
		"without scope":       {f.operator(map[string]any{"scope": nil}), http.StatusForbidden},
		"other scope":         {f.operator(map[string]any{"scope": "socketio:admins xsocketio:admin"}), http.StatusForbidden},
		"expired":             {f.operator(map[string]any{"exp": 1}), http.StatusUnauthorized},
		"scope":               {f.operator(nil), http.StatusOK},
		"scp":                 {f.operator(map[string]any{"scope": nil, "scp": []string{"a", "socketio:admin"}}), http.StatusOK},
		"scp in a string":     {f.operator(map[string]any{"scope": nil, "scp": "a socketio:admin"}), http.StatusOK},
		"permissions":         {f.operator(map[string]any{"scope": nil, "permissions": []string{"socketio:admin"}}), http.StatusOK},
		"scope in a list":     {f.operator(map[string]any{"scope": []string{"socketio:admin"}}), http.StatusForbidden},
		"scp of mixed types":  {f.operator(map[string]any{"scope": nil, "scp": []any{"socketio:admin", 7}}), http.StatusForbidden},
		"scp of other types":  {f.operator(map[string]any{"scope": nil, "scp": []any{7, []any{"socketio:admin"}}}), http.StatusForbidden},
		"malformed":           {"x", http.StatusUnauthorized},
		"scope in both parts": {f.operator(map[string]any{"scope": "socketio: admin"}), http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			header := f.callAs(c.compact, "GET", "/leases", "", c.status, nil)
			if challenged := header.Get("WWW-Authenticate") != ""; challenged != (c.status != http.StatusOK) {
				t.Errorf("WWW-Authenticate: %q", header.Get("WWW-Authenticate"))
			}
			if header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control: %q", header.Get("Cache-Control"))
			}
		})
	}
}

// Lists are filtered, and read page by page without repeats.
func TestList(t *testing.T) {
	f := newFixture(t)
	for i := range 25 {
		f.dial(map[string]any{"sub": fmt.Sprint("user", i%5), "iss": "i", "jti": fmt.Sprint(i), "sid": "s"})
	}
	for query, want := range map[string]int{
		"": 25, "issuer=i": 25, "issuer=": 0, "issuer=i&subject=user3": 5, "issuer=&subject=user3": 0, "issuer=i&tokenId=7": 1,
		"issuer=i&sessionId=s": 25, "state=running": 25, "gate=main": 25, "gate=empty": 0, "gate=other": 0, "state=held": 0, "namespace=/": 25, "namespace=/x": 0,
		"tokenHash=" + strings.Repeat("0", 64): 0,
	} {
		seen := map[string]bool{}
		var p page
		for after := ""; ; after = p.Next {
			p = page{}
			f.call("GET", "/leases?limit=3&"+query+then("&after=", after), "", http.StatusOK, &p)
			for _, l := range p.Leases {
				if seen[l.ID] {
					t.Fatalf("%s: %s is listed twice", query, l.ID)
				}
				if seen[l.ID] = true; l.Node != "this" {
					t.Errorf("the node is %q", l.Node)
				}
			}
			if p.Next == "" {
				break
			}
		}
		var c struct{ Count int }
		f.call("GET", "/leases/count?"+query, "", http.StatusOK, &c)
		if len(seen) != want || c.Count != want {
			t.Errorf("%q: %d listed, %d counted, want %d", query, len(seen), c.Count, want)
		}
	}
}

// then returns a parameter, or nothing if its value is empty.
func then(name, value string) string {
	if value == "" {
		return ""
	}
	return name + value
}

// A request that cannot be understood is refused, so that a typing error does not select every socket.
func TestBadRequests(t *testing.T) {
	f := newFixture(t)
	for _, url := range []string{
		"/leases?subjet=ada", "/leases?subject=ada", "/leases?issuer=i&subject=", "/leases?issuer=i&subject=a&subject=b", "/leases?limit=0",
		"/leases?limit=1001", "/leases?limit=x", "/leases?state=open", "/leases?tokenHash=12", "/leases?issuer=i&subject=a&tokenId=b", "/leases?%zz",
		"/leases/count?limit=3",
	} {
		var p struct{ Detail string }
		f.call("GET", url, "", http.StatusBadRequest, &p)
		if p.Detail == "" {
			t.Errorf("%s: no detail", url)
		}
	}
	f.call("GET", "/nothing", "", http.StatusNotFound, nil)
	f.call("DELETE", "/leases", "", http.StatusMethodNotAllowed, nil)
	f.call("GET", "/leases/x", "", http.StatusNotFound, nil)
	f.call("POST", "/leases/x/disconnect", "", http.StatusNotFound, nil)
	f.call("POST", "/leases/x/disconnect", `{"temporry":true}`, http.StatusBadRequest, nil)
	f.call("POST", "/leases/x/disconnect", strings.Repeat(" ", 17<<10), http.StatusRequestEntityTooLarge, nil)
}

// One socket is shown, and disconnected with a line in the log.
func TestDisconnect(t *testing.T) {
	f := newFixture(t)
	peer := f.dial(map[string]any{"sub": "ada", "jti": "7"})
	f.dial(map[string]any{"sub": "bob"})
	var p page
	f.call("GET", "/leases?issuer=&subject=ada", "", http.StatusOK, &p)
	if len(p.Leases) != 1 || p.Leases[0].State != "running" || p.Leases[0].TokenID != "7" || len(p.Leases[0].TokenHash) != 64 {
		t.Fatalf("%+v", p)
	}
	var one lease
	f.call("GET", "/leases/"+p.Leases[0].ID, "", http.StatusOK, &one)
	if one != p.Leases[0] {
		t.Errorf("shown %+v, listed %+v", one, p.Leases[0])
	}
	f.call("POST", "/leases/"+one.ID+"/disconnect", "", http.StatusNoContent, nil)
	if err := peer.Ended(t.Context()); !errors.Is(err, sockettest.ErrDisconnected) {
		t.Errorf("ada's socket ended with %v", err)
	}
	f.call("GET", "/leases/"+one.ID, "", http.StatusNotFound, nil)
	var c struct{ Count int }
	f.call("GET", "/leases/count", "", http.StatusOK, &c)
	if c.Count != 1 {
		t.Errorf("%d sockets left, want bob's", c.Count)
	}
	for _, part := range []string{"admin: disconnected", "operator=grace", "subject=ada", "lease=" + one.ID} {
		if !strings.Contains(f.log.String(), part) {
			t.Errorf("the log does not have %q:\n%s", part, &f.log)
		}
	}
}

func TestStats(t *testing.T) {
	f := newFixture(t)
	f.dial(map[string]any{"sub": "ada"})
	var s struct {
		Gates map[string]struct{ Leased, Admissions int }
	}
	f.call("GET", "/stats", "", http.StatusOK, &s)
	if main := s.Gates["main"]; len(s.Gates) != 2 || main.Leased != 1 || main.Admissions != 1 {
		t.Errorf("%+v", s)
	}
}

func TestNewFails(t *testing.T) {
	gate, _ := authtest.NewGate(t, auth.Options{})
	key, err := mint.Generate(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(key.Key(), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		gates    map[string]*auth.Gate
		verifier auth.Verifier
		scope    string
	}{
		"no gates":    {nil, verifier, ""},
		"a nil gate":  {map[string]*auth.Gate{"main": nil}, verifier, ""},
		"a bad name":  {map[string]*auth.Gate{"a.b": gate}, verifier, ""},
		"no verifier": {map[string]*auth.Gate{"main": gate}, nil, ""},
		"two scopes":  {map[string]*auth.Gate{"main": gate}, verifier, "a b"},
	} {
		if _, err := admin.New(c.gates, c.verifier, admin.Options{Scope: c.scope}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
