package jwks_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

func TestDiscovery(t *testing.T) {
	discover := func(i *issuer, name string) (*token.Verifier, *jwks.Set) {
		set, err := jwks.Discover(name, jwks.Options{Client: i.client})
		if err != nil {
			t.Fatal(err)
		}
		i.t.Cleanup(func() { _ = set.Close() })
		v, err := token.NewVerifier(set, rules)
		if err != nil {
			t.Fatal(err)
		}
		return v, set
	}
	bubble(t, func(i *issuer) {
		v, set := discover(i, home+"/")
		want(t, "by OpenID Connect", verify(v, i.sign("1")), nil)
		if got := strings.Join(i.asked(), ", "); got != "/.well-known/openid-configuration at 0s, /keys at 0s" {
			t.Errorf("asked for %s", got)
		}
		// The metadata is fetched again only when the keys are not at their URL.
		want(t, "again", set.Refresh(i.t.Context()), nil)
		i.wantAsked(3, "the keys alone")
		i.answers(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/.well-known/openid-configuration":
				fmt.Fprintf(w, `{"issuer":"%s/","jwks_uri":"%s/moved"}`, home, home)
			case "/moved":
				i.mu.Lock()
				defer i.mu.Unlock()
				fmt.Fprint(w, i.set())
			default:
				http.NotFound(w, r)
			}
		})
		if set.Refresh(i.t.Context()) == nil {
			t.Error("keys that have moved were found at once")
		}
		want(t, "when they have moved", set.Refresh(i.t.Context()), nil)
	})
	// RFC 8414, section 3.1, puts the well-known part before the issuer's path.
	bubble(t, func(i *issuer) {
		i.answers(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/.well-known/oauth-authorization-server/tenant":
				fmt.Fprintf(w, `{"issuer":"%s/tenant","jwks_uri":"%s/keys"}`, home, home)
			case "/keys":
				i.mu.Lock()
				defer i.mu.Unlock()
				fmt.Fprint(w, i.set())
			default:
				http.NotFound(w, r)
			}
		})
		_, set := discover(i, home+"/tenant")
		want(t, "by RFC 8414", set.Refresh(i.t.Context()), nil)
	})
	for name, metadata := range map[string]string{
		"another issuer":   `{"issuer":"http://localhost","jwks_uri":"http://localhost/keys"}`,
		"other capitals":   `{"issuer":"http://LOCALHOST/","jwks_uri":"http://localhost/keys"}`,
		"no issuer":        `{"jwks_uri":"http://localhost/keys"}`,
		"issuer twice":     `{"issuer":"http://evil.example/","issuer":"http://localhost/","jwks_uri":"http://localhost/keys"}`,
		"another spelling": `{"Issuer":"http://localhost/","jwks_uri":"http://localhost/keys"}`,
		"keys in clear":    `{"issuer":"http://localhost/","jwks_uri":"http://keys.example/keys"}`,
		"keys in a file":   `{"issuer":"http://localhost/","jwks_uri":"file:///etc/passwd"}`,
		"no keys":          `{"issuer":"http://localhost/"}`,
		"not JSON":         `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				i.answers(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/keys" {
						t.Error("the keys were asked for")
					}
					fmt.Fprint(w, metadata)
				})
				v, _ := discover(i, home+"/")
				want(t, name, verify(v, i.sign("1")), token.ErrKeysUnavailable)
			})
		})
	}
}

// A page that a web server returns for every path is not the metadata. The second location
// may still have the metadata.
func TestDiscoveryBehindAPage(t *testing.T) {
	for name, page := range map[string]string{
		"a page": "<html>", "another issuer": `{"issuer":"http://localhost/","jwks_uri":"http://localhost/wrong"}`,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				i.answers(func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.EscapedPath() {
					case "/.well-known/oauth-authorization-server/a%2Fb":
						fmt.Fprint(w, `{"issuer":"http://localhost/a%2Fb","jwks_uri":"http://localhost/keys"}`)
					case "/keys":
						i.mu.Lock()
						defer i.mu.Unlock()
						fmt.Fprint(w, i.set())
					default:
						fmt.Fprint(w, page)
					}
				})
				set, err := jwks.Discover(home+"/a%2Fb", jwks.Options{Client: i.client})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = set.Close() }()
				want(t, "Refresh", set.Refresh(i.t.Context()), nil)
			})
		})
	}
}

// An issuer that is down fails at both locations of its metadata, and the log says so once.
// A different error at the second location is logged too.
func TestDiscoveryFailsInOneLine(t *testing.T) {
	for other, text := range map[int]string{
		http.StatusBadGateway: "token: keys not available now: localhost answered with status 502",
		http.StatusNotFound:   "token: keys not available now: localhost answered with status 502; localhost answered with status 404",
	} {
		bubble(t, func(i *issuer) {
			i.answers(func(w http.ResponseWriter, r *http.Request) {
				status := http.StatusBadGateway
				if strings.Contains(r.URL.Path, "oauth") {
					status = other
				}
				w.WriteHeader(status)
			})
			set, err := jwks.Discover(home, jwks.Options{Client: i.client})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = set.Close() }()
			if err := set.Refresh(i.t.Context()); err == nil || err.Error() != text {
				t.Errorf("it says %q, want %q", err, text)
			}
		})
	}
}
