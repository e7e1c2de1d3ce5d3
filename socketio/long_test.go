package socketio_test

import (
	"context"
	"strings"
	"testing"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// TestLongMessagesAreKept checks that events with long arguments, which are not copied, are not changed by those that follow while
// their handler waits.
func TestLongMessagesAreKept(t *testing.T) {
	const n = 8
	var release chan struct{}
	var got chan string
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		release, got = make(chan struct{}), make(chan string, n)
		srv.Open()
		srv.Handle("long", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			<-release
			var text string
			var data []byte
			err := e.Scan(&text, &data)
			got <- text + string(data)
			return err
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		want := make([]string, n)
		for i := range want {
			text, data := strings.Repeat(string(rune('a'+i)), 20+i%2*20_000), strings.Repeat(string(rune('A'+i)), 9000*i)
			want[i] = text + data
			if err := p.Emit("long", text, []byte(data)); err != nil {
				t.Fatal(err)
			}
		}
		close(release)
		for i := range want {
			if text := <-got; text != want[i] {
				t.Errorf("event %d has other arguments than were sent", i)
			}
		}
	})
}
