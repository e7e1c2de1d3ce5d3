package socketio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// Values that may hold a token never print it, in any format: text, or bytes in decimal and
// hexadecimal.
func TestNothingPrintsSecrets(t *testing.T) {
	const secret = "hunter2-hunter2"
	shown := func(v any) string {
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).Info("x", "v", v, slog.Group("g", "v", v))
		}
		b, _ := json.Marshal(v)
		out.Write(b)
		return out.String()
	}
	leaks := func(name string, v any) {
		text := shown(v)
		for _, form := range []string{secret, fmt.Sprint([]byte(secret))[1:20], fmt.Sprintf("%x", secret), fmt.Sprintf("%#v", []byte(secret))[7:30]} {
			if strings.Contains(text, form) {
				t.Errorf("%s is printed with its secret: %s", name, text)
				return
			}
		}
	}
	look := func(s *socketio.Socket) {
		h := s.Handshake()
		if h.Header.Get("Authorization") != secret || !bytes.Contains(h.Auth, []byte(secret)) || h.Query().Get("token") != secret {
			t.Error("the handshake holds no secret")
		}
		leaks("*Handshake", h)
		leaks("Handshake", *h)
		leaks("a struct with a Handshake", struct{ H socketio.Handshake }{*h})
		leaks("*Socket", s)
		leaks("a slice of sockets", []*socketio.Socket{s})
	}
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error { look(s); return nil })
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { look(s); return nil })
		srv.Handle("authenticate", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
			leaks("*Event", e)
			leaks("Arguments", e.Arguments)
			leaks("Args", e.Args())
			leaks("Raw", e.Args()[0])
			leaks("*Socket", s)
			return e.Ack()
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{
			Auth:   map[string]string{"token": secret},
			Header: map[string][]string{"Authorization": {secret}},
			Query:  map[string][]string{"token": {secret}},
		})
		if _, err := p.EmitWithAck(f.ctx, "authenticate", map[string]string{"token": secret}, []byte(secret)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}
