package socketio_test

import (
	"testing"

	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// batcher is a bus that delivers messages together.
type batcher struct {
	socketio.Bus
	together func(deliver func())
}

func (b *batcher) Batch(together func(deliver func())) { b.together = together }

// A Bus that is a Batcher is told how to deliver messages together, before the server serves.
func TestBatcher(t *testing.T) {
	var bus *batcher
	var deliver func(socketio.Message)
	var opts socketio.Options
	bustest.New().Join(&opts)
	join := opts.Bus
	opts.Bus = func(f func(socketio.Message)) (socketio.Bus, error) {
		joined, err := join(f)
		deliver, bus = f, &batcher{Bus: joined}
		return bus, err
	}
	bubble(t, opts, func(srv *socketio.Server) { srv.Open() }, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		bus.together(func() {
			for _, event := range []string{"a", "b", "c"} {
				deliver(socketio.Message{Kind: socketio.KindBroadcast, From: "other", Namespace: "/", Data: []byte(`["` + event + `"]`), To: socketio.Selector{All: true}})
			}
		})
		for _, event := range []string{"a", "b", "c"} {
			f.expect(p, event)
		}
	})
}
