package tokentest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest"
)

// The published keys verify the signed tokens, for each kind of key, and have only the
// members that a verifier needs.
func TestIssuerPublishesItsKeys(t *testing.T) {
	for _, alg := range []token.Algorithm{token.ES256, token.ES384, token.ES512, token.RS256, token.PS512, token.EdDSA} {
		t.Run(string(alg), func(t *testing.T) {
			issuer := tokentest.NewIssuer(t, tokentest.Options{Algorithm: alg})
			keys := keySet(t, issuer)
			if len(keys) != 1 || keys[0]["use"] != "sig" || keys[0]["alg"] != string(alg) || keys[0]["d"] != nil {
				t.Fatalf("published: %v", keys)
			}
			text, err := json.Marshal(keys[0])
			if err != nil {
				t.Fatal(err)
			}
			verifier, err := token.NewVerifier(token.NewKeySet(token.JWK(text)), token.Options{Issuers: []string{issuer.URL()}, Audiences: []string{"chat"}})
			if err != nil {
				t.Fatal(err)
			}
			good, err := verifier.Verify(t.Context(), issuer.Sign(map[string]any{"sub": "ada", "aud": "chat"}))
			if err != nil || good.Subject != "ada" || good.Header().Algorithm != alg || good.Header().KeyID != issuer.Key().Key().ID() {
				t.Errorf("got %v, %v", good, err)
			}
		})
	}
}

func TestSignFillsIn(t *testing.T) {
	now := time.Unix(2_000_000_000, 0)
	issuer := tokentest.NewIssuer(t, tokentest.Options{Now: func() time.Time { return now }})
	for _, test := range []struct {
		claims map[string]any
		want   string
	}{
		{nil, `{"exp":2000003600,"iat":2000000000,"iss":"http://localhost"}`},
		{map[string]any{"iss": nil, "iat": nil, "exp": nil, "x": nil}, `{"x":null}`},
		{map[string]any{"iss": "other", "iat": 1, "exp": "soon"}, `{"exp":"soon","iat":1,"iss":"other"}`},
	} {
		u, err := token.ParseUnverified(issuer.SignWith(mint.Header{Type: "at+jwt"}, test.claims), 0)
		if err != nil || string(u.RawClaims()) != test.want || u.Header.Type != "at+jwt" {
			t.Errorf("got %s, %v, %v; want %s", u.RawClaims(), u.Header, err, test.want)
		}
	}
}

func TestRotation(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{})
	first := issuer.Key()
	check := func(what string, want ...string) {
		t.Helper()
		if got := keyIDs(t, issuer); !slices.Equal(got, want) {
			t.Errorf("%s: published are %v, want %v", what, got, want)
		}
	}
	check("at first", "key-1")
	second := issuer.Rotate()
	check("rotated", "key-1", second)
	if u, err := token.ParseUnverified(issuer.Sign(nil), 0); err != nil || u.Header.KeyID != second || issuer.Key().Key().ID() != second {
		t.Errorf("the new key does not sign: %v, %v", u, err)
	}
	issuer.Retire(second)
	check("not published yet", "key-1")
	if issuer.Key().Key().ID() != second {
		t.Error("a key that is not published signs no longer")
	}
	issuer.Publish(second)
	issuer.Retire(first.Key().ID())
	check("the first retired", second)
	issuer.Retire(second)
	check("none") // an empty list, not null
}

func TestDocuments(t *testing.T) {
	for _, test := range []struct{ identifier, openID, metadata string }{
		{"", "http://localhost/.well-known/openid-configuration", "http://localhost/.well-known/oauth-authorization-server"},
		{"https://login.example/red", "https://login.example/red/.well-known/openid-configuration",
			"https://login.example/.well-known/oauth-authorization-server/red"},
		{"https://login.example/", "https://login.example/.well-known/openid-configuration",
			"https://login.example/.well-known/oauth-authorization-server"},
	} {
		issuer := tokentest.NewIssuer(t, tokentest.Options{URL: test.identifier})
		if issuer.OpenIDURL() != test.openID || issuer.MetadataURL() != test.metadata {
			t.Errorf("%q: %s, %s", test.identifier, issuer.OpenIDURL(), issuer.MetadataURL())
		}
		for _, address := range []string{test.openID, test.metadata} {
			response, body := get(t, issuer.Client(), address, "")
			var document struct {
				Issuer  string
				JWKSURL string `json:"jwks_uri"`
			}
			if err := json.Unmarshal([]byte(body), &document); err != nil {
				t.Fatalf("%s: %v: %s", address, err, body)
			}
			if document.Issuer != issuer.URL() || document.JWKSURL != issuer.JWKSURL() || response.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %s", address, body)
			}
			if test.identifier != "" && document.Issuer != test.identifier {
				t.Errorf("%s: the issuer became %s", address, document.Issuer)
			}
		}
		if response, _ := get(t, issuer.Client(), test.openID+"x", ""); response.StatusCode != 404 {
			t.Errorf("what is not there: %d", response.StatusCode)
		}
	}
}

func TestCaching(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{CacheControl: "max-age=60"})
	response, _ := get(t, issuer.Client(), issuer.JWKSURL(), "")
	etag := response.Header.Get("ETag")
	if etag == "" || response.Header.Get("Cache-Control") != "max-age=60" {
		t.Errorf("headers: %v", response.Header)
	}
	issuer.SetCacheControl("no-store")
	response, body := get(t, issuer.Client(), issuer.JWKSURL(), etag)
	if response.StatusCode != 304 || body != "" || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("asked again: %d, %q, %v", response.StatusCode, body, response.Header)
	}
	issuer.Rotate()
	if response, body = get(t, issuer.Client(), issuer.JWKSURL(), etag); response.StatusCode != 200 || body == "" || response.Header.Get("ETag") == etag {
		t.Errorf("after a rotation: %d, %q", response.StatusCode, body)
	}
	get(t, issuer.Client(), issuer.OpenIDURL(), "")
	if got := issuer.Requests(issuer.JWKSURL()); got != (tokentest.Count{Asked: 3, NotModified: 1}) {
		t.Errorf("the set: %+v", got)
	}
	if got := issuer.Requests(""); got != (tokentest.Count{Asked: 4, NotModified: 1}) {
		t.Errorf("all: %+v", got)
	}
}

// The Issuer is reached by TCP, and mounted in another server.
func TestIssuerOnANetwork(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	var client http.Client
	defer client.CloseIdleConnections()
	if response, _ := get(t, &client, issuer.JWKSURL(), ""); response.StatusCode != 200 || !strings.HasPrefix(issuer.URL(), "http://127.0.0.1:") {
		t.Errorf("%s: %d", issuer.URL(), response.StatusCode)
	}
	mounted := tokentest.NewIssuer(t, tokentest.Options{URL: "http://localhost/login"})
	server := httptest.NewServer(mounted)
	defer server.Close()
	if response, _ := get(t, server.Client(), server.URL+"/login/jwks.json", ""); response.StatusCode != 200 {
		t.Errorf("mounted: %d", response.StatusCode)
	}
}

// When the test is over, all work of the Issuer has ended.
func TestNothingIsLeftOfAnIssuer(t *testing.T) {
	t.Run("asked by many", func(t *testing.T) {
		var asking sync.WaitGroup
		t.Cleanup(func() { // after the Issuer's
			stacks := make([]byte, 1<<20)
			if stacks = stacks[:runtime.Stack(stacks, true)]; bytes.Contains(stacks, []byte("tokentest.(*Issuer).wait(")) {
				t.Error("it is still answering")
			}
			asking.Wait()
		})
		issuer := tokentest.NewIssuer(t, tokentest.Options{})
		issuer.Misbehave(tokentest.Fault{Hang: true})
		for range 100 {
			asking.Go(func() {
				if _, err := issuer.Client().Get(issuer.JWKSURL()); err == nil {
					t.Error("an answer")
				}
			})
		}
		for issuer.Requests("").Asked < 100 {
			runtime.Gosched()
		}
	})
}

// Printing an Issuer shows neither its keys nor its other fields.
func TestIssuerPrintsItsURL(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{})
	if got := fmt.Sprintf("%v %+v %#v", issuer, issuer, issuer); strings.Contains(got, "{") {
		t.Errorf("the issuer prints %s", got)
	}
}
