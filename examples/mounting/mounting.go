// Package mounting shows how to serve a Socket.IO server beside the routes of net/http, chi,
// gin and echo. It is a module of its own, so that programs that use socketiojwt do not
// depend on any of these routers. docs/mounting.md has its functions.
package mounting

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v4"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
)

// OnServeMux mounts a server whose Engine.Path is "/socket.io/", the default.
func OnServeMux(mux *http.ServeMux, handler http.Handler) {
	mux.Handle("/socket.io/", handler)
	mux.Handle("/socket.io", handler) // or ServeMux redirects it, and a WebSocket cannot follow
}

// OnChi does the same on a chi router.
func OnChi(r chi.Router, handler http.Handler) {
	r.Handle("/socket.io/*", handler)
	r.Handle("/socket.io", handler)
}

// OnGin does the same on a gin engine.
func OnGin(r *gin.Engine, handler http.Handler) {
	r.Any("/socket.io/*rest", gin.WrapH(handler))
	r.Any("/socket.io", gin.WrapH(handler))
}

// OnEcho does the same on an echo server.
func OnEcho(e *echo.Echo, handler http.Handler) {
	e.Any("/socket.io/*", echo.WrapHandler(handler))
	e.Any("/socket.io", echo.WrapHandler(handler))
}

// BelowPrefix returns the options of a server that is mounted below a prefix, by a router
// that passes on the whole path, as ServeMux and the groups of chi, gin and echo do.
func BelowPrefix() socketio.Options {
	return socketio.Options{Engine: engineio.Options{Path: "/api/socket.io/"}}
}

// Stripped mounts a server whose Engine.Path is "/socket.io/" below a prefix.
func Stripped(mux *http.ServeMux, handler http.Handler) {
	mux.Handle("/api/", http.StripPrefix("/api", handler))
}

type requestIDKey struct{}

// WithRequestID passes the request ID of chi's middleware on to the handlers of sockets.
func WithRequestID() socketio.Options {
	return socketio.Options{
		ConnContext: func(ctx context.Context, r *http.Request) context.Context {
			return context.WithValue(ctx, requestIDKey{}, middleware.GetReqID(r.Context()))
		},
	}
}
