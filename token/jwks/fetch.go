package jwks

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"socketiojwt/internal/endpoint"
	"socketiojwt/internal/guard"
	"socketiojwt/internal/wirejson"
)

// A source is where a JWK Set comes from. Only the running fetch uses it.
type source struct {
	issuer string   // its metadata names the URL; empty if the URL is configured
	url    *url.URL // of the set; nil until it is known

	// The result of the last fetch; zero after a failure.
	keys *published
	sum  [sha256.Size]byte // of the bytes of the set
	etag string
}

// String returns the issuer or the host of the URL. The URL's query may be a secret.
func (src *source) String() string {
	if src.issuer != "" {
		return src.issuer
	}
	return src.url.Host
}

// fetched is the result of one fetch.
type fetched struct {
	keys    *published
	news    bool          // the keys differ from those of the previous fetch
	refresh time.Duration // freshness lifetime of the response; 0 if it has none
}

// fetch fetches the set, after the metadata if the URL is unknown. It runs on its own
// goroutine and calls user code (Client), so a panic must not end the program.
func (src *source) fetch(ctx context.Context, opts *Options) (got fetched, err error) {
	defer func() {
		if value := recover(); value != nil {
			opts.Logger.Error("jwks: panic while fetching keys", guard.Recovered(value).Attr())
			got, err = fetched{}, errors.New("panic while fetching")
		}
		if err != nil { // the next fetch starts without an ETag
			*src = source{issuer: src.issuer, url: src.url}
			if src.issuer != "" {
				src.url = nil // the URL may have changed
			}
		}
	}()
	if src.url == nil {
		if err := src.discover(ctx, opts); err != nil {
			return fetched{}, err
		}
	}
	return src.fetchSet(ctx, opts)
}

func (src *source) fetchSet(ctx context.Context, opts *Options) (fetched, error) {
	body, header, err := request(ctx, opts, src.url, src.etag)
	if err != nil {
		return fetched{}, err
	}
	got := fetched{keys: src.keys, refresh: maxAge(header)}
	if body == nil { // 304
		return got, nil
	}
	if sum := sha256.Sum256(body); src.keys == nil || sum != src.sum {
		if got.keys, err = parseSet(body, opts); err != nil {
			return fetched{}, err
		}
		got.news, src.keys, src.sum = true, got.keys, sum
	}
	src.etag = header.Get("ETag")
	return got, nil
}

// discover finds the URL of the set in the issuer's metadata. It tries each URL where the
// metadata may be until one works.
func (src *source) discover(ctx context.Context, opts *Options) error {
	var failed error
	for _, text := range metadataURLs(src.issuer) {
		u, err := src.readMetadata(ctx, opts, text)
		if err == nil {
			src.url = u
			return nil
		}
		switch {
		case failed == nil:
			failed = err
		case failed.Error() != err.Error(): // report the same error once
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	return failed
}

// readMetadata returns the URL of the set that the metadata at text names. The metadata's
// issuer must equal src.issuer byte for byte (RFC 8414, section 3.3).
func (src *source) readMetadata(ctx context.Context, opts *Options, text string) (*url.URL, error) {
	at, err := parseURL(text, opts)
	if err != nil {
		return nil, err
	}
	body, _, err := request(ctx, opts, at, "")
	if err != nil {
		return nil, err
	}
	var metadata struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	switch {
	case wirejson.Unmarshal(body, &metadata) != nil:
		return nil, fmt.Errorf("the metadata at %s is not a JSON object, or has a duplicate member", at.Host)
	case metadata.Issuer != src.issuer:
		return nil, fmt.Errorf("the metadata at %s belongs to another issuer, %.200q", at.Host, metadata.Issuer)
	}
	u, err := parseURL(metadata.JWKS, opts)
	switch {
	case err != nil:
		return nil, fmt.Errorf("jwks_uri of the metadata at %s: %w", at.Host, err)
	case u.Scheme != "https" && at.Scheme == "https": // loopback here is not the issuer's machine
		return nil, fmt.Errorf("jwks_uri of the metadata at %s is not https", at.Host)
	}
	return u, nil
}

// metadataURLs returns the URLs of an issuer's metadata: the well-known path appended to
// the issuer (OpenID Connect Discovery 1.0, section 4.1), or inserted before the issuer's
// path (RFC 8414, section 3.1).
func metadataURLs(issuer string) []string {
	trimmed := strings.TrimSuffix(issuer, "/")
	scheme, rest, _ := strings.Cut(trimmed, "://")
	host, path, _ := strings.Cut(rest, "/")
	if path != "" {
		path = "/" + path
	}
	return []string{
		trimmed + "/.well-known/openid-configuration",
		scheme + "://" + host + "/.well-known/oauth-authorization-server" + path,
	}
}

// request makes one request. The body is nil if the server answered 304 for etag.
func request(ctx context.Context, opts *Options, u *url.URL, etag string) (body []byte, header http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	body, response, err := endpoint.Do(opts.Client, r, opts.MaxBody) //nolint:bodyclose // Do closes it
	switch {
	case response != nil && response.StatusCode == http.StatusNotModified && etag != "":
		return nil, response.Header, nil
	case err != nil:
		return nil, nil, err
	}
	return body, response.Header, nil
}

// maxAge returns how long a response is fresh (RFC 9111, sections 5.1 and 5.2.2). It is 0
// if the response has no directive for it, and 1 ns if the response must not be reused.
func maxAge(header http.Header) (fresh time.Duration) {
	const none = time.Nanosecond
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return none
		case "max-age":
			seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32)
			if err != nil || seconds < 0 {
				continue
			}
			age, _ := strconv.ParseInt(header.Get("Age"), 10, 32) // 0 when there is none
			fresh = max(none, time.Duration(seconds-max(0, age))*time.Second)
		}
	}
	return fresh
}
