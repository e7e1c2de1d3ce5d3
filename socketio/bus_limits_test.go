package socketio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// Other nodes cannot make this node wait for more than 4,000 events at a time. A further event
// reaches its sockets, but their answers are not collected.
func TestRequestsOfOtherNodesAreBounded(t *testing.T) {
	const most = 4000
	var log bytes.Buffer
	opts := socketio.Options{MaxPendingAcks: 2 * most, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	opts.Engine.MaxOutbound = 64 << 20
	handled := 0
	setup := func(srv *socketio.Server) {
		srv.Open()
		srv.OnServerSide("slow", func(ctx context.Context, _ *socketio.ServerSideEvent) (any, error) {
			<-ctx.Done()
			return 1, nil
		})
		srv.OnServerSide("quick", func(context.Context, *socketio.ServerSideEvent) (any, error) { handled++; return nil, nil })
	}
	onBus(t, 1, opts, setup, func(f *fixture, bus *stubBus) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		send := func(m socketio.Message) []socketio.Message {
			m.From, m.Namespace, m.To.All = "other", "/", true
			for range most {
				bus.deliver(m)
			}
			synctest.Wait()
			if text := log.String(); text != "" {
				t.Errorf("kind %d: logged %s", m.Kind, text)
			}
			_, _ = bus.take()
			time.Sleep(2 * time.Minute) // so that the line is logged again
			bus.deliver(m)
			bus.deliver(m)
			synctest.Wait()
			if !strings.Contains(log.String(), "more than") && !strings.Contains(log.String(), "too many") {
				t.Errorf("kind %d: logged %q", m.Kind, &log)
			}
			log.Reset()
			_, replies := bus.take()
			return replies
		}
		ask := socketio.Message{Kind: socketio.KindBroadcast, Request: "r", Data: json.RawMessage(`["q"]`)}
		if replies := send(ask); len(replies) != 2 || replies[1].Kind != socketio.KindCount || replies[1].Count != 0 {
			t.Errorf("replied %+v", replies)
		}
		if n := len(p.Events()); n != most+2 {
			t.Errorf("the peer received %d events", n)
		}
		slow := socketio.Message{Kind: socketio.KindServerSide, Request: "r", Data: json.RawMessage(`["slow"]`)}
		if replies := send(slow); len(replies) != 2 || len(replies[1].Data) != 0 {
			t.Errorf("replied %+v", replies)
		}
		slow.Request, slow.From, slow.Namespace = "", "other", "/"
		bus.deliver(slow) // blocks the ones after it
		synctest.Wait()
		send(socketio.Message{Kind: socketio.KindServerSide, Data: json.RawMessage(`["quick"]`)})
		_ = f.srv.Close()
		synctest.Wait()
		if left := f.srv.Remains(); left != "" || handled != most {
			t.Errorf("%d events were handled, left: %s", handled, left)
		}
	})
}

// A message that a bus delivers before the server has the bus is answered too.
func TestEarlyMessages(t *testing.T) {
	bus := &stubBus{}
	delivered := make(chan struct{})
	opts := socketio.Options{ClusterKey: make([]byte, 16), Bus: func(deliver func(socketio.Message)) (socketio.Bus, error) {
		go func() {
			deliver(socketio.Message{Kind: socketio.KindFetch, From: "other", Namespace: "/", Request: "r", To: socketio.Selector{All: true}})
			close(delivered)
		}()
		synctest.Wait() // the delivery waits for the bus
		return bus.join(deliver)
	}}
	bubble(t, opts, open, func(*fixture) {
		<-delivered
		if _, replies := bus.take(); len(replies) != 1 || replies[0].Kind != socketio.KindSockets {
			t.Errorf("replied %+v", replies)
		}
	})
}

// A panic of a bus in Rooms does not end anything.
func TestBusThatPanics(t *testing.T) {
	var log bytes.Buffer
	opts := socketio.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))}
	onBus(t, 0, opts, open, func(f *fixture, bus *stubBus) {
		bus.panics = true
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		bus.panics = false
		_ = socketOf(f, p).Join("x")
		if told := bus.told.all(); len(told) != 1 || !strings.Contains(log.String(), "panic in the bus") || strings.Contains(log.String(), "secret") {
			t.Errorf("told %q, logged %s", told, &log)
		}
	})
}
