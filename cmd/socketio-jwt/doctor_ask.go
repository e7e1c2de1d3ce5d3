package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// asked is an issuer that was asked for its keys as serve does it, and what it said.
type asked struct {
	name       string
	algorithms []token.Algorithm // that its keys may be for; none: all
	leeway     time.Duration
	now        time.Time
	err        error // why serve has no keys; nil when it has

	replies  []*reply       // all, in order
	metadata *metadata      // nil when none was found
	set      *reply         // nil when none was asked for
	listed   int            // how many keys the set has
	keys     []publishedKey // the first of them, as many as serve takes
	unread   bool           // the set is no JWK Set
}

// reply is what came of one request, and of those that it was redirected to.
type reply struct {
	asked, from    *url.URL // at first, and at last
	status         int      // 0 when nothing came
	err            error    // why
	header         http.Header
	body           bytes.Buffer // as much of it as was read
	sent, received time.Time    // of the last request
	certificate    *x509.Certificate
}

// metadata is what an issuer's metadata says (OpenID Connect Discovery 1.0, section 3;
// RFC 8414, section 2).
type metadata struct {
	reply      *reply // that it came by
	readable   bool
	Issuer     string          `json:"issuer"`
	JWKS       string          `json:"jwks_uri"`
	Algorithms json.RawMessage `json:"id_token_signing_alg_values_supported"`
}

// ask asks an issuer for its keys. What can be seen of the way is written down; the
// rules of the way, limits and redirects, are those of package jwks.
func ask(ctx context.Context, name string, c *configuration, timeout time.Duration, transport http.RoundTripper) *asked {
	a := &asked{name: name, algorithms: c.algorithms(), leeway: c.leeway(), now: time.Now()}
	written := &writtenDown{transport: transport}
	keys, err := jwks.Discover(name, jwks.Options{
		Algorithms: a.algorithms, Timeout: timeout, InsecurePlainHTTP: c.InsecurePlainHTTP,
		Client: &http.Client{Transport: written}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		a.err = err
		return a
	}
	a.err = keys.Refresh(ctx)
	_ = keys.Close() // it waits for the request under way: nobody writes any more
	a.replies = written.replies
	var last *metadata
	for _, reply := range a.replies {
		switch {
		case last.leadsTo(reply, name): // by what it says, since the address of a set may look like that of metadata
			a.metadata, a.set = last, reply
		case reply.complete():
			last = &metadata{reply: reply}
			last.readable = wirejson.Unmarshal(reply.body.Bytes(), last) == nil
			a.metadata = cmp.Or(a.metadata, last)
		}
	}
	if a.set != nil && a.set.complete() {
		var set struct {
			Keys []json.RawMessage `json:"keys"`
		}
		a.unread = wirejson.Unmarshal(a.set.body.Bytes(), &set) != nil
		a.listed = len(set.Keys)
		for i, text := range set.Keys[:min(a.listed, maxKeys)] {
			a.keys = append(a.keys, readPublished(i+1, text, a.algorithms))
		}
	}
	return a
}

// String names an issuer that may be no URL yet, or one with a password in it.
func (a *asked) String() string {
	if u, err := url.Parse(a.name); err == nil {
		return address(u)
	}
	return "--issuer"
}

// writtenDown is a transport that writes down what passes. It serves one request at a
// time.
type writtenDown struct {
	transport http.RoundTripper
	replies   []*reply
}

// RoundTrip makes a request.
func (w *writtenDown) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Response == nil { // no redirect led here
		w.replies = append(w.replies, &reply{asked: r.URL})
	}
	a := w.replies[len(w.replies)-1]
	*a = reply{asked: a.asked, from: r.URL, sent: time.Now()}
	response, err := w.transport.RoundTrip(r)
	a.received = time.Now()
	if a.err = err; err != nil {
		return nil, err
	}
	a.status, a.header = response.StatusCode, response.Header
	if response.TLS != nil && len(response.TLS.PeerCertificates) > 0 {
		a.certificate = response.TLS.PeerCertificates[0]
	}
	response.Body = &readAlong{response.Body, a}
	return response, nil
}

// readAlong keeps what somebody else reads of a body, who decides how much that is.
type readAlong struct {
	io.ReadCloser
	reply *reply
}

func (b *readAlong) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.reply.body.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		b.reply.err = err
	}
	return n, err
}

// maxReply is how long a reply may be, maxKeys how many keys a set may have:
// jwks.Options.MaxBody and MaxKeys.
const (
	maxReply = 1 << 20
	maxKeys  = 100
)

// leadsTo reports whether a request was for the key set that the issuer's metadata names.
func (m *metadata) leadsTo(r *reply, issuer string) bool {
	if m == nil || !m.readable || m.Issuer != issuer {
		return false
	}
	u, err := url.Parse(m.JWKS)
	return err == nil && u.String() == r.asked.String()
}

// complete reports whether there is a document to look at.
func (r *reply) complete() bool {
	return r.status == http.StatusOK && r.err == nil && r.body.Len() <= maxReply
}

// took is how long the last request took until the answer began.
func (r *reply) took() time.Duration { return r.received.Sub(r.sent) }

// outcome says in words what came of a request that brought no document.
func (r *reply) outcome() string {
	switch {
	case r.err != nil:
		return "no answer, " + plain(r.err)
	case r.elsewhere() != "":
		return "it sends us on to " + r.elsewhere()
	case r.body.Len() > maxReply:
		return "it answers with more than 1 MiB"
	}
	return fmt.Sprintf("it answers %d", r.status)
}

// elsewhere returns where a redirect leads that was not followed, empty if there is
// none.
func (r *reply) elsewhere() string {
	if r.status < 300 || r.status > 399 {
		return ""
	}
	location, err := r.from.Parse(r.header.Get("Location"))
	if err != nil {
		return ""
	}
	return address(location)
}

// address is a URL as it may be shown: without what it could hold of secrets.
func address(u *url.URL) string {
	return quoted((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}
