package engineio

import (
	"net/http"
	"strconv"
	"strings"
)

// corsPolicy sets the headers of cross-origin requests
// (https://fetch.spec.whatwg.org/#http-cors-protocol). It allows nothing that originRule
// refuses, because originRule is applied first.
type corsPolicy struct {
	rule        *originRule
	credentials bool
	headers     string
	maxAge      string
}

func newCORSPolicy(opts *Options, rule *originRule) corsPolicy {
	return corsPolicy{
		rule:        rule,
		credentials: opts.CORS.Credentials,
		headers:     strings.Join(opts.CORS.Headers, ", "),
		maxAge:      strconv.Itoa(int(opts.CORS.MaxAge.Seconds())),
	}
}

// SetCORSHeaders adds the headers with which a page of one of Options.Origins may read the
// response, or any page with InsecureAnyOrigin. It is meant for public files that are
// served beside the sessions: it refuses nothing, and answers no preflight request. It may
// be called concurrently.
func (srv *Server) SetCORSHeaders(w http.ResponseWriter, r *http.Request) {
	srv.cors.setHeaders(w.Header(), r, false)
}

// setHeaders adds the headers with which a page of a listed origin may read the response.
// If credentials is true, the response allows credentials whatever the options say, and a
// browser then requires the origin by name.
func (c corsPolicy) setHeaders(h http.Header, r *http.Request, credentials bool) {
	if c.rule.waived && !credentials {
		h.Set("Access-Control-Allow-Origin", "*")
		return
	}
	if !c.rule.opens() {
		return
	}
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !c.rule.waived && !c.rule.lists(origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if c.credentials || credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

// answerPreflight answers an OPTIONS request.
func (c corsPolicy) answerPreflight(w http.ResponseWriter) {
	h := w.Header()
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", c.headers)
		h.Set("Access-Control-Max-Age", c.maxAge)
	}
	w.WriteHeader(http.StatusNoContent)
}
