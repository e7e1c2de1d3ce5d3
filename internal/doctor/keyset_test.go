package doctor

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/tokentest"
)

// server is an issuer that publishes the keys of a test.
type server struct {
	keys  []map[string]any
	age   string        // of the key set
	clock time.Duration // how far the Date of the key set is ahead; zero sets none
}

func (s server) start(t *testing.T) (issuer string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil // only the set has one
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": server.URL, "jwks_uri": server.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		if s.clock != 0 { // computed now, because a busy machine takes seconds to get here
			w.Header().Set("Date", time.Now().Add(s.clock).UTC().Format(http.TimeFormat))
		}
		if s.age != "" {
			w.Header().Set("Age", s.age)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": s.keys})
	})
	return server.URL
}

func rsaJWK(t *testing.T, bits int, more ...string) map[string]any {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	jwk := map[string]any{"kty": "RSA", "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": "AQAB"}
	for i := 0; i < len(more); i += 2 {
		jwk[more[i]] = more[i+1]
	}
	return jwk
}

// changed returns a copy of a key with other members.
func changed(key map[string]any, members ...any) map[string]any {
	key = maps.Clone(key)
	for i := 0; i < len(members); i += 2 {
		key[members[i].(string)] = members[i+1]
	}
	return key
}

func TestOddKeys(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	for kind, want := range map[tokentest.OddKey][]string{
		tokentest.SharedSecret:       {`fail issuer: PUBLISHES a private key or a shared secret: key 1 (kid "odd-secret")`, "ok issuer: 2 keys"},
		tokentest.PrivateKey:         {`fail issuer: key 1 (kid "odd-private")`, "ok issuer: of which 1 can be used"},
		tokentest.EncryptionKey:      {"ok issuer: of which 1 can be used"},
		tokentest.UnknownType:        {"warn issuer: 1 key cannot be used", "ok issuer: of which 1 can be used"},
		tokentest.ForeignCertificate: {"warn issuer: 1 key cannot be used", "ok issuer: of which 1 can be used"},
		tokentest.NoAlgorithm:        {"ok issuer: of which 2 can be used"},
		tokentest.NoID:               {"warn issuer: without an ID"},
		tokentest.SameID:             {"fail issuer: share an ID"},
	} {
		issuer.Misbehave(tokentest.Fault{Keys: []tokentest.OddKey{kind}})
		examine(t, with(issuers(t, issuer.URL()))).want(t, want...)
	}
}

func TestKeySets(t *testing.T) {
	good := rsaJWK(t, 2048, "kid", "good", "alg", "RS256", "use", "sig")
	other := rsaJWK(t, 2048, "kid", "good")
	alg := func(alg token.Algorithm) func(*Config) {
		return func(c *Config) { c.Algorithms = []token.Algorithm{alg} }
	}
	keys := func(keys ...map[string]any) server { return server{keys: keys} }
	for name, test := range map[string]struct {
		server server
		change func(*Config)
		want   []string
	}{
		"a small key":             {keys(good, rsaJWK(t, 1024, "kid", "small")), nil, []string{`warn issuer: 1 key cannot be used: key 2 (kid "small"); the first because: an RSA key must have 2048`}},
		"only small keys":         {keys(rsaJWK(t, 1024, "kid", "small")), nil, []string{"fail issuer: without a usable key", "warn issuer: cannot be used"}},
		"encryption by alg":       {keys(good, changed(other, "alg", "RSA-OAEP")), nil, []string{"ok issuer: of which 1"}},
		"another algorithm":       {keys(good, changed(other, "alg", "PS256")), alg(token.PS256), []string{"ok issuer: of which 1"}},
		"no key for --alg":        {keys(good), alg(token.PS256), []string{"fail issuer: without a usable key"}},
		"one ID, two algorithms":  {keys(good, changed(other, "alg", "PS256")), nil, []string{"ok issuer: of which 2"}},
		"one ID, any algorithm":   {keys(good, other), nil, []string{"fail issuer: share an ID"}},
		"one key twice":           {keys(good, good), nil, []string{"ok issuer: of which 2"}},
		"a private part":          {keys(good, changed(other, "p", randomSecret)), nil, []string{"fail issuer: PUBLISHES"}},
		"only a shared secret":    {keys(map[string]any{"kty": "oct", "k": randomSecret}), nil, []string{"fail issuer: without a usable key", "fail issuer: PUBLISHES"}},
		"members of a wrong type": {keys(good, map[string]any{"kty": 5, "kid": []string{"a"}}), nil, []string{"warn issuer: 1 key cannot be used: key 2;"}},
	} {
		t.Run(name, func(t *testing.T) {
			change := test.change
			if change == nil {
				change = func(*Config) {}
			}
			examine(t, with(change, issuers(t, test.server.start(t)))).want(t, test.want...)
		})
	}
}

func TestClocks(t *testing.T) {
	key := []map[string]any{rsaJWK(t, 2048, "kid", "good", "alg", "RS256")}
	for name, test := range map[string]struct {
		clock  time.Duration
		age    string
		leeway time.Duration
		want   string
	}{
		"right":             {0, "", 10 * time.Second, "ok issuer: clock agrees"},
		"behind":            {time.Hour, "", 10 * time.Second, "fail issuer: 60 minutes behind"},
		"ahead":             {-time.Hour, "", 10 * time.Second, "fail issuer: 60 minutes ahead"},
		"somewhat behind":   {45 * time.Second, "", time.Minute, "warn issuer: behind"},
		"a large leeway":    {20 * time.Second, "", time.Minute, "ok issuer: agrees"},
		"a cached response": {-time.Hour, "3600", 10 * time.Second, "ok issuer: agrees"},
	} {
		t.Run(name, func(t *testing.T) {
			leeway := func(c *Config) { c.Leeway = test.leeway }
			issuer := server{keys: key, clock: test.clock, age: test.age}.start(t)
			examine(t, with(leeway, issuers(t, issuer))).want(t, test.want)
		})
	}
}

// TestReportIsShort checks that an issuer with many keys does not cause a long report.
func TestReportIsShort(t *testing.T) {
	for _, test := range []struct {
		n    int
		key  map[string]any
		want []string
	}{
		{10_000, map[string]any{"use": "enc"}, []string{"fail issuer: 10000 keys, more than 100"}},
		{101, rsaJWK(t, 2048), []string{"fail issuer: 101 keys, more than 100", "warn issuer: 100 keys without an ID"}},
		{100, map[string]any{"use": "enc"}, []string{"fail issuer: without a usable key"}},
		{100, map[string]any{"kty": "AKP"}, []string{"fail issuer: without a usable key", "warn issuer: key 5, 95 more"}},
	} {
		r := examine(t, with(issuers(t, server{keys: slices.Repeat([]map[string]any{test.key}, test.n)}.start(t))))
		r.want(t, test.want...)
		if len(r) > 15 {
			t.Errorf("%d findings:\n%s", len(r), r)
		}
	}
	var keys []map[string]any
	for i := range 100 {
		keys = append(keys, rsaJWK(t, 1024, "kid", fmt.Sprint(i/2)))
	}
	if r := examine(t, with(issuers(t, server{keys: keys}.start(t)))); len(r.String()) > 5000 {
		t.Errorf("%d bytes", len(r.String()))
	}
}
