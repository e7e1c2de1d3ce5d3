package socketio

import (
	"net/http"
	"time"
)

// RequestHandshake returns an ordinary HTTP request in the form of a handshake, so that code
// written for handshakes can examine requests, and tests need no connection. RemoteAddr is that
// of the request, Protocol is 0, Auth is nil and OriginChecked is false. The result shares the
// request's header.
func RequestHandshake(r *http.Request) *Handshake {
	return &Handshake{
		RemoteAddr: r.RemoteAddr,
		Origin:     r.Header.Get("Origin"),
		Host:       r.Host,
		Path:       r.URL.Path,
		TLS:        r.TLS != nil,
		Time:       time.Now(),
		Header:     r.Header,
		rawQuery:   r.URL.RawQuery,
	}
}
