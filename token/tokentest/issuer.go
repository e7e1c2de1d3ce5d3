package tokentest

import (
	"encoding/base64"
	"fmt"
	"io"
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

	"socketiojwt/internal/memnet"
	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest/internal/testkey"
)

// Options say what an Issuer is like.
type Options struct {
	// Algorithm is that of the keys, an algorithm of public keys. Zero means ES256.
	Algorithm token.Algorithm
	// URL is the issuer identifier, under which the documents are found; it may have a
	// path. Zero means http://localhost, or with Listen the address listened on.
	URL string
	// Listen listens on a port of the loopback interface, for programs that cannot be
	// given a Client; URL does not apply then. Zero means that the Issuer is reached
	// in memory, by Client, or where ServeHTTP is mounted.
	Listen bool
	// CacheControl is the header of that name in answers, until SetCacheControl changes
	// it. Zero means none.
	CacheControl string
	// Now tells the time of iat and exp. Zero means time.Now.
	Now func() time.Time
}

// Issuer signs tokens and publishes its keys, as OpenID Connect Discovery 1.0 and
// RFC 8414 describe. It is made by NewIssuer. Its methods may be called concurrently;
// what goes wrong in them fails the test.
type Issuer struct {
	t      testing.TB
	opts   Options
	url    *url.URL
	client *http.Client
	ended  chan struct{}

	mu           sync.Mutex
	keys         []*issuerKey // of which the last signs
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

// Count is how often something was asked for.
type Count struct {
	Asked       int // requests, whatever became of them
	NotModified int // those answered 304: the asker had the newest version
}

// NewIssuer returns an Issuer with one key, published, that ends with the test.
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

// serve begins to serve, until the test ends.
func (i *Issuer) serve() {
	i.t.Helper()
	var listener net.Listener
	// Without kept connections each request is one connection: nothing idle is left
	// over, and no request is tried twice, which Requests would count.
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
		// What is dialled for https is taken for encrypted already.
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
	var conns sync.WaitGroup // Close closes them, and does not wait for what answers on them
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

// OpenIDURL returns where the discovery document is (OpenID Connect Discovery 1.0,
// section 4): below the identifier.
func (i *Issuer) OpenIDURL() string { return i.below("", "/.well-known/openid-configuration") }

// MetadataURL returns where the metadata of RFC 8414 is, section 3.1: the identifier's
// path comes last.
func (i *Issuer) MetadataURL() string { return i.below("/.well-known/oauth-authorization-server", "") }

// JWKSURL returns where the JWK Set is.
func (i *Issuer) JWKSURL() string { return i.below("", "/jwks.json") }

// below returns an address made of the identifier's, whose last slash does not count.
func (i *Issuer) below(before, after string) string {
	return i.url.Scheme + "://" + i.url.Host + before + strings.TrimSuffix(i.url.EscapedPath(), "/") + after
}

// Client returns an http.Client that reaches the Issuer. In memory all addresses lead to
// it, also those of a redirect or a jwks_uri elsewhere, and Requests tells who followed.
func (i *Issuer) Client() *http.Client { return i.client }

// Key returns the key that signs now, for Hostile or for a verifier that fetches nothing.
func (i *Issuer) Key() mint.SigningKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.signingKey().signing
}

func (i *Issuer) signingKey() *issuerKey { return i.keys[len(i.keys)-1] }

// Rotate makes a new key, which is published and signs from now on, and returns its
// key ID. The keys before it stay published. To sign with a key that is not published
// yet, call Retire with the new ID, and Publish later.
func (i *Issuer) Rotate() (kid string) {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	kid = fmt.Sprintf("key-%d", len(i.keys)+1)
	made, err := newIssuerKey(i.opts.Algorithm, kid)
	if err != nil {
		i.t.Errorf("tokentest: %v", err)
		return ""
	}
	made.published = true
	i.keys = append(i.keys, made)
	return kid
}

func newIssuerKey(alg token.Algorithm, kid string) (*issuerKey, error) {
	p, err := testkey.New(alg)
	if err != nil {
		return nil, err
	}
	parameters, err := testkey.JWK(p.Signer.Public())
	if err != nil {
		return nil, err
	}
	maps.Copy(parameters, map[string]any{"kid": kid, "alg": alg, "use": "sig"})
	return &issuerKey{pair: p, signing: p.Signing.WithID(kid), parameters: parameters}, nil
}

// Retire takes the key out of the JWK Set. If it signs it goes on doing so.
func (i *Issuer) Retire(kid string) {
	i.t.Helper()
	i.publish(kid, false)
}

// Publish puts a key that was taken out back into the JWK Set.
func (i *Issuer) Publish(kid string) {
	i.t.Helper()
	i.publish(kid, true)
}

func (i *Issuer) publish(kid string, published bool) {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	n := slices.IndexFunc(i.keys, func(k *issuerKey) bool { return k.signing.Key().ID() == kid })
	if n < 0 {
		i.t.Errorf("tokentest: the issuer has no key %.64q", kid)
		return
	}
	i.keys[n].published = published
}

// Sign returns a token with the claims, signed with the newest key. Unless the claims
// have them it adds iss, iat (now) and exp (in an hour); of these, nil leaves one out.
func (i *Issuer) Sign(claims map[string]any) string {
	i.t.Helper()
	return i.SignWith(mint.Header{}, claims)
}

// SignWith is Sign with something in the header.
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

// SetCacheControl makes value the Cache-Control of answers from now on, none if empty.
func (i *Issuer) SetCacheControl(value string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.cacheControl = value
}

// Requests returns how often an address was asked for, such as JWKSURL; of the empty
// address, how often any was.
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

// absolute reports whether an address has what a request of a client has. Of one that
// has not nothing is ever counted, and no fault would show.
func absolute(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && parsed.Scheme != "" && parsed.Host != ""
}

// place returns the host and the path of an address, which is how requests are told apart.
func place(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return parsed.Host + parsed.Path
}

// String describes the Issuer without its keys.
func (i *Issuer) String() string { return fmt.Sprintf("tokentest.Issuer(%s)", i.URL()) }

// Format writes what String returns, whatever the verb.
func (i *Issuer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, i.String()) }

func encode(decoded []byte) string { return base64.RawURLEncoding.EncodeToString(decoded) }
