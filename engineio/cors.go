package engineio

import (
	"net/http"
	"strconv"
	"strings"
)

// corsPolicy answers the browser's questions about cross-origin requests
// (https://fetch.spec.whatwg.org/#http-cors-protocol). It opens nothing that
// originRule refuses: it is asked after it.
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

// SetCORSHeaders adds to a response what a page of one of Options.Origins needs to
// read it; with InsecureAnyOrigin, every page. It is for files that are served beside
// the sessions, to anyone: it refuses nothing, and answers no preflight request.
func (srv *Server) SetCORSHeaders(w http.ResponseWriter, r *http.Request) {
	srv.cors.setHeaders(w.Header(), r, false)
}

// setHeaders adds what a page of a listed origin needs to read the response. With
// credentials the response allows them in any case; a browser then requires the origin
// by name.
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
