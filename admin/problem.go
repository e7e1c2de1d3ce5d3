package admin

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"socketiojwt/auth"
	"socketiojwt/internal/wirejson"
)

// problem is the body of an error (RFC 9457, section 3). Its type is about:blank, so the title
// is that of the status.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitzero"`

	// These are set if the operator's token was refused.
	Reason auth.Reason `json:"reason,omitzero"`
	ID     string      `json:"id,omitzero"` // also in the log
}

// fail writes a problem.
func fail(w http.ResponseWriter, status int, format string, args ...any) {
	problem{Status: status, Detail: fmt.Sprintf(format, args...)}.write(w)
}

func (p problem) write(w http.ResponseWriter) {
	p.Title = http.StatusText(p.Status)
	writeJSON(w, p.Status, "application/problem+json", p)
}

// answer writes the body of a response with status 200.
func answer(w http.ResponseWriter, body any) {
	writeJSON(w, http.StatusOK, "application/json", body)
}

func writeJSON(w http.ResponseWriter, status int, mediaType string, body any) {
	text, err := wirejson.Marshal(body)
	if err != nil { // a bug: all types here can be encoded
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	writeText(w, status, mediaType, text)
}

func writeText(w http.ResponseWriter, status int, mediaType string, text []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may have gone
}

// refusalsAsProblems returns next behind the middleware of a gate, whose refusals it turns
// into problems.
func refusalsAsProblems(gate func(http.Handler) http.Handler, next http.HandlerFunc) http.Handler {
	guarded := gate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(*recorder).passed = true
		next(w.(*recorder).ResponseWriter, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorded := &recorder{ResponseWriter: w, status: http.StatusOK}
		guarded.ServeHTTP(recorded, r)
		if recorded.passed || recorded.body.Len() == 0 { // no body: the client has gone, or a preflight
			return
		}
		p := problem{Status: recorded.status}
		if refusal, ok := auth.ParseRefusal(recorded.body.Bytes()); ok {
			p.Detail, p.Reason, p.ID = refusal.Message, refusal.Reason, refusal.ID
		}
		p.write(w)
	})
}

// problemsOf returns mux, whose own errors (404 and 405) it turns into problems.
func problemsOf(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		recorded := &recorder{ResponseWriter: w, status: http.StatusOK}
		mux.ServeHTTP(recorded, r)
		fail(w, recorded.status, "there is no %s %s; see /openapi.json", r.Method, r.URL.Path)
	})
}

// A recorder keeps the status and body of a response, and passes on its headers.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
	passed bool // the response is not recorded
}

func (r *recorder) WriteHeader(status int)         { r.status = status }
func (r *recorder) Write(text []byte) (int, error) { return r.body.Write(text) }
