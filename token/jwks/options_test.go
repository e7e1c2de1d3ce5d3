package jwks_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// Later changes of the Options have no effect.
func TestOptionsAreCopied(t *testing.T) {
	bubble(t, func(i *issuer) {
		algorithms := []token.Algorithm{token.EdDSA}
		v, _ := i.verifier(jwks.Options{Algorithms: algorithms})
		algorithms[0] = token.ES256
		want(t, "a token", verify(v, i.sign("1")), nil)
	})
}

// Plain http to another host needs the option, and its metadata must not lead from https
// to http.
func TestInsecurePlainHTTP(t *testing.T) {
	const inside = "http://keycloak:8080"
	if _, err := jwks.New(inside+"/keys", jwks.Options{}); err == nil || !strings.Contains(err.Error(), "InsecurePlainHTTP") {
		t.Errorf("without the option: %v", err)
	}
	for _, url := range []string{"ftp://keycloak/keys", "http://user:secret@keycloak/keys", "keycloak/keys", "file:///keys"} {
		if _, err := jwks.New(url, jwks.Options{InsecurePlainHTTP: true}); err == nil {
			t.Errorf("New(%q): no error", url)
		}
	}
	bubble(t, func(i *issuer) {
		set, err := jwks.New(inside+"/keys", jwks.Options{InsecurePlainHTTP: true, Client: i.client})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = set.Close() }()
		v, err := token.NewVerifier(set, rules)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "a token", verify(v, i.sign("1")), nil)
	})
	for name, c := range map[string]struct {
		issuer, keys string
		ok           bool
	}{
		"http":          {inside, inside + "/keys", true},
		"http to https": {inside, "https://keycloak/keys", true},
		"https to http": {"https://keycloak", inside + "/keys", false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				i.answers(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/keys" {
						i.mu.Lock()
						defer i.mu.Unlock()
						fmt.Fprint(w, i.set())
						return
					}
					fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, c.issuer, c.keys)
				})
				client := &http.Client{Transport: plain{i.client.Transport}}
				set, err := jwks.Discover(c.issuer, jwks.Options{InsecurePlainHTTP: true, Client: client})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = set.Close() }()
				if err := set.Refresh(i.t.Context()); (err == nil) != c.ok {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// plain sends https requests without TLS, because the tests' listener has none.
type plain struct{ http.RoundTripper }

func (p plain) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "http"
	return p.RoundTripper.RoundTrip(r)
}

func TestConstructors(t *testing.T) {
	for _, url := range []string{
		"", "keys", "http://login.example.com/keys", "ftp://localhost/keys", "https://user:secret@login.example.com/keys",
		"https:///keys", "https://login.example.com/keys#x", "http://127.0.0.1.example.com/", "http://localhost.example.com/", "http://0.0.0.0/",
		"https://:443/keys",
	} {
		if _, err := jwks.New(url, jwks.Options{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%q): %v", url, err)
		}
		if _, err := jwks.Discover(url, jwks.Options{}); err == nil {
			t.Errorf("Discover(%q): no error", url)
		}
	}
	for _, issuer := range []string{"https://login.example.com/?tenant=1", "https://login.example.com/?", "https://login.example.com/#"} {
		if _, err := jwks.Discover(issuer, jwks.Options{}); err == nil {
			t.Errorf("Discover(%q): no error", issuer)
		}
	}
	for _, url := range []string{"https://login.example.com/keys?tenant=1", "http://localhost:8080/keys", "http://127.0.0.1/keys", "http://[::1]/keys"} {
		set, err := jwks.New(url, jwks.Options{})
		if err != nil {
			t.Errorf("New(%q): %v", url, err)
			continue
		}
		_ = set.Close()
	}
	for name, opts := range map[string]jwks.Options{
		"a secret's algorithm": {Algorithms: []token.Algorithm{token.HS256}},
		"none":                 {Algorithms: []token.Algorithm{"none"}},
		"no algorithm":         {Algorithms: []token.Algorithm{}},
		"an algorithm twice":   {Algorithms: []token.Algorithm{token.RS256, token.RS256}},
		"bounds the wrong way": {RefreshLeast: time.Hour, RefreshMost: time.Minute},
		"negative Timeout":     {Timeout: -1},
		"negative Refresh":     {Refresh: -1},
		"negative least":       {RefreshLeast: -1},
		"negative interval":    {MissInterval: -1},
		"negative body":        {MaxBody: -1},
		"negative keys":        {MaxKeys: -1},
	} {
		if _, err := jwks.New("https://login.example.com/keys", opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// The options for public keys are checked when the verifier is made.
	set, err := jwks.New("https://login.example.com/keys", jwks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = set.Close() }()
	if _, err := token.NewVerifier(set, token.Options{Issuers: []string{"i"}}); !errors.Is(err, token.ErrOptions) {
		t.Errorf("without an audience: %v", err)
	}
}
