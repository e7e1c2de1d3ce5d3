// Package endpoint makes the HTTP requests of token/jwks and token/introspect: which URLs
// may be asked, how much of a response is read, and errors that hold neither the URL nor
// what was sent.
package endpoint

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Parse parses a URL and checks that it may be asked: it must be absolute, without a user
// and a fragment, and https. http is accepted if the host is this machine or plainHTTP is
// set. The errors contain only the host.
func Parse(text string, plainHTTP bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("not an absolute URL without a user and a fragment")
	case u.Scheme == "https", u.Scheme == "http" && (plainHTTP || isLoopback(u.Hostname())):
		return u, nil
	}
	return nil, fmt.Errorf("the URL at %q is not https, and not on this machine; Options.InsecurePlainHTTP accepts http inside a private network", u.Host)
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// NewTransport returns a transport for requests to one issuer. It keeps a connection for
// idle.
func NewTransport(timeout, idle time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ForceAttemptHTTP2:      true,
		IdleConnTimeout:        idle,
		TLSHandshakeTimeout:    timeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// Client returns a copy of client, or a new client if it is nil, that has no timeout of its
// own and follows redirects by the rule.
func Client(client *http.Client, redirect func(r *http.Request, via []*http.Request) error) *http.Client {
	made := &http.Client{}
	if client != nil {
		*made = *client
	}
	made.Timeout, made.CheckRedirect = 0, redirect
	return made
}

// Do sends r, and returns the response and its body. A status other than 200 is an error, and
// so is a body over most bytes. The response is nil if there was none. Its Body is closed.
func Do(client *http.Client, r *http.Request, most int64) (body []byte, response *http.Response, err error) {
	host := r.URL.Host
	response, err = client.Do(r) //nolint:gosec // the program chooses the URL, and peers do not
	if err != nil {
		if failed := (*url.Error)(nil); errors.As(err, &failed) {
			err = failed.Err // without the URL, whose query may be a secret
		}
		return nil, nil, failedAs{fmt.Errorf("%s: %w", host, err), errUnreachable}
	}
	stream := response.Body
	defer func() { _ = stream.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, response, failedAs{fmt.Errorf("%s answered with status %d", host, response.StatusCode), errStatus}
	}
	body, err = io.ReadAll(io.LimitReader(stream, most+1))
	if err != nil {
		return nil, response, failedAs{fmt.Errorf("%s: %w", host, err), errUnreachable}
	}
	if int64(len(body)) > most {
		return nil, response, fmt.Errorf("%s answered with more than %d bytes", host, most)
	}
	return body, response, nil
}
