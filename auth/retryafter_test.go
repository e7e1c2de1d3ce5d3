package auth_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// The longest RetryAfter does not overflow when it is rounded up to seconds.
func TestLongestRetryAfter(t *testing.T) {
	gate := newGate(t, verifier(t), auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
		return &auth.Error{Temporary: true, RetryAfter: math.MaxInt64}
	})})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+sign(nil))
	w := httptest.NewRecorder()
	gate.HTTP(http.NotFoundHandler()).ServeHTTP(w, r)
	if got, want := w.Header().Get("Retry-After"), strconv.Itoa(math.MaxInt32); got != want {
		t.Errorf("Retry-After is %q, want %q", got, want)
	}
}
