package engineclient

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// A requester makes the HTTP requests of one session.
type requester struct {
	url    *url.URL
	client http.Client
	opts   Options
	id     string // of the session; empty before it is open
	polls  uint64
}

func newRequester(u *url.URL, opts Options) *requester {
	r := &requester{url: u, opts: opts, client: *http.DefaultClient}
	if opts.HTTPClient != nil {
		r.client = *opts.HTTPClient
	}
	r.client.Timeout = 0 // a poll lasts until there is something to say
	// The token must not go to another server, or from https to http.
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r.client.Transport = withoutLocation{cmp.Or(r.client.Transport, http.DefaultTransport)}
	return r
}

// withoutLocation drops the header Location of responses. If it is malformed, an http.Client
// repeats it in its error, and a server may put the query of a request into it, which may hold
// a token.
type withoutLocation struct{ http.RoundTripper }

func (t withoutLocation) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(request)
	if response != nil {
		response.Header.Del("Location")
	}
	return response, err
}

// request returns a request of the session by a transport.
func (r *requester) request(ctx context.Context, method, transport string, body []byte) *http.Request {
	u := *r.url
	query := u.Query()
	query.Set("EIO", "4")
	query.Set("transport", transport)
	if r.id != "" {
		query.Set("sid", r.id)
	}
	u.RawQuery = query.Encode()
	request := (&http.Request{Method: method, URL: &u, Header: r.opts.Header.Clone()}).WithContext(ctx)
	if request.Header == nil {
		request.Header = http.Header{}
	}
	request.Host = request.Header.Get("Host")
	request.Header.Del("Host")
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "text/plain;charset=UTF-8")
		request.Body = io.NopCloser(bytes.NewReader(body))
		request.ContentLength = int64(len(body))
	}
	return request
}

// do makes a request of a poll or POST and returns the body of its answer, of which it
// reads limit bytes at most.
func (r *requester) do(request *http.Request, limit int) ([]byte, error) {
	if request.Method == http.MethodGet {
		r.polls++ // so that no cache answers
		request.URL.RawQuery += "&t=" + strconv.FormatUint(r.polls, 36)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, statusError(response)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > limit:
		return nil, ErrTooLarge
	}
	return body, nil
}
