package doctor

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"socketiojwt/internal/display"
	"socketiojwt/token/jwks"
)

// asked is an issuer that was asked for its keys in the way that serve asks it.
type asked struct {
	name    string
	err     error    // why there are no keys; nil if there are
	replies []*reply // to all requests, in order
	listed  int      // how many keys the set has
	keys    []publishedKey
}

// maxKeys is how many keys of a set are examined, the default of jwks.Options.MaxKeys.
const maxKeys = 100

// reply is the response to one request, and to no redirect from it.
type reply struct {
	url            *url.URL
	header         http.Header
	body           bytes.Buffer // as much of it as package jwks read
	sent, received time.Time
	certificate    *x509.Certificate // nil without TLS
}

// ask fetches the keys of an issuer by package jwks, and records the responses.
func ask(ctx context.Context, name string, c *Config) *asked {
	a := &asked{name: name}
	recorder := &recorder{transport: c.Transport}
	set, err := jwks.Discover(name, jwks.Options{
		Algorithms: c.Algorithms, Timeout: c.Timeout, InsecurePlainHTTP: c.InsecurePlainHTTP,
		Client: &http.Client{Transport: recorder}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		a.err = err
		return a
	}
	a.err = set.Refresh(ctx)
	_ = set.Close() // it waits for the fetch, so the recorder is not in use afterwards
	a.replies = recorder.replies
	if n := len(a.replies); n > 0 {
		a.readKeys(a.replies[n-1].body.Bytes(), c)
	}
	return a
}

// readKeys reads the last response. It is metadata, without keys, if there was no request
// for the key set.
func (a *asked) readKeys(body []byte, c *Config) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(body, &set) != nil {
		return
	}
	a.listed = len(set.Keys)
	for i, text := range set.Keys[:min(a.listed, maxKeys)] {
		a.keys = append(a.keys, readKey(i+1, text, c.Algorithms))
	}
}

// String returns the issuer without a password that may be in it.
func (a *asked) String() string {
	if u, err := url.Parse(a.name); err == nil {
		return address(u)
	}
	return "--issuer"
}

// address returns a URL without the parts that may hold a secret.
func address(u *url.URL) string { return quoted(display.URL(u.String())) }

// recorder records responses. It is for one request at a time.
type recorder struct {
	transport http.RoundTripper
	replies   []*reply
}

// RoundTrip implements http.RoundTripper.
func (rec *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := &reply{url: r.URL, sent: time.Now()}
	rec.replies = append(rec.replies, answer)
	response, err := rec.transport.RoundTrip(r)
	answer.received = time.Now()
	if err != nil {
		return nil, err
	}
	answer.header = response.Header
	if response.TLS != nil && len(response.TLS.PeerCertificates) > 0 {
		answer.certificate = response.TLS.PeerCertificates[0]
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(response.Body, &answer.body), response.Body}
	return response, nil
}

// took returns how long the response took until its body began.
func (r *reply) took() time.Duration { return r.received.Sub(r.sent) }

// redirect returns the target of a redirect, nil if the response is not one.
func (r *reply) redirect() *url.URL {
	if location := r.header.Get("Location"); location != "" {
		if target, err := r.url.Parse(location); err == nil {
			return target
		}
	}
	return nil
}
