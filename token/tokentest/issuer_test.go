package tokentest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/leaktest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// get requests an address and returns the response with its body.
func get(t *testing.T, client *http.Client, address, etag string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// keySet returns the JWKs that the issuer publishes now.
func keySet(t *testing.T, issuer *tokentest.Issuer) []map[string]any {
	t.Helper()
	_, body := get(t, issuer.Client(), issuer.JWKSURL(), "")
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(body), &set); err != nil || set.Keys == nil {
		t.Fatalf("%v: %s", err, body)
	}
	return set.Keys
}

func keyIDs(t *testing.T, issuer *tokentest.Issuer) []string {
	t.Helper()
	var ids []string
	for _, key := range keySet(t, issuer) {
		id, _ := key["kid"].(string)
		ids = append(ids, id)
	}
	return ids
}

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
			if err != nil || good.Subject != "ada" || good.Algorithm != alg || good.KeyID != issuer.Key().Key().ID() {
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

func TestFaults(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{})
	ask := func(address string) (*http.Response, string) {
		t.Helper()
		return get(t, issuer.Client(), address, "")
	}
	_, set := ask(issuer.JWKSURL())
	_, document := ask(issuer.OpenIDURL())

	issuer.Misbehave(tokentest.Fault{Status: 503, Only: issuer.JWKSURL()})
	if response, _ := ask(issuer.JWKSURL()); response.StatusCode != 503 {
		t.Errorf("down: %d", response.StatusCode)
	}
	if response, _ := ask(issuer.OpenIDURL()); response.StatusCode != 200 {
		t.Errorf("only the set is down: %d", response.StatusCode)
	}
	issuer.Misbehave(tokentest.Fault{Drop: true})
	before := issuer.Requests("")
	if _, err := issuer.Client().Get(issuer.JWKSURL()); err == nil {
		t.Error("dropped: an answer")
	}
	if got := issuer.Requests("").Asked - before.Asked; got != 1 {
		t.Errorf("dropped: asked %d times", got)
	}
	issuer.Misbehave(tokentest.Fault{Body: "<html>"})
	if _, body := ask(issuer.JWKSURL()); body != "<html>" {
		t.Errorf("garbage: %q", body)
	}
	issuer.Misbehave(tokentest.Fault{Size: 1 << 20})
	if _, body := ask(issuer.JWKSURL()); len(body) != 1<<20+len(set) || !json.Valid([]byte(body)) {
		t.Errorf("huge: %d bytes", len(body))
	}
	issuer.Misbehave(tokentest.Fault{Issuer: "https://evil.example", JWKSURL: "https://evil.example/keys"})
	if _, body := ask(issuer.OpenIDURL()); !strings.Contains(body, `"issuer":"https://evil.example"`) || !strings.Contains(body, `"jwks_uri":"https://evil.example/keys"`) {
		t.Errorf("a lie: %s", body)
	}
	elsewhere := "https://evil.example/jwks.json"
	issuer.Misbehave(tokentest.Fault{Redirect: elsewhere})
	if _, body := ask(issuer.JWKSURL()); body != set {
		t.Errorf("redirected: %s", body)
	}
	if got := issuer.Requests(elsewhere).Asked; got != 1 {
		t.Errorf("redirected: asked there %d times", got)
	}
	issuer.Misbehave(tokentest.Fault{})
	if _, body := ask(issuer.OpenIDURL()); body != document {
		t.Errorf("well again: %s", body)
	}
}

// A slow or hanging Issuer uses the clock of the bubble, and leaves nothing that would keep
// the bubble from ending.
func TestSlowIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := tokentest.NewIssuer(t, tokentest.Options{})
		start := time.Now()
		issuer.Misbehave(tokentest.Fault{Delay: time.Hour})
		if response, _ := get(t, issuer.Client(), issuer.JWKSURL(), ""); response.StatusCode != 200 || time.Since(start) != time.Hour {
			t.Errorf("after %v: %d", time.Since(start), response.StatusCode)
		}
		for _, fault := range []tokentest.Fault{{Delay: time.Hour}, {Hang: true}} {
			issuer.Misbehave(fault)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer.JWKSURL(), nil)
			if err != nil {
				t.Fatal(err)
			}
			start = time.Now()
			_, err = issuer.Client().Do(request)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
				t.Errorf("%+v: %v after %v", fault, err, time.Since(start))
			}
			cancel()
		}
		u, err := token.ParseUnverified(issuer.Sign(nil), 0)
		var issued int64
		if err != nil || u.Claim("iat", &issued) != nil || issued != time.Now().Unix() {
			t.Errorf("signed at %d, %v", issued, err)
		}
	})
}

// Each odd key is in the set, before the others, and signs. The errors of package token
// show that each key is what its name says.
func TestOddKeys(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{})
	all := []tokentest.OddKey{tokentest.SharedSecret, tokentest.PrivateKey, tokentest.EncryptionKey, tokentest.UnknownType,
		tokentest.NoAlgorithm, tokentest.NoID, tokentest.SameID, tokentest.ForeignCertificate}
	issuer.Misbehave(tokentest.Fault{Keys: all})
	issuer.Rotate()
	keys := keySet(t, issuer)
	if len(keys) != len(all)+2 {
		t.Fatalf("%d keys", len(keys))
	}
	for n, kind := range all {
		text, err := json.Marshal(keys[n])
		if err != nil {
			t.Fatal(err)
		}
		_, refused := map[tokentest.OddKey]bool{tokentest.PrivateKey: true, tokentest.EncryptionKey: true, tokentest.UnknownType: true, tokentest.ForeignCertificate: true}[kind]
		key := token.JWK(text)
		if (key.Err() != nil) != refused {
			t.Errorf("%s: %v", kind, key.Err())
		}
		wantID := map[tokentest.OddKey]string{tokentest.NoID: "", tokentest.SameID: "key-2"}
		if want, special := wantID[kind]; key.Err() == nil && (special && key.ID() != want || !special && key.ID() != "odd-"+string(kind)) {
			t.Errorf("%s: ID %q", kind, key.ID())
		}
		compact := issuer.SignBy(kind, map[string]any{"aud": "chat"})
		for what, k := range map[string]token.Key{"the key itself": key, "the key that signs": issuer.Key().Key()} {
			verifier, err := token.NewVerifier(token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return k, nil }),
				token.Options{Issuers: []string{issuer.URL()}, Audiences: []string{"chat"}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = verifier.Verify(t.Context(), compact)
			if (err == nil) != (what == "the key itself" && !refused) {
				t.Errorf("%s, verified with %s: %v", kind, what, err)
			}
		}
	}
	if keys[4]["alg"] != nil || keys[1]["d"] == nil {
		t.Errorf("without alg: %v; private: %v", keys[4], keys[1])
	}
	certificates, _ := keys[7]["x5c"].([]any)
	if len(certificates) != 1 {
		t.Fatalf("no certificate: %v", keys[7])
	}
	text, _ := certificates[0].(string)
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.DER(der), token.Options{Issuers: []string{issuer.URL()}, Audiences: []string{"chat"}})
	if err != nil {
		t.Fatalf("the certificate holds no key: %v", err)
	}
	if _, err := verifier.Verify(t.Context(), issuer.SignBy(tokentest.ForeignCertificate, map[string]any{"aud": "chat"})); !errors.Is(err, token.ErrSignature) {
		t.Errorf("the certificate is not for another key: %v", err)
	}
	if u, err := token.ParseUnverified(issuer.SignBy(tokentest.NoID, nil), 0); err != nil || u.Header.KeyID != "" {
		t.Errorf("the key without an ID signs with one: %v, %v", u, err)
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

// Mounted in a server that does not close its connections, the Issuer stops answering when
// the client stops waiting, and when the test ends.
func TestHangingEnds(t *testing.T) {
	hang := func(t *testing.T, ctx context.Context) (ended chan any) {
		issuer := tokentest.NewIssuer(t, tokentest.Options{})
		issuer.Misbehave(tokentest.Fault{Hang: true})
		ended = make(chan any, 1)
		go func() {
			defer func() { ended <- recover() }()
			issuer.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, issuer.JWKSURL(), nil))
		}()
		return ended
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := hang(t, ctx)
		synctest.Wait()
		if len(ended) != 0 {
			t.Error("it does not hang")
		}
		cancel()
		synctest.Wait()
		if len(ended) != 1 {
			t.Error("it hangs when nobody waits any more")
		}
	})
	// Cleanups of a bubble run in it. A request that still hangs would fail it.
	synctest.Test(t, func(t *testing.T) { hang(t, context.Background()) })
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

// failed is a testing.TB that records whether it failed.
type failed struct {
	testing.TB
	yes bool
}

func (f *failed) Error(...any)          { f.yes = true }
func (f *failed) Errorf(string, ...any) { f.yes = true }
func (f *failed) Fatal(...any)          { f.yes = true; panic(f) }
func (f *failed) Fatalf(string, ...any) { f.yes = true; panic(f) }
func (f *failed) FailNow()              { f.yes = true; panic(f) }

// Wrong use fails the calling test.
func TestWrongUseFailsTheTest(t *testing.T) {
	for name, use := range map[string]func(testing.TB){
		"secret":      func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{Algorithm: token.HS256}) },
		"URL":         func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{URL: "localhost"}) },
		"query":       func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{URL: "http://localhost?a"}) },
		"both":        func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{URL: "http://localhost", Listen: true}) },
		"unknown key": func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{}).Retire("key-2") },
		"contradiction": func(t testing.TB) {
			tokentest.NewIssuer(t, tokentest.Options{}).Misbehave(tokentest.Fault{Drop: true, Hang: true})
		},
		"status": func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{}).Misbehave(tokentest.Fault{Status: 99}) },
		"a path for an address": func(t testing.TB) {
			tokentest.NewIssuer(t, tokentest.Options{}).Misbehave(tokentest.Fault{Status: 500, Only: "/jwks.json"})
		},
		"requests for a path": func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{}).Requests("/jwks.json") },
		"negative":            func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{}).Misbehave(tokentest.Fault{Size: -1}) },
		"odd key": func(t testing.TB) {
			tokentest.NewIssuer(t, tokentest.Options{}).Misbehave(tokentest.Fault{Keys: []tokentest.OddKey{"x"}})
		},
		"claims": func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{}).Sign(map[string]any{"x": func() {}}) },
	} {
		t.Run(name, func(t *testing.T) {
			f := &failed{TB: t}
			defer func() {
				if r := recover(); r != nil && r != any(f) {
					panic(r)
				}
				if !f.yes {
					t.Error("nothing happened")
				}
			}()
			use(f)
		})
	}
}

// Printing an Issuer shows neither its keys nor its other fields.
func TestIssuerPrintsItsURL(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{})
	if got := fmt.Sprintf("%v %+v %#v", issuer, issuer, issuer); strings.Contains(got, "{") {
		t.Errorf("the issuer prints %s", got)
	}
}
