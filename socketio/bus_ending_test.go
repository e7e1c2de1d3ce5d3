package socketio_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
)

// A call that waits for other nodes returns when its own server closes, because no reply can
// arrive after that.
func TestCallsToOtherNodesEndWithTheServer(t *testing.T) {
	ends := map[string]func(f *fixture) error{
		"Close":    func(f *fixture) error { return f.io.Close() },
		"Shutdown": func(f *fixture) error { return f.io.Shutdown(f.ctx) },
	}
	ctx := context.Background()
	calls := map[string]func(io *socketio.Server) error{
		"EmitWithAck":           func(io *socketio.Server) error { _, err := io.EmitWithAck(ctx, "q"); return err },
		"EmitWithAck, counted":  func(io *socketio.Server) error { _, err := io.EmitWithAck(ctx, "q"); return err },
		"FetchSockets":          func(io *socketio.Server) error { _, err := io.FetchSockets(ctx); return err },
		"ServerSideEmitWithAck": func(io *socketio.Server) error { _, err := io.ServerSideEmitWithAck(ctx, "q"); return err },
	}
	for end, stop := range ends {
		for name, call := range calls {
			t.Run(end+", "+name, func(t *testing.T) {
				onBus(t, 1, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
					began := time.Now()
					returned := make(chan error, 1)
					go func() { returned <- call(f.io) }()
					synctest.Wait()
					counted := name == "EmitWithAck, counted"
					if counted {
						sent, _ := bus.take()
						bus.deliver(socketio.Message{Kind: socketio.KindCount, From: "o", Request: sent[0].Request, Count: 1})
						synctest.Wait()
					}
					if err := stop(f); err != nil {
						t.Error(err)
					}
					err := <-returned
					partial := (*socketio.PartialError)(nil)
					if !errors.Is(err, socketio.ErrClosed) || errors.As(err, &partial) == counted || partial != nil && partial.Nodes != 1 {
						t.Errorf("returned %v", err)
					}
					if waited := time.Since(began); waited > 0 {
						t.Errorf("waited for %v", waited)
					}
				})
			})
		}
	}
}
