package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestBroadcastSelects(t *testing.T) {
	bubble(t, socketio.Options{}, rooms, func(f *fixture) {
		peers := map[string]*sockettest.Peer{}
		for name, in := range map[string][]string{"a": {"x"}, "b": {"x", "y"}, "c": {"y"}} {
			peers[name] = f.dial(sockettest.Options{Auth: map[string]any{"rooms": in}})
		}
		synctest.Wait()
		socket := func(name string) *socketio.Socket {
			for _, s := range f.srv.Sockets() {
				if s.ID() == peers[name].ID() {
					return s
				}
			}
			t.Fatalf("%s is not listed", name)
			return nil
		}
		x := f.srv.To("x")
		for want, b := range map[string]socketio.Broadcast{
			"a b c":  f.srv.Except(),
			"a b":    x,
			"a b c ": x.To("y"),     // each once
			"a":      x.Except("y"), // x itself is unchanged
			"b":      x.Except(peers["a"].ID()),
			"c":      f.srv.To(peers["c"].ID()),
			"b c":    f.srv.To("y").Local(),
			"":       f.srv.To("empty"),
			"a c":    socket("b").Broadcast(),
			"b ":     socket("a").To("x"),
			"c ":     socket("a").Except("x"),
			" b":     socket("b").Volatile(),
			"a b ":   x.To("x", "x"),
		} {
			if err := b.Emit("e", want); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			var got []string
			for name, p := range peers {
				for range p.Events() {
					f.expect(p, "e")
					got = append(got, name)
				}
			}
			slices.Sort(got)
			if fmt.Sprint(got) != fmt.Sprint(fields(want)) {
				t.Errorf("got %v, want %v", got, fields(want))
			}
		}
	})
}

func TestBroadcastWithAck(t *testing.T) {
	bubble(t, socketio.Options{}, rooms, func(f *fixture) {
		var answering sync.WaitGroup
		for i := range 9 {
			p := f.dial(sockettest.Options{})
			answering.Go(func() {
				e, err := p.Expect(f.ctx, "q")
				if err != nil {
					return
				}
				switch i {
				default:
					_ = e.Ack(i)
				case 1:
					_ = p.Close() // leaves without an answer
				case 2:
					time.Sleep(time.Minute)
					_ = e.Ack(i)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		answers, err := f.srv.EmitWithAck(ctx, "q")
		if len(answers.List) != 7 || len(answers.Missing) != 2 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("in a second: %+v, %v", answers, err)
		}
		answering.Wait()
	})
}

func TestRoomsOfASocket(t *testing.T) {
	bubble(t, socketio.Options{MaxRooms: 3}, rooms, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: map[string]any{"rooms": []string{"x"}}})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		if err := s.Join("y", "x", s.ID(), "z"); err != nil {
			t.Errorf("Join: %v", err)
		}
		if err := s.Join("one too many"); !errors.Is(err, socketio.ErrTooManyRooms) {
			t.Errorf("a fourth room: %v", err)
		}
		s.Leave("y", "unknown", s.ID())
		got := s.Rooms()
		slices.Sort(got[1:])
		if err := errors.Join(s.Join(s.ID()), s.LateJoin(s.ID())); err != nil || len(s.Rooms()) != 3 {
			t.Errorf("joined its own room: %v, %q", err, s.Rooms())
		}
		if want := []string{p.ID(), "x", "z"}; !slices.Equal(got, want) {
			t.Errorf("rooms %q, want %q", got, want)
		}
		if err := f.srv.To("x").SocketsJoin("w"); err != nil {
			t.Error(err)
		}
		_ = f.srv.To("w").SocketsLeave("x")
		infos, err := f.srv.To("w").FetchSockets(f.ctx)
		if err != nil || len(infos) != 1 || infos[0].ID != p.ID() || slices.Contains(infos[0].Rooms, "x") {
			t.Errorf("fetched %+v, %v", infos, err)
		}
		_ = f.srv.To("w").DisconnectSockets(nil)
		f.ended(p, sockettest.ErrDisconnected)
		for _, join := range []func(...string) error{s.Join, s.LateJoin} {
			if err := join("x"); !errors.Is(err, socketio.ErrClosed) || len(s.Rooms()) != 0 || f.srv.Remains() != "" && !strings.HasPrefix(f.srv.Remains(), "1 connections; ") {
				t.Errorf("after its end: %v, %v, left: %s", err, s.Rooms(), f.srv.Remains())
			}
		}
	})
}

// A socket that has left receives nothing more, even from a broadcast that began before.
func TestNothingFollowsDisconnect(t *testing.T) {
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		var trace sync.Mutex
		var packets []string
		p := f.dial(sockettest.Options{Trace: func(sent bool, data []byte, _ bool) {
			trace.Lock()
			defer trace.Unlock()
			if !sent {
				packets = append(packets, string(data))
			}
		}})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 100 {
					_ = f.srv.Emit("e")
				}
			})
		}
		all.Go(func() { s.Disconnect(nil) })
		all.Wait()
		synctest.Wait()
		trace.Lock()
		defer trace.Unlock()
		if at := slices.Index(packets, "1"); at < 0 || at != len(packets)-1 {
			t.Errorf("DISCONNECT is packet %d of %d", at, len(packets))
		}
		f.ended(p, sockettest.ErrDisconnected)
	})
}

// A broadcast to no room reaches no socket: an empty list must not mean all sockets.
func TestBroadcastToNoRoomReachesNoSocket(t *testing.T) {
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		p, other := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		synctest.Wait()
		var friends []string
		s := f.srv.Sockets()[0]
		for _, b := range []socketio.Broadcast{f.srv.To(friends...), f.srv.To(), s.To(friends...), f.srv.To().Except("x"), f.srv.To([]string{}...)} {
			_ = b.Emit("secret")
			_ = b.DisconnectSockets(&socketio.Ending{Temporary: true, WholeConnection: true})
			if infos, _ := b.FetchSockets(f.ctx); len(infos) != 0 {
				t.Errorf("fetched %v", infos)
			}
		}
		f.nothing(p)
		f.nothing(other)
		_ = f.srv.To(friends...).To(p.ID()).Emit("hello")
		f.expect(p, "hello")
		if n := len(f.srv.Sockets()); n != 2 {
			t.Errorf("%d sockets are left", n)
		}
	})
}

// Room names are bounded, because they may come from peers and are kept.
func TestRoomNamesAreBounded(t *testing.T) {
	bubble(t, socketio.Options{MaxNameLength: 8, MaxRooms: 2}, open, func(f *fixture) {
		f.dial(sockettest.Options{})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		if err := s.Join("12345678", "123456789"); !errors.Is(err, socketio.ErrRoomName) || len(s.Rooms()) != 1 {
			t.Errorf("%v, rooms %q", err, s.Rooms())
		}
		if err := s.Join("a", "b", "a", "b", "a"); err != nil { // two rooms
			t.Error(err)
		}
	})
}

// A socket with too many pending acknowledgements is left out. Acknowledgements that were given
// up, or whose event was not sent, do not count.
func TestBroadcastWithAckSkipsSocketsWithTooManyPendingAcks(t *testing.T) {
	bubble(t, socketio.Options{MaxPendingAcks: 2}, open, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		for range 5 { // given up each time
			ctx, cancel := context.WithTimeout(f.ctx, time.Second)
			if _, err := f.srv.EmitWithAck(ctx, "q"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the peer is silent: %v", err)
			}
			cancel()
			f.expect(p, "q")
		}
		done := make(chan error)
		for range 2 {
			go func() { _, err := f.srv.EmitWithAck(f.ctx, "q"); done <- err }()
		}
		synctest.Wait()
		if answers, err := f.srv.EmitWithAck(f.ctx, "q"); len(answers.List) != 0 || err != nil {
			t.Errorf("%+v, %v", answers, err)
		}
		for range 2 {
			e, err := p.Expect(f.ctx, "q")
			if err != nil || e.Ack() != nil || <-done != nil {
				t.Error(err)
			}
		}
		f.nothing(p)
	})
}

// An event that cannot be encoded or addressed is an error of the call, and nothing is sent.
func TestEmitFails(t *testing.T) {
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		for name, emit := range map[string]func(event string, args ...any) error{
			"Socket.Emit":             s.Emit,
			"Socket.EmitWithAck":      func(event string, args ...any) error { _, err := s.EmitWithAck(f.ctx, event, args...); return err },
			"Socket.Volatile":         s.Volatile().Emit,
			"Server.Emit":             f.srv.Emit,
			"Server.EmitWithAck":      func(event string, args ...any) error { _, err := f.srv.EmitWithAck(f.ctx, event, args...); return err },
			"to a room that is empty": f.srv.To("empty").Emit,
		} {
			if err := emit("disconnect"); !errors.Is(err, socketio.ErrEventName) {
				t.Errorf("%s of a reserved event: %v", name, err)
			}
			if err := emit("x", make(chan int)); err == nil {
				t.Errorf("%s of a channel worked", name)
			}
		}
		f.nothing(p)
		if err := f.srv.SocketsJoin(strings.Repeat("x", 1000)); !errors.Is(err, socketio.ErrRoomName) {
			t.Errorf("SocketsJoin: %v", err)
		}
		_ = f.srv.To(p.ID()).DisconnectSockets(&socketio.Ending{Temporary: true, WholeConnection: true})
		f.ended(p, sockettest.ErrClosed)
	})
}
