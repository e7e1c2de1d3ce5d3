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

// explosive is a value that panics while it is encoded.
type explosive struct{}

func (explosive) MarshalJSON() ([]byte, error) { panic("secret") }

// A value that panics while it is encoded for another node is left out and logged. The other
// node gets its reply all the same and does not wait.
func TestValuesThatPanicForAnotherNode(t *testing.T) {
	var log bytes.Buffer
	unsafe, safe := socketio.NewSharedKey[any]("unsafe"), socketio.NewSharedKey[int]("safe")
	setup := func(srv *socketio.Server) {
		srv.Open()
		srv.OnServerSide("ask", func(context.Context, *socketio.ServerSideEvent) (any, error) { return explosive{}, nil })
	}
	opts := socketio.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	onBus(t, 1, opts, setup, func(f *fixture, bus *stubBus) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		unsafe.Set(socketOf(f, p), explosive{})
		safe.Set(socketOf(f, p), 1)
		request := socketio.Message{From: "o", Namespace: "/", Request: "r", To: socketio.Selector{All: true}}
		request.Kind = socketio.KindFetch
		bus.deliver(request)
		request.Kind, request.Data = socketio.KindServerSide, json.RawMessage(`["ask"]`)
		bus.deliver(request)
		synctest.Wait()
		_, replies := bus.take()
		if len(replies) != 2 || len(replies[0].Sockets) != 1 || string(replies[0].Sockets[0].Data) != `{"safe":1}` || len(replies[1].Data) > 0 {
			t.Errorf("replied %+v", replies)
		}
		if text := log.String(); strings.Count(text, "cannot be encoded") != 2 || strings.Contains(text, "secret") {
			t.Errorf("logged %s", text)
		}
	})
}

// A panic of the bus in a call is an error of that call, and leaves nothing behind: neither an
// acknowledgement that a socket is asked for nor a request that is counted as pending.
func TestPanicOfTheBusInACall(t *testing.T) {
	const most = 4000
	opts := socketio.Options{MaxPendingAcks: 1, Logger: slog.New(slog.DiscardHandler)}
	onBus(t, 1, opts, open, func(f *fixture, bus *stubBus) {
		f.dial(sockettest.Options{})
		synctest.Wait()
		request := socketio.Message{Kind: socketio.KindBroadcast, From: "o", Namespace: "/", Request: "r", Timeout: time.Second, To: socketio.Selector{All: true}, Data: json.RawMessage(`["q"]`)}
		bus.panics = true
		for range most {
			bus.deliver(request)
		}
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		for name, call := range map[string]func() error{
			"Emit":         func() error { return f.srv.Emit("e") },
			"FetchSockets": func() error { _, err := f.srv.FetchSockets(ctx); return err },
			"EmitWithAck":  func() error { _, err := f.srv.EmitWithAck(ctx, "q"); return err },
		} {
			if err := call(); name != "EmitWithAck" && (err == nil || !strings.Contains(err.Error(), "panic") || strings.Contains(err.Error(), "secret")) {
				t.Errorf("%s: %v", name, err)
			}
		}
		bus.panics = false
		bus.deliver(request)
		if _, replies := bus.take(); len(replies) != 1 || replies[0].Count != 1 {
			t.Errorf("replied %+v", replies)
		}
	})
}

// The server does not write to the Data with which the bus has panicked, or has ended the goroutine, because the bus may
// still read it.
func TestDataOfAPanicOfTheBus(t *testing.T) {
	onBus(t, 1, socketio.Options{Logger: slog.New(slog.DiscardHandler)}, open, func(f *fixture, bus *stubBus) {
		for i := range 40 { // the pool of buffers may drop some
			bus.panics, bus.exits = i%2 == 0, i%2 == 1
			done := make(chan struct{})
			go func() {
				defer close(done)
				if err := f.srv.Emit("first", "text"); err == nil {
					t.Error("no error")
				}
			}()
			<-done
			bus.panics, bus.exits = false, false
			for range 5 {
				if err := f.srv.Emit("later", "other"); err != nil {
					t.Error(err)
				}
			}
			if string(bus.read) != `["first","text"]` {
				t.Errorf("the Data became %s", bus.read)
				return
			}
		}
	})
}

// A function of OnEmit that panics for an event of another node costs none of the requests that
// this node serves at once.
func TestOnEmitPanicsForAnotherNode(t *testing.T) {
	const most = 4000
	panics := true
	setup := func(srv *socketio.Server) {
		srv.Open().OnEmit(func(socketio.Emitted) {
			if panics {
				panic("secret")
			}
		})
	}
	onBus(t, 1, socketio.Options{Logger: slog.New(slog.DiscardHandler)}, setup, func(f *fixture, bus *stubBus) {
		request := socketio.Message{Kind: socketio.KindBroadcast, From: "o", Namespace: "/", Request: "r", To: socketio.Selector{All: true}, Data: json.RawMessage(`["q"]`)}
		for range most {
			bus.deliver(request)
		}
		panics = false
		f.dial(sockettest.Options{})
		synctest.Wait()
		bus.deliver(request)
		if _, replies := bus.take(); len(replies) != 1 || replies[0].Count != 1 {
			t.Errorf("replied %+v", replies)
		}
	})
}
