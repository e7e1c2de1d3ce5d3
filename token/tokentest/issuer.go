package tokentest

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/internal/hidden"
	"socketiojwt/internal/memnet"
	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest/internal/testkey"
)

// Options configure an Issuer. The zero value is ready to use.
type Options struct {
	// Algorithm is the public-key algorithm of the keys. Empty means ES256.
	Algorithm token.Algorithm
	// URL is the issuer identifier. The documents are below it; it may have a
	// path. Empty means http://localhost, or with Listen the address of the listener.
	URL string
	// Listen makes the Issuer listen on a port of the loopback interface, for programs that
	// cannot use Client. URL is ignored then. If false, the Issuer is reached
	// in memory by Client, or where ServeHTTP is mounted.
	Listen bool
	// CacheControl is the Cache-Control header of responses, until SetCacheControl changes
	// it. Empty means none.
	CacheControl string
	// Now returns the time for iat and exp. Nil means time.Now.
	Now func() time.Time
}

// An Issuer signs tokens and publishes its keys as OpenID Connect Discovery 1.0 and
// RFC 8414 describe. NewIssuer makes one. Its methods may be called concurrently. Their
// errors fail the test.
type Issuer struct {
	t      testing.TB
	opts   Options
	url    *url.URL
	client *http.Client
	ended  chan struct{}

	mu           sync.Mutex
	keys         []*issuerKey // the last one signs
	odd          map[OddKey]*issuerKey
	fault        Fault
	cacheControl string
	counts       map[string]Count // by host and path
}

type issuerKey struct {
	pair       testkey.Pair
	signing    mint.SigningKey // of the pair, with its key ID
	parameters map[string]any  // of the JWK
	published  bool
}

// A Count is how often a URL was requested.
type Count struct {
	Asked       int // all requests
	NotModified int // requests answered with 304, because the client had the newest version
}

// NewIssuer returns an Issuer with one published key. It ends with the test.
func NewIssuer(t testing.TB, opts Options) *Issuer {
	t.Helper()
	if opts.Algorithm == "" {
		opts.Algorithm = token.ES256
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	i := &Issuer{
		t: t, opts: opts, cacheControl: opts.CacheControl,
		ended: make(chan struct{}), odd: make(map[OddKey]*issuerKey), counts: make(map[string]Count),
	}
	if i.Rotate() == "" {
		t.FailNow()
	}
	i.serve()
	return i
}

// serve serves until the test ends.
func (i *Issuer) serve() {
	i.t.Helper()
	var listener net.Listener
	// Without keep-alive each request has its own connection, so no idle connection
	// remains, and the client retries no request, which Requests would count twice.
	transport := &http.Transport{DisableKeepAlives: true}
	address := i.opts.URL
	switch {
	case i.opts.Listen && address != "":
		i.t.Fatal("tokentest: URL does not apply with Listen")
	case i.opts.Listen:
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			i.t.Fatalf("tokentest: %v", err)
		}
		listener, address = tcp, "http://"+tcp.Addr().String()
	default:
		memory := memnet.Listen()
		// In memory, https is not encrypted.
		listener, transport.DialContext, transport.DialTLSContext = memory, memory.Dial, memory.Dial
		if address == "" {
			address = "http://localhost"
		}
	}
	i.client = &http.Client{Transport: transport}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" || strings.ContainsAny(address, "?#") {
		i.t.Fatalf("tokentest: %.200q is no issuer identifier", address)
	}
	i.url = parsed
	server := &http.Server{Handler: i, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), ReadHeaderTimeout: time.Minute}
	var conns sync.WaitGroup // Close closes connections but does not wait for their handlers
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			conns.Add(1)
		case http.StateClosed:
			conns.Done()
		}
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	i.t.Cleanup(func() {
		close(i.ended)
		_ = server.Close()
		<-served
		conns.Wait()
	})
}

// URL returns the issuer identifier, the iss of the tokens.
func (i *Issuer) URL() string { return i.url.String() }

// OpenIDURL returns the URL of the discovery document, which is below the identifier
// (OpenID Connect Discovery 1.0, section 4).
func (i *Issuer) OpenIDURL() string { return i.below("", "/.well-known/openid-configuration") }

// MetadataURL returns the URL of the metadata of RFC 8414, section 3.1, which ends in the
// identifier's path.
func (i *Issuer) MetadataURL() string { return i.below("/.well-known/oauth-authorization-server", "") }

// JWKSURL returns the URL of the JWK Set.
func (i *Issuer) JWKSURL() string { return i.below("", "/jwks.json") }

// below returns a URL made of the identifier without its last slash: before is inserted
// before its path, after is appended.
func (i *Issuer) below(before, after string) string {
	return i.url.Scheme + "://" + i.url.Host + before + strings.TrimSuffix(i.url.EscapedPath(), "/") + after
}

// Client returns an http.Client that reaches the Issuer. In memory all URLs lead to
// it, also those of other hosts in a redirect or a jwks_uri; Requests tells whether the
// client followed them.
func (i *Issuer) Client() *http.Client { return i.client }

// Key returns the current signing key, for hostile.Tokens or for a verifier that does not
// fetch keys.
func (i *Issuer) Key() mint.SigningKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.signingKey().signing
}

func (i *Issuer) signingKey() *issuerKey { return i.keys[len(i.keys)-1] }

// Sign returns a token with the claims, signed with the newest key. It adds iss, iat (now)
// and exp (in an hour) if the claims lack them; a nil value leaves one out.
func (i *Issuer) Sign(claims map[string]any) string {
	i.t.Helper()
	return i.SignWith(mint.Header{}, claims)
}

// SignWith is like Sign, with parameters for the header.
func (i *Issuer) SignWith(header mint.Header, claims map[string]any) string {
	i.t.Helper()
	return i.sign(i.Key(), header, claims)
}

func (i *Issuer) sign(key mint.SigningKey, header mint.Header, claims map[string]any) string {
	i.t.Helper()
	now := i.opts.Now()
	all := map[string]any{"iss": i.URL(), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	added := slices.Collect(maps.Keys(all))
	maps.Copy(all, claims)
	for _, name := range added {
		if all[name] == nil {
			delete(all, name)
		}
	}
	compact, err := mint.Sign(key, all, header)
	if err != nil {
		i.t.Errorf("tokentest: %v", err)
	}
	return compact
}

// SetCacheControl sets the Cache-Control header of later responses. Empty means none.
func (i *Issuer) SetCacheControl(value string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.cacheControl = value
}

// Requests returns how often a URL, such as JWKSURL, was requested. For an empty
// string it returns the sum of all URLs.
func (i *Issuer) Requests(address string) Count {
	i.t.Helper()
	if address != "" && !absolute(address) {
		i.t.Errorf("tokentest: %.200q is no address with a scheme and a host", address)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if address != "" {
		return i.counts[place(address)]
	}
	var all Count
	for _, count := range i.counts {
		all.Asked += count.Asked
		all.NotModified += count.NotModified
	}
	return all
}

// absolute reports whether a URL is absolute. Other URLs never match a request, so a
// mistake in a test would go unnoticed.
func absolute(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && parsed.Scheme != "" && parsed.Host != ""
}

// place returns the host and the path of a URL, by which requests are counted.
func place(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return parsed.Host + parsed.Path
}

func (i *Issuer) describe() hidden.Text { return hidden.Text("tokentest.Issuer(" + i.URL() + ")") }

// String describes the Issuer without its keys.
func (i *Issuer) String() string { return i.describe().String() }

// Format writes the result of String for every verb.
func (i *Issuer) Format(f fmt.State, verb rune) { i.describe().Format(f, verb) }

// MarshalText returns the result of String.
func (i *Issuer) MarshalText() ([]byte, error) { return i.describe().MarshalText() }

// LogValue returns the result of String, for slog.
func (i *Issuer) LogValue() slog.Value { return i.describe().LogValue() }

func encode(decoded []byte) string { return base64.RawURLEncoding.EncodeToString(decoded) }
