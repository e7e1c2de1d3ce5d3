package socketio_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// The values that the options name, and only those, can be read after OnConnect, up to a bound.
func TestHandshakeKeepsNamedValues(t *testing.T) {
	large := strings.Repeat("x", 5000)
	auth := map[string]any{"room": "blue", "token": "secret", "large": large, "nested": map[string]any{"a": 1}}
	header := http.Header{"User-Agent": {"test"}, "Authorization": {"Bearer secret"}, "X-Large": {large}}
	for name, c := range map[string]struct {
		opts socketio.Options
		want string
	}{
		"nothing": {want: ` map[] map[]`},
		"all kinds": {
			opts: socketio.Options{KeepQuery: []string{"v", "gone"}, KeepAuth: []string{"room", "nested", "gone"}, KeepHeaders: []string{"user-agent"}},
			want: `{"nested":{"a":1},"room":"blue"} map[v:[1 2]] map[User-Agent:[test]]`,
		},
		"too large": {
			opts: socketio.Options{KeepQuery: []string{"large"}, KeepAuth: []string{"large", "room"}, KeepHeaders: []string{"X-Large"}},
			want: `{"room":"blue"} map[] map[]`,
		},
		"no header": {opts: socketio.Options{KeepHeaders: []string{}}, want: ` map[] map[]`},
	} {
		t.Run(name, func(t *testing.T) {
			c.opts.MaxHandshake, c.opts.MaxNewBytes = 32<<10, 64<<10
			var kept bool
			setup := func(srv *socketio.Server) {
				srv.Open()
				srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
					h := s.Handshake()
					kept = len(h.Auth) > 5000 && h.Query().Get("token") == "secret" && h.Header.Get("Authorization") != ""
					return nil
				})
			}
			bubble(t, c.opts, setup, func(f *fixture) {
				f.dial(sockettest.Options{Auth: auth, Header: header, Query: map[string][]string{"v": {"1", "2"}, "token": {"secret"}, "large": {large}}})
				synctest.Wait()
				h := f.srv.Sockets()[0].Handshake()
				if got := fmt.Sprint(string(h.Auth), " ", map[string][]string(h.Query()), " ", map[string][]string(h.Header)); got != c.want || !kept {
					t.Errorf("kept %s, want %s; all was there before: %t", got, c.want, kept)
				}
				if h.RemoteAddr == "" || h.Protocol != 4 || strings.Contains(fmt.Sprintf("%+v", h), "blue") {
					t.Errorf("handshake %+v", h)
				}
			})
		})
	}
}
