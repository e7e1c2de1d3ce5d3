package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/tokentest"
)

func TestDoctorOfAGoodIssuer(t *testing.T) {
	for _, alg := range []token.Algorithm{token.ES256, token.RS256, token.EdDSA} {
		issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true, Algorithm: alg})
		doctor(t, "", "--issuer", issuer.URL(), "--audience", "chat").says(t,
			"ok key: the issuer publishes", "ok issuer: (OpenID Connect Discovery), in ", `ok issuer: /jwks.json"`,
			`ok issuer: of its 1 key 1 can be used: key 1 (kid "key-1")`, "ok issuer: fetched each hour", "ok issuer: clock and ours agree")
	}
}

// Each issuer is looked at, and what one does wrong does not hide the other.
func TestDoctorOfTwoIssuers(t *testing.T) {
	one, two := tokentest.NewIssuer(t, tokentest.Options{Listen: true}), tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	one.Misbehave(tokentest.Fault{Drop: true})
	o := doctor(t, "", "--issuer", one.URL(), "--issuer", two.URL(), "--audience", "chat")
	o.says(t, "FAIL issuer: "+one.URL()+`" has no metadata`, "ok issuer: "+two.URL()+`" has its metadata`)
}

// However an issuer misbehaves, the doctor says which way, and serve has no keys.
func TestDoctorOfMisbehaviour(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	elsewhere := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	set := issuer.JWKSURL()
	for _, test := range []struct {
		name  string
		fault tokentest.Fault
		says  []string
	}{
		{"no connection", tokentest.Fault{Drop: true}, []string{"FAIL issuer: no answer, EOF"}},
		{"an error", tokentest.Fault{Status: 503}, []string{"FAIL issuer: it answers 503"}},
		{"one metadata", tokentest.Fault{Only: issuer.OpenIDURL(), Status: 404}, []string{"ok issuer: oauth-authorization-server\" (RFC 8414)"}},
		{"metadata without end", tokentest.Fault{Only: issuer.OpenIDURL(), Size: 2 << 20}, []string{"ok issuer: oauth-authorization-server\" (RFC 8414)"}},
		{"a page", tokentest.Fault{Body: "<html>"}, []string{"FAIL issuer: no JSON object"}},
		{"a list", tokentest.Fault{Body: "[]"}, []string{"FAIL issuer: no JSON object"}},
		{"an empty object", tokentest.Fault{Body: "{}"}, []string{"FAIL issuer: names no issuer"}},
		{"a member twice", tokentest.Fault{Body: `{"issuer": "a", "issuer": "b"}`}, []string{"FAIL issuer: no JSON object"}},
		{"another issuer", tokentest.Fault{Issuer: "https://evil.example\x1b[31m"}, []string{`FAIL issuer: another issuer, "https://evil.example\x1b[31m"`}},
		{"another slash", tokentest.Fault{Issuer: issuer.URL() + "/"}, []string{`FAIL issuer: another slash`}},
		{"other capitals", tokentest.Fault{Issuer: strings.Replace(issuer.URL(), "http", "HTTP", 1)}, []string{"FAIL issuer: other capitals"}},
		{"a page at one place", tokentest.Fault{Only: issuer.OpenIDURL(), Body: "<html>"}, []string{"ok issuer: oauth-authorization-server\" (RFC 8414)", "ok issuer: its keys are at"}},
		{"no set named", tokentest.Fault{Body: `{"issuer": "` + issuer.URL() + `"}`}, []string{"FAIL issuer: does not say where its keys are"}},
		{"no set named at one place", tokentest.Fault{Body: `{"issuer": "` + issuer.URL() + `"}`, Only: issuer.OpenIDURL()}, []string{"ok issuer: oauth-authorization-server\" (RFC 8414)", "ok issuer: its keys are at"}},
		{"an unencrypted set", tokentest.Fault{JWKSURL: "http://keys.example/jwks.json"}, []string{"FAIL issuer: not https"}},
		{"a set on another host", tokentest.Fault{JWKSURL: elsewhere.JWKSURL()}, []string{"ok issuer: on another host"}},
		{"a redirect elsewhere", tokentest.Fault{Redirect: elsewhere.OpenIDURL() + "?token=abc"}, []string{`FAIL issuer: sends us on to "` + elsewhere.OpenIDURL() + `"`}},
		{"a redirect within", tokentest.Fault{Only: issuer.OpenIDURL(), Redirect: issuer.MetadataURL()}, []string{"ok issuer: openid-configuration\" (OpenID Connect Discovery)", "ok issuer: its keys are at"}},
		{"a redirect of the set", tokentest.Fault{Only: set, Redirect: elsewhere.JWKSURL()}, []string{"FAIL issuer: its keys are not at"}},
		{"no set", tokentest.Fault{Only: set, Status: 404}, []string{"FAIL issuer: it answers 404"}},
		{"no set, but a page", tokentest.Fault{Only: set, Body: "<html>"}, []string{"FAIL issuer: no JWK Set"}},
		{"a set without end", tokentest.Fault{Only: set, Size: 2 << 20}, []string{"FAIL issuer: it answers with more than 1 MiB", "WARN issuer: no more than 100 in 1 MiB"}},
		{"a large set", tokentest.Fault{Only: set, Size: 600 << 10}, []string{"WARN issuer: no more than 100 in 1 MiB"}},
		{"an empty set", tokentest.Fault{Only: set, Body: `{"keys": []}`}, []string{"FAIL issuer: publishes no keys"}},
		{"a shared secret", tokentest.Fault{Keys: []tokentest.OddKey{tokentest.SharedSecret}}, []string{`FAIL issuer: PUBLISHES a private key or a shared secret: key 1 (kid "odd-secret")`, "ok issuer: of its 2 keys 1"}},
		{"a private key", tokentest.Fault{Keys: []tokentest.OddKey{tokentest.PrivateKey}}, []string{`FAIL issuer: key 1 (kid "odd-private")`, "ok issuer: of its 2 keys 1"}},
		{"a key for encryption", tokentest.Fault{Keys: []tokentest.OddKey{tokentest.EncryptionKey}}, []string{"ok issuer: for encryption"}},
		{"an unknown key", tokentest.Fault{Keys: []tokentest.OddKey{tokentest.UnknownType}}, []string{"WARN issuer: is left out"}},
		{"a foreign certificate", tokentest.Fault{Keys: []tokentest.OddKey{tokentest.ForeignCertificate}}, []string{"WARN issuer: is left out"}},
		{"a key without alg", tokentest.Fault{Keys: []tokentest.OddKey{tokentest.NoAlgorithm}}, []string{"ok issuer: 1 key without alg", "ok issuer: of its 2 keys 2"}},
		{"a key without an ID", tokentest.Fault{Keys: []tokentest.OddKey{tokentest.NoID}}, []string{"WARN issuer: without an ID"}},
		{"two keys of one ID", tokentest.Fault{Keys: []tokentest.OddKey{tokentest.SameID}}, []string{"FAIL issuer: the ID of another key"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			issuer.Misbehave(test.fault)
			doctor(t, "", "--issuer", issuer.URL(), "--audience", "chat").says(t, test.says...)
		})
	}
	if n := elsewhere.Requests(elsewhere.OpenIDURL()).Asked; n != 0 {
		t.Error("it followed a redirect to another origin")
	}
	t.Run("the spelling is told", func(t *testing.T) {
		issuer.Misbehave(tokentest.Fault{Issuer: issuer.URL() + "/"})
		if o := doctor(t, "", "--issuer", issuer.URL(), "--audience", "chat"); !strings.Contains(o.out, fmt.Sprintf("Give --issuer %q, to the letter.", issuer.URL()+"/")) {
			t.Errorf("it is not:\n%s", o.out)
		}
	})
	t.Run("who can mend it", func(t *testing.T) {
		for _, test := range []struct {
			fault  tokentest.Fault
			advice string
		}{
			{tokentest.Fault{Status: 503}, "The issuer is in trouble itself"},
			{tokentest.Fault{Only: set, Status: 503}, "The issuer is in trouble itself"},
			{tokentest.Fault{Only: set, Status: 404}, "Tell the issuer's people"},
			{tokentest.Fault{Status: 404}, "Is --issuer written as"},
		} {
			issuer.Misbehave(test.fault)
			if o := doctor(t, "", "--issuer", issuer.URL(), "--audience", "chat"); !strings.Contains(o.out, "\n      "+test.advice) {
				t.Errorf("%+v: the advice is not %q:\n%s", test.fault, test.advice, o.out)
			}
		}
	})
	t.Run("no answer in time", func(t *testing.T) {
		issuer.Misbehave(tokentest.Fault{Hang: true})
		doctor(t, "", "--timeout", "100ms", "--issuer", issuer.URL(), "--audience", "chat").says(t, "FAIL issuer: no answer, not in time")
	})
	t.Run("nobody there", func(t *testing.T) {
		doctor(t, "", "--issuer", "http://127.0.0.1:1", "--audience", "chat").says(t, "FAIL issuer: connection refused")
	})
	t.Run("the password in an address", func(t *testing.T) {
		o := doctor(t, "", "--issuer", "https://user:"+randomSecret+"@issuer.example", "--audience", "chat")
		o.says(t, `FAIL issuer: "https://issuer.example" cannot be asked`)
	})
	t.Run("without an audience", func(t *testing.T) { // it is asked nevertheless
		issuer.Misbehave(tokentest.Fault{})
		doctor(t, "", "--issuer", issuer.URL()).says(t, "ok issuer: can be used", "FAIL tokens: --audience")
	})
}

// liar is an issuer whose documents a test writes.
type liar struct {
	metadata map[string]any
	keys     []map[string]any
	header   map[string]string // of the key set
	clock    time.Duration     // how far the Date of the key set is ahead; zero sets none
}

func lie(t *testing.T, l liar) (issuer string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	document := map[string]any{"issuer": server.URL, "jwks_uri": server.URL + "/keys"}
	for name, value := range l.metadata {
		document[name] = value
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil // the set alone tells the time
		_ = json.NewEncoder(w).Encode(document)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		if l.clock != 0 { // computed now, since a busy machine takes seconds to come here
			w.Header().Set("Date", time.Now().Add(l.clock).UTC().Format(http.TimeFormat))
		}
		for name, value := range l.header {
			w.Header().Set(name, value)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": l.keys})
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

func TestDoctorOfLies(t *testing.T) {
	good := rsaJWK(t, 2048, "kid", "good", "alg", "RS256", "use", "sig")
	cache := func(value string) map[string]string { return map[string]string{"Cache-Control": value} }
	many := func(n int) (keys []map[string]any) {
		for i := range n {
			key := map[string]any{"kid": fmt.Sprint(i)}
			for _, name := range []string{"kty", "n", "e"} {
				key[name] = good[name]
			}
			keys = append(keys, key)
		}
		return keys
	}
	for _, test := range []struct {
		name string
		liar liar
		args []string
		says []string
	}{
		{"unsafe algorithms", liar{metadata: map[string]any{"id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"}}, keys: []map[string]any{good}}, nil, []string{"WARN issuer: none, HS256"}},
		{"algorithms of a wrong type", liar{metadata: map[string]any{"id_token_signing_alg_values_supported": "none"}, keys: []map[string]any{good}}, nil, nil},
		{"a small key", liar{keys: []map[string]any{good, rsaJWK(t, 1024, "kid", "small")}}, nil, []string{`WARN issuer: key 2 (kid "small") is left out: an RSA key has 2048`}},
		{"small keys alone", liar{keys: []map[string]any{rsaJWK(t, 1024, "kid", "small")}}, nil, []string{"FAIL issuer: of its 1 key none", "WARN issuer: is left out"}},
		{"encryption by alg", liar{keys: []map[string]any{good, rsaJWK(t, 2048, "kid", "e", "alg", "RSA-OAEP")}}, nil, []string{"ok issuer: for encryption"}},
		{"for another algorithm", liar{keys: []map[string]any{good, rsaJWK(t, 2048, "kid", "p", "alg", "PS256")}}, []string{"--alg", "PS256"}, []string{`ok issuer: "RS256", and left out because of --alg`}},
		{"one ID, other algorithms", liar{keys: []map[string]any{good, rsaJWK(t, 2048, "kid", "good", "alg", "PS256")}}, nil, []string{"ok issuer: of its 2 keys 2"}},
		{"one ID, any algorithm", liar{keys: []map[string]any{good, rsaJWK(t, 2048, "kid", "good")}}, nil, []string{"FAIL issuer: the ID of another key"}},
		{"a private part by another name", liar{keys: []map[string]any{good, rsaJWK(t, 2048, "kid", "p", "p", randomSecret)}}, nil, []string{`FAIL issuer: PUBLISHES`}},
		{"no keys, but text", liar{keys: []map[string]any{good, {"kty": 5, "kid": []string{"a"}}}}, nil, []string{"WARN issuer: key 2 is left out"}},
		{"many keys", liar{keys: many(51)}, nil, []string{"WARN issuer: no more than 100"}},
		{"too many keys", liar{keys: many(101)}, nil, []string{"WARN issuer: no more than 100", "FAIL issuer: publishes 101 keys"}},

		{"our clock is right", liar{keys: []map[string]any{good}, clock: 0}, nil, []string{"ok issuer: clock and ours agree"}},
		{"our clock is behind", liar{keys: []map[string]any{good}, clock: time.Hour}, nil, []string{"FAIL issuer: 60 minutes behind"}},
		{"our clock is ahead", liar{keys: []map[string]any{good}, clock: -time.Hour}, nil, []string{"FAIL issuer: 60 minutes ahead"}},
		{"our clock is somewhat behind", liar{keys: []map[string]any{good}, clock: 8 * time.Second}, nil, []string{"WARN issuer: behind"}},
		{"with much leeway", liar{keys: []map[string]any{good}, clock: 8 * time.Second}, []string{"--leeway", "1m"}, []string{"ok issuer: agree"}},
		{"an old answer", liar{keys: []map[string]any{good}, clock: -time.Hour, header: map[string]string{"Age": "3600"}}, nil, []string{"ok issuer: agree"}},

		{"no caching", liar{keys: []map[string]any{good}, header: cache("private, No-Store")}, nil, []string{"ok issuer: once a minute"}},
		{"short caching", liar{keys: []map[string]any{good}, header: cache("max-age=15, stale-if-error=9")}, nil, []string{"ok issuer: good for 15 s"}},
		{"caching for hours", liar{keys: []map[string]any{good}, header: cache(`public,max-age="7200"`)}, nil, []string{"ok issuer: good for 2 hours, and"}},
		{"caching for days", liar{keys: []map[string]any{good}, header: cache("max-age=864000")}, nil, []string{"ok issuer: good for 10 days, it says"}},
		{"caching without sense", liar{keys: []map[string]any{good}, header: cache("max-age=soon")}, nil, []string{"ok issuer: does not say how long"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"--issuer", lie(t, test.liar), "--audience", "chat"}, test.args...)
			doctor(t, "", args...).says(t, test.says...)
		})
	}
}

// One document may be both metadata and set, and a set may be at an address that looks
// like that of metadata.
func TestDoctorOfASetAmongMetadata(t *testing.T) {
	key := rsaJWK(t, 2048, "kid", "good", "alg", "RS256")
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/jwks", "/a b/.well-known/openid-configuration?a=%7e"} {
		server := httptest.NewUnstartedServer(nil)
		server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"issuer": server.URL, "jwks_uri": server.URL + path, "keys": []any{key}})
		})
		server.Start()
		t.Cleanup(server.Close)
		doctor(t, "", "--issuer", server.URL, "--audience", "chat").says(t, "ok issuer: its keys are at", `ok issuer: of its 1 key 1 can be used`)
	}
}

// What another issuer's metadata says, or what is no metadata, leads nowhere, although it
// names the place that is asked next.
func TestDoctorOfMetadataThatLeadsAstray(t *testing.T) {
	const second = "/.well-known/oauth-authorization-server"
	key := rsaJWK(t, 2048, "kid", "good", "alg", "RS256")
	for name, first := range map[string]string{
		"another's": `{"issuer": "https://evil.example", "jwks_uri": "%[1]s` + second + `"}`,
		"no object": `{"issuer": "%[1]s", "jwks_uri": "%[1]s` + second + `", "issuer": "%[1]s"}`,
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, first, server.URL) })
			mux.HandleFunc(second, func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]any{"issuer": server.URL, "jwks_uri": server.URL + "/keys"})
			})
			mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{key}})
			})
			doctor(t, "", "--issuer", server.URL, "--audience", "chat").says(t, "ok issuer: (RFC 8414)", "ok issuer: /keys", `ok issuer: of its 1 key 1 can be used`)
		})
	}
}

// An issuer decides what it publishes, but not how much of it is told.
func TestDoctorIsShort(t *testing.T) {
	encrypts := make([]map[string]any, 10_000)
	for i := range encrypts {
		encrypts[i] = map[string]any{"use": "enc"}
	}
	o := doctor(t, "", "--issuer", lie(t, liar{keys: encrypts}), "--audience", "chat")
	o.says(t, "FAIL issuer: publishes 10000 keys", "WARN issuer: no more than 100")
	if lines := strings.Count(o.out, "\n"); lines > 50 {
		t.Errorf("%d lines", lines)
	}
	hundred := func(key map[string]any) (keys []map[string]any) {
		for range 100 {
			keys = append(keys, key)
		}
		return keys
	}
	for _, test := range []struct {
		key  map[string]any
		says []string
		args []string
	}{
		{rsaJWK(t, 2048, "kid", "same"), []string{"FAIL issuer: the ID of another key"}, nil},
		{map[string]any{"use": "enc"}, []string{"FAIL issuer: none can be used"}, nil},
		{map[string]any{"kty": "RSA", "alg": "RS256"}, []string{"FAIL issuer: none can be used"}, []string{"--alg", "ES256"}},
		{map[string]any{"kty": "AKP"}, slices.Concat([]string{"FAIL issuer: none can be used"}, slices.Repeat([]string{"WARN issuer: is left out"}, 5)), nil},
	} {
		args := append([]string{"--issuer", lie(t, liar{keys: hundred(test.key)}), "--audience", "chat"}, test.args...)
		o := doctor(t, "", args...)
		o.says(t, append(test.says, "WARN issuer: no more than 100")...)
		if lines := strings.Count(o.out, "\n"); lines > 50 {
			t.Errorf("%d lines:\n%s", lines, o.out)
		}
	}
}

// tlsIssuer serves by TLS, with a certificate that ends after life.
func tlsIssuer(t *testing.T, life time.Duration) *httptest.Server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS13}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": server.URL, "jwks_uri": server.URL + "/keys"})
	})
	signing := rsaJWK(t, 2048, "kid", "good", "alg", "RS256")
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{signing}})
	})
	return server
}

// about returns the level of the finding about an issuer that begins so, empty if there
// is none.
func about(a *asked, begins string) level {
	for _, f := range issuersAreWell(&examination{issuers: []*asked{a}}) {
		if strings.HasPrefix(f.text, begins) {
			return f.level
		}
	}
	return ""
}

func TestDoctorLooksAtCertificates(t *testing.T) {
	for life, warned := range map[time.Duration]bool{13 * 24 * time.Hour: true, 15 * 24 * time.Hour: false} {
		server := tlsIssuer(t, life)
		certificate, err := x509.ParseCertificate(server.TLS.Certificates[0].Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AddCert(certificate)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}
		a := ask(t.Context(), server.URL, &configuration{}, 5*time.Second, transport)
		transport.CloseIdleConnections()
		if a.err != nil {
			t.Fatal(a.err)
		}
		if found := about(a, "the certificate of "); found == levelWarn != warned {
			t.Errorf("a certificate for %v: %q", life, found)
		}
	}
	doctor(t, "", "--issuer", tlsIssuer(t, time.Hour).URL, "--audience", "chat").says(t, "FAIL issuer: certificate signed by unknown authority")
}

func TestAnswersAreFast(t *testing.T) {
	for took, want := range map[time.Duration]level{time.Second: "", 2 * time.Second: levelWarn, 3 * time.Second: levelFail} {
		sent := time.Now()
		slow := &reply{asked: new(url.URL), sent: sent, received: sent.Add(took)}
		a := &asked{replies: []*reply{slow, slow}, metadata: &metadata{reply: slow}}
		if got := about(a, "finding the keys took "); got != want {
			t.Errorf("twice %v: %q, want %q", took, got, want)
		}
	}
}

// The clock here is at least so far ahead of one that showed a date in between.
func TestAhead(t *testing.T) {
	date := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct{ sent, received, want time.Duration }{
		{0, 0, 0}, {900 * time.Millisecond, 950 * time.Millisecond, 0}, {-time.Second, 3 * time.Second, 0},
		{5 * time.Second, 6 * time.Second, 4 * time.Second}, {-6 * time.Second, -5 * time.Second, -5 * time.Second},
	} {
		if got := ahead(date.Add(test.sent), date.Add(test.received), date); got != test.want {
			t.Errorf("sent %v, received %v: %v, want %v", test.sent, test.received, got, test.want)
		}
	}
}
