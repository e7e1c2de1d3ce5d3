package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/tokentest"
)

func TestGoodIssuer(t *testing.T) {
	for _, alg := range []token.Algorithm{token.ES256, token.RS256, token.EdDSA} {
		issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true, Algorithm: alg})
		examine(t, with(issuers(t, issuer.URL()))).want(t, "ok key: the issuer publishes",
			`ok issuer: publishes 1 key at "`+issuer.JWKSURL()+`", of which 1 can be used: key 1 (kid "key-1")`, "ok issuer: clock agrees")
	}
}

// TestTwoIssuers checks that a failure of one issuer does not hide the other.
func TestTwoIssuers(t *testing.T) {
	one, two := tokentest.NewIssuer(t, tokentest.Options{Listen: true}), tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	one.Misbehave(tokentest.Fault{Drop: true})
	examine(t, with(issuers(t, one.URL(), two.URL()))).want(t, `fail issuer: no keys from "`+one.URL(), `ok issuer: "`+two.URL()+`" publishes 1 key`)
}

func TestMisbehavingIssuer(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	elsewhere := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	set, openID := issuer.JWKSURL(), issuer.OpenIDURL()
	const works, fails = "ok issuer: publishes ", "fail issuer: no keys from "
	for _, test := range []struct {
		name   string
		fault  tokentest.Fault
		want   string
		advice string
	}{
		{"no connection", tokentest.Fault{Drop: true}, fails, "can reach it"},
		{"an error", tokentest.Fault{Status: 503}, "fail issuer: status 503", "can reach it"},
		{"no metadata", tokentest.Fault{Status: 404}, "fail issuer: status 404", "spelled as the iss"},
		{"one metadata", tokentest.Fault{Only: openID, Status: 404}, works, ""},
		{"metadata without end", tokentest.Fault{Only: openID, Size: 2 << 20}, works, ""},
		{"a page", tokentest.Fault{Body: "<html>"}, "fail issuer: not a JSON object", ""},
		{"a list", tokentest.Fault{Body: "[]"}, "fail issuer: not a JSON object", ""},
		{"an empty object", tokentest.Fault{Body: "{}"}, `fail issuer: another issuer, ""`, ""},
		{"a duplicate member", tokentest.Fault{Body: `{"issuer": "a", "issuer": "b"}`}, "fail issuer: duplicate member", ""},
		{"another issuer", tokentest.Fault{Issuer: "https://evil.example\x1b[31m"}, `fail issuer: another issuer, "https://evil.example\x1b[31m"`, `give --issuer "https://evil.example\x1b[31m", spelled exactly so`},
		{"another slash", tokentest.Fault{Issuer: issuer.URL() + "/"}, "fail issuer: another issuer", `give --issuer "` + issuer.URL() + `/", spelled exactly so`},
		{"a page at one place", tokentest.Fault{Only: openID, Body: "<html>"}, works, ""},
		{"no set named", tokentest.Fault{Body: `{"issuer": "` + issuer.URL() + `"}`}, "fail issuer: jwks_uri", ""},
		{"no set named at one place", tokentest.Fault{Body: `{"issuer": "` + issuer.URL() + `"}`, Only: openID}, works, ""},
		{"a set by plain http", tokentest.Fault{JWKSURL: "http://keys.example/jwks.json"}, "fail issuer: --insecure-plain-http", ""},
		{"a set on another host", tokentest.Fault{JWKSURL: elsewhere.JWKSURL()}, works, ""},
		{"a redirect elsewhere", tokentest.Fault{Redirect: elsewhere.OpenIDURL() + "?token=abc"}, "fail issuer: redirect to another origin", `here to "` + elsewhere.OpenIDURL() + `?token=xxxxx", are not followed`},
		{"a redirect within", tokentest.Fault{Only: openID, Redirect: issuer.MetadataURL()}, works, ""},
		{"a redirect of the set", tokentest.Fault{Only: set, Redirect: elsewhere.JWKSURL()}, "fail issuer: redirect to another origin", elsewhere.JWKSURL()},
		{"no set", tokentest.Fault{Only: set, Status: 404}, `fail issuer: status 404; the last request was for "` + set, ""},
		{"a page for a set", tokentest.Fault{Only: set, Body: "<html>"}, "fail issuer: not a JWK Set", ""},
		{"a set without end", tokentest.Fault{Only: set, Size: 2 << 20}, "fail issuer: more than 1048576 bytes", ""},
		{"a large set", tokentest.Fault{Only: set, Size: 600 << 10}, works, ""},
		{"an empty set", tokentest.Fault{Only: set, Body: `{"keys": []}`}, "fail issuer: empty", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			issuer.Misbehave(test.fault)
			r := examine(t, with(issuers(t, issuer.URL())))
			r.want(t, test.want)
			r.wantAdvice(t, test.advice)
		})
	}
	if n := elsewhere.Requests(elsewhere.OpenIDURL()).Asked; n != 0 {
		t.Error("a redirect to another origin was followed")
	}
}

func TestUnreachableIssuer(t *testing.T) {
	t.Run("no response in time", func(t *testing.T) {
		issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
		issuer.Misbehave(tokentest.Fault{Hang: true})
		examine(t, with(func(c *Config) { c.Timeout = 100 * time.Millisecond }, issuers(t, issuer.URL()))).want(t, "fail issuer: timed out")
	})
	t.Run("no server", func(t *testing.T) {
		examine(t, with(issuers(t, "http://127.0.0.1:1"))).want(t, "fail issuer: connection refused")
	})
	t.Run("a password", func(t *testing.T) {
		examine(t, with(issuers(t, "https://user:"+randomSecret+"@issuer.example"))).want(t, `fail issuer: no keys from "https://user:xxxxx@issuer.example"`)
	})
}

// TestMisleadingMetadata checks that jwks_uri of another issuer's metadata, or of a
// document that is not strict JSON, is not followed.
func TestMisleadingMetadata(t *testing.T) {
	const second = "/.well-known/oauth-authorization-server"
	for name, first := range map[string]string{
		"of another issuer": `{"issuer": "https://evil.example", "jwks_uri": "URL` + second + `"}`,
		"duplicate member":  `{"issuer": "URL", "jwks_uri": "URL` + second + `", "issuer": "URL"}`,
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(strings.ReplaceAll(first, "URL", server.URL)))
			})
			mux.HandleFunc(second, func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]any{"issuer": server.URL, "jwks_uri": server.URL + "/keys"})
			})
			mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{rsaJWK(t, 2048, "kid", "good", "alg", "RS256")}})
			})
			examine(t, with(issuers(t, server.URL))).want(t, `ok issuer: publishes 1 key at "`+server.URL+`/keys", of which 1 can be used`)
		})
	}
}

// TestSetIsMetadata checks that one document may be both metadata and key set.
func TestSetIsMetadata(t *testing.T) {
	key := rsaJWK(t, 2048, "kid", "good", "alg", "RS256")
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": server.URL, "jwks_uri": server.URL + r.URL.Path, "keys": []any{key}})
	})
	server.Start()
	t.Cleanup(server.Close)
	examine(t, with(issuers(t, server.URL))).want(t, "ok issuer: publishes 1 key at")
}

// tlsIssuer serves with a TLS certificate that expires after life.
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

func TestCertificatesOfIssuers(t *testing.T) {
	for life, want := range map[time.Duration][]string{13 * 24 * time.Hour: {"warn issuer: expires in 13 days"}, 15 * 24 * time.Hour: nil} {
		server := tlsIssuer(t, life)
		certificate, err := x509.ParseCertificate(server.TLS.Certificates[0].Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AddCert(certificate)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}
		t.Cleanup(transport.CloseIdleConnections)
		examine(t, with(func(c *Config) { c.Transport = transport }, issuers(t, server.URL))).want(t, append(want, "ok issuer: publishes 1 key")...)
	}
	r := examine(t, with(issuers(t, tlsIssuer(t, time.Hour).URL)))
	r.want(t, "fail issuer: certificate signed by unknown authority")
	r.wantAdvice(t, "SSL_CERT_FILE")
}

func TestAnswersAreFast(t *testing.T) {
	for took, want := range map[time.Duration]Level{2 * time.Second: Warn, 3 * time.Second: Fail} {
		sent := time.Now()
		slow := &reply{url: new(url.URL), sent: sent, received: sent.Add(took)}
		if got := answersAreFast(&asked{replies: []*reply{slow, slow}}); len(got) != 1 || got[0].Level != want {
			t.Errorf("twice %v: %v, want %q", took, got, want)
		}
	}
	if got := answersAreFast(&asked{replies: []*reply{{}}}); got != nil {
		t.Errorf("no time: %v", got)
	}
}

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
