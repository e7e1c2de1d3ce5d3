package authtest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/internal/leaktest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestNewGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, sign := authtest.NewGate(t, auth.Options{})
		srv := sockettest.NewServer(t, func(srv *socketio.Server) {
			srv.Use(gate.Handshake)
			srv.Handle("whoami", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
				return auth.Token(ctx).Subject, nil
			}))
		})
		peer := srv.Dial(sockettest.Options{Auth: map[string]string{"token": sign(map[string]any{"sub": "ada"})}})
		answer, err := peer.EmitWithAck(t.Context(), "whoami")
		var name string
		if err != nil || answer.Scan(&name) != nil || name != "ada" {
			t.Errorf("%q, %v", name, err)
		}
		start := time.Now()
		if err := peer.Ended(t.Context()); !errors.Is(err, sockettest.ErrClosed) || time.Since(start) < time.Hour {
			t.Errorf("ended with %v after %s", err, time.Since(start))
		}
		expired := sign(map[string]any{"sub": "ada", "exp": time.Now().Add(-time.Hour).Unix()})
		for _, compact := range []string{"", "guesswork", expired} {
			if refusal := srv.Refused(sockettest.Options{Auth: map[string]string{"token": compact}}); refusal.Message == "" {
				t.Errorf("%q: %+v", compact, refusal)
			}
		}
	})
}
