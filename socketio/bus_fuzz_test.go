package socketio_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// FuzzMessage delivers arbitrary messages of another node. The server must not panic or expose
// a socket that is not admitted, and peers must receive only valid packets.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"Kind":3,"Namespace":"/","To":{"All":true},"Data":["e",{"_placeholder":true,"num":0}],"Attachments":["eA=="]}`,
		`{"Kind":3,"Namespace":"/","Request":"1","Timeout":1000000,"To":{"Rooms":["x"],"Except":["y"]},"Data":["e"]}`,
		`{"Kind":3,"Rule":"dynamic namespace 1","Request":"1","To":{"All":true},"Data":["e",1.5e300,"\ud800"]}`,
		`{"Kind":4,"Namespace":"/","To":{"All":true},"Rooms":["a","b"]}`,
		`{"Kind":5,"Namespace":"/","To":{"All":true},"Rooms":["x"]}`,
		`{"Kind":6,"Namespace":"/","To":{"All":true},"Temporary":true,"WholeConnection":true,"Cause":"why","Data":["e",1]}`,
		`{"Kind":7,"Namespace":"/","Request":"1","To":{"All":true}}`,
		`{"Kind":8,"Request":"1","Sockets":[{"ID":"x","Rooms":["x"],"Data":{"a":1}}]}`,
		`{"Kind":9,"Namespace":"/","Request":"1","Data":["hello",1]}`,
		`{"Kind":10,"Request":"1","Data":[1]}`,
		`{"Kind":11,"Request":"1","Count":3,"IDs":["x"]}`,
		`{"Kind":12,"Request":"1","Socket":"x","Data":[1]}`,
		`{"Kind":100,"Extension":"x","Payload":"eA=="}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m socketio.Message
		if json.Unmarshal(data, &m) != nil {
			return
		}
		setup := func(srv *socketio.Server) {
			srv.Use(func(_ context.Context, s *socketio.Socket) error {
				if s.Handshake().Auth != nil {
					return s.Hold(socketio.HoldOptions{})
				}
				return nil
			})
			srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("x") })
			srv.OnServerSide("hello", func(context.Context, *socketio.ServerSideEvent) (any, error) { return 1, nil })
			srv.HandleExtension("x", func(socketio.NodeID, []byte) {})
			srv.OnEmit(func(socketio.Emitted) {})
			srv.OfFunc(func(context.Context, string, *socketio.Handshake) (bool, error) { return false, nil }).Open()
		}
		opts := socketio.Options{Logger: slog.New(slog.DiscardHandler)}
		onBus(t, 1, opts, setup, func(f *fixture, bus *stubBus) {
			p := f.dial(sockettest.Options{})
			held := f.dial(sockettest.Options{Auth: map[string]any{}})
			ctx, cancel := context.WithTimeout(f.ctx, time.Second)
			defer cancel()
			asked := make(chan struct{})
			go func() {
				defer close(asked)
				_, _ = f.srv.To("empty").EmitWithAck(ctx, "q")
				_, _ = f.srv.To("empty").FetchSockets(ctx)
			}()
			synctest.Wait()
			m.From = "other"
			bus.deliver(m)
			bus.deliver(m)
			f.nothing(held)
			if m.Kind != socketio.KindDisconnect {
				_ = f.srv.Emit("last")
				if _, err := p.Expect(f.ctx, "last"); err != nil {
					t.Errorf("the peer cannot read what it was sent: %v", err)
				}
			}
			<-asked
		})
	})
}
