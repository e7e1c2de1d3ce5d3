package tokentest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"socketiojwt/token"
)

// A Fault says how the responses of an Issuer are wrong. The zero Fault changes nothing.
type Fault struct {
	// Only is the URL that the fields down to Size apply to. Empty means all.
	Only string
	// Delay is how long each response takes.
	Delay time.Duration
	// Drop closes the connection without a response.
	Drop bool
	// Hang sends no response until the client gives up.
	Hang bool
	// Redirect is the URL that the client is redirected to. Empty means none.
	Redirect string
	// Status is the status of all responses, from 200 to 599. Zero means the usual status.
	// At most one of Drop, Hang, Redirect and Status can be set.
	Status int
	// Body is sent in place of a document. Empty means the document.
	Body string
	// Size is how many spaces, which JSON allows, precede the body.
	Size int64

	// Issuer is the issuer in the documents. Empty means URL.
	Issuer string
	// JWKSURL is the jwks_uri in the documents. Empty means the Issuer's JWKSURL.
	JWKSURL string
	// Keys are further keys in the JWK Set, listed before the Issuer's own.
	Keys []OddKey
}

// Misbehave makes the Issuer respond as f says from now on. It replaces the previous
// Fault; the zero Fault ends it.
func (i *Issuer) Misbehave(f Fault) {
	i.t.Helper()
	instead := 0
	for _, set := range []bool{f.Drop, f.Hang, f.Redirect != "", f.Status != 0} {
		if set {
			instead++
		}
	}
	if instead > 1 || f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		i.t.Error("tokentest: a Fault has one of Drop, Hang, Redirect and Status, which is 200 to 599")
		return
	}
	switch {
	case f.Only != "" && !absolute(f.Only):
		i.t.Errorf("tokentest: Only of a Fault is an address with a scheme and a host, which %.200q is not", f.Only)
		return
	case f.Delay < 0 || f.Size < 0:
		i.t.Error("tokentest: Delay or Size of a Fault is negative")
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, kind := range f.Keys {
		if _, err := i.oddKey(kind); err != nil {
			i.t.Errorf("tokentest: odd key %.32q: %v", kind, err)
			return
		}
	}
	i.fault = f
}

// ServeHTTP serves the documents of the Issuer, so it can be mounted
// anywhere. Options.URL should be the URL of that place.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	here := r.Host + r.URL.Path
	i.count(here, Count{Asked: 1})
	i.mu.Lock()
	fault, cacheControl := i.fault, i.cacheControl
	body, kind, found := i.document(r.URL.Path)
	i.mu.Unlock()
	if fault.Only != "" && place(fault.Only) != here {
		fault = Fault{}
	}
	if !i.wait(r, fault) || fault.Drop {
		panic(http.ErrAbortHandler) // closes the connection whatever the HTTP version
	}
	switch {
	case fault.Redirect != "" && place(fault.Redirect) != here:
		http.Redirect(w, r, fault.Redirect, http.StatusFound)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only to be read", http.StatusMethodNotAllowed)
		return
	case fault.Body != "":
		body = []byte(fault.Body)
	case !found && fault.Status == 0:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	if cacheControl != "" {
		w.Header().Set("Cache-Control", cacheControl)
	}
	if fault.Status != 0 || fault.Size > 0 {
		if fault.Status != 0 {
			w.WriteHeader(fault.Status)
		}
		pad(w, fault.Size)
		_, _ = w.Write(body)
		return
	}
	sum := sha256.Sum256(body)
	w.Header().Set("ETag", `"`+encode(sum[:12])+`"`)
	answer := &answer{ResponseWriter: w}
	http.ServeContent(answer, r, "", time.Time{}, bytes.NewReader(body)) // compares the ETag
	if answer.status == http.StatusNotModified {
		i.count(here, Count{NotModified: 1})
	}
}

// wait waits as long as the fault says, and reports whether to send a response.
func (i *Issuer) wait(r *http.Request, fault Fault) bool {
	if fault.Delay <= 0 && !fault.Hang {
		return true
	}
	var over <-chan time.Time
	if !fault.Hang {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
		return true
	case <-r.Context().Done():
	case <-i.ended:
	}
	return false
}

// pad writes size spaces, or fewer if the client stops reading.
func pad(w http.ResponseWriter, size int64) {
	spaces := bytes.Repeat([]byte(" "), 16<<10)
	for size > 0 {
		n, err := w.Write(spaces[:min(size, int64(len(spaces)))])
		if err != nil {
			return
		}
		size -= int64(n)
	}
}

// document returns the document at a path.
func (i *Issuer) document(path string) (body []byte, kind string, found bool) {
	at := func(address string) bool { return place(address) == i.url.Host+path }
	var content any
	switch {
	case at(i.JWKSURL()):
		content, kind = map[string]any{"keys": i.keySet()}, "application/jwk-set+json"
	case at(i.OpenIDURL()), at(i.MetadataURL()):
		content, kind = i.metadata(), "application/json"
	default:
		return nil, "text/plain", false
	}
	body, err := json.Marshal(content)
	return body, kind, err == nil
}

// keySet returns the published keys. Odd ones come first, so a verifier that takes the
// first matching key fails its test.
func (i *Issuer) keySet() []map[string]any {
	published := []map[string]any{} // not nil, which would be encoded as null
	for _, kind := range i.fault.Keys {
		parameters := i.odd[kind].parameters
		if kind == SameID {
			parameters = maps.Clone(parameters)
			parameters["kid"] = i.signingKey().signing.Key().ID()
		}
		published = append(published, parameters)
	}
	for _, key := range i.keys {
		if key.published {
			published = append(published, key.parameters)
		}
	}
	return published
}

// metadata returns the discovery document, which also serves as the metadata of RFC 8414.
func (i *Issuer) metadata() map[string]any {
	document := map[string]any{
		"issuer": i.URL(), "jwks_uri": i.JWKSURL(),
		"authorization_endpoint":                i.below("", "/authorize"),
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []token.Algorithm{i.opts.Algorithm},
	}
	if i.fault.Issuer != "" {
		document["issuer"] = i.fault.Issuer
	}
	if i.fault.JWKSURL != "" {
		document["jwks_uri"] = i.fault.JWKSURL
	}
	return document
}

func (i *Issuer) count(where string, more Count) {
	i.mu.Lock()
	defer i.mu.Unlock()
	count := i.counts[where]
	count.Asked += more.Asked
	count.NotModified += more.NotModified
	i.counts[where] = count
}

// An answer is a ResponseWriter that keeps the status.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}
