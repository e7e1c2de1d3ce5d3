package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// OnEmit reports events to sockets and broadcasts, with their recipients, and not failed ones.
// Its function may use the server.
func TestOnEmit(t *testing.T) {
	var told record
	setup := func(srv *socketio.Server) {
		srv.Open()
		srv.OnEmit(func(e socketio.Emitted) {
			told.add(fmt.Sprint(e.Namespace, " ", e.Packet.Event, e.Packet.Args, " ", e.Socket != nil, " ", e.To.Rooms, " ", e.Recipients))
			for _, s := range srv.Sockets() { // takes the locks
				_ = s.Join("seen")
			}
		})
	}
	bubble(t, socketio.Options{}, setup, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.dial(sockettest.Options{})
		synctest.Wait()
		s := socketOf(f, p)
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		_ = s.Emit("direct", 1)
		_, _ = s.EmitWithAck(ctx, "question")
		_ = f.srv.Emit("all")
		_, _ = f.srv.EmitWithAck(ctx, "ask all")
		_ = f.srv.To("empty").Emit("unheard")
		_ = s.Emit("bad", make(chan int))
		s.Disconnect(nil)
		_ = s.Emit("late")
		want := []string{
			"/ direct[1] true [] 1", "/ question[] true [] 1", "/ all[] false [] 2", "/ ask all[] false [] 2", "/ unheard[] false [empty] 0",
		}
		if got := told.all(); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

// stalling makes the peer's reads wait until proceed is closed, once armed is set.
type stalling struct {
	net.Conn
	armed, proceed chan struct{}
}

func (c stalling) Read(b []byte) (int, error) {
	select {
	case <-c.armed:
		<-c.proceed
	default:
	}
	return c.Conn.Read(b)
}

// Flush waits for a peer that does not read, until it reads, ctx ends or the connection closes.
func TestFlush(t *testing.T) {
	for name, c := range map[string]struct {
		then func(f *fixture, s *socketio.Socket, proceed chan struct{}, cancel context.CancelFunc)
		want error
	}{
		"the peer reads":      {func(_ *fixture, _ *socketio.Socket, proceed chan struct{}, _ context.CancelFunc) { close(proceed) }, nil},
		"ctx ends":            {func(_ *fixture, _ *socketio.Socket, _ chan struct{}, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"the connection ends": {func(f *fixture, _ *socketio.Socket, _ chan struct{}, _ context.CancelFunc) { _ = f.srv.Close() }, socketio.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, socketio.Options{}, open, func(f *fixture) {
				armed, proceed := make(chan struct{}), make(chan struct{})
				in := f.in
				p, err := sockettest.Dial(f.ctx, "http://server", sockettest.Options{
					NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
						conn, err := in.Dial(ctx, network, address)
						return stalling{conn, armed, proceed}, err
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = p.Close() }()
				synctest.Wait()
				s := f.srv.Sockets()[0]
				if err := s.Flush(f.ctx); err != nil || s.Queued() != 0 {
					t.Errorf("an idle connection: %v, %d bytes", err, s.Queued())
				}
				close(armed)
				for range 20 { // one write may take several
					_ = s.Emit("event", strings.Repeat("x", 1000))
				}
				synctest.Wait()
				if n := s.Queued(); n < 3000 {
					t.Errorf("%d bytes are queued", n)
				}
				ctx, cancel := context.WithCancel(f.ctx)
				defer cancel()
				done := make(chan error, 1)
				go func() { done <- s.Flush(ctx) }()
				synctest.Wait()
				select {
				case err := <-done:
					t.Fatalf("Flush returned %v while events were queued", err)
				default:
				}
				c.then(f, s, proceed, cancel)
				if err := <-done; !errors.Is(err, c.want) {
					t.Errorf("Flush: %v, want %v", err, c.want)
				}
				if c.want == nil && s.Queued() != 0 {
					t.Errorf("%d bytes are queued", s.Queued())
				}
				if c.want != nil {
					close(proceed)
				}
			})
		})
	}
}

// With long-polling, Flush waits for the next poll.
func TestFlushByPolling(t *testing.T) {
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		path := f.pollingSession()
		f.post(path, "40")
		f.poll(path)
		s := f.srv.Sockets()[0]
		if err := s.Flush(f.ctx); err != nil {
			t.Errorf("nothing is queued: %v", err)
		}
		_ = s.Emit("event")
		short, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		if err := s.Flush(short); !errors.Is(err, context.DeadlineExceeded) || s.Queued() == 0 {
			t.Errorf("no poll came: %v, %d bytes", err, s.Queued())
		}
		done := make(chan error, 1)
		go func() { done <- s.Flush(f.ctx) }()
		synctest.Wait()
		if got := f.poll(path); got != `42["event"]` {
			t.Errorf("polled %q", got)
		}
		if err := <-done; err != nil || s.Queued() != 0 {
			t.Errorf("after the poll: %v, %d bytes", err, s.Queued())
		}
	})
}

// OnEmit receives the event before it is encoded, and its recipients.
func TestOnEmitGetsPackets(t *testing.T) {
	var packets record
	setup := func(srv *socketio.Server) {
		srv.Open()
		srv.OnEmit(func(e socketio.Emitted) {
			p, to := e.Packet, e.To
			packets.add(fmt.Sprint(p.Event, " ", p.Args, " ", p.Volatile, " ", to.All, " ", to.Rooms, " ", to.Except, " ", e.Local))
		})
	}
	bubble(t, socketio.Options{}, setup, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		_ = f.srv.Emit("all", 1, "x")
		_ = f.srv.To("a").To("b").Except("c").Local().Volatile().Emit("some")
		_ = s.To("a").Emit("others")
		_ = s.Volatile().Emit("this")
		id := p.ID()
		want := []string{
			"all [1 x] false true [] [] false",
			"some [] true false [a b] [c] true",
			"others [] false false [a] [" + id + "] false",
			"this [] true false [" + id + "] [] true",
		}
		if got := packets.all(); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func TestSlowPeerIsClosed(t *testing.T) {
	opts := socketio.Options{Engine: engineio.Options{MaxOutbound: 100_000}}
	bubble(t, opts, open, func(f *fixture) {
		p := f.dial(sockettest.Options{Trace: func(sent bool, _ []byte, _ bool) {}})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		var err error
		for range 1000 { // the peer's reader runs only while this goroutine waits
			if err = s.Emit("flood", strings.Repeat("x", 10_000)); err != nil {
				break
			}
		}
		if !errors.Is(err, engineio.ErrSlow) {
			t.Fatalf("got %v, want ErrSlow", err)
		}
		if err := s.Emit("more"); !errors.Is(err, engineio.ErrClosed) && !errors.Is(err, socketio.ErrClosed) {
			t.Errorf("afterwards: %v", err)
		}
		f.ended(p, sockettest.ErrClosed)
	})
}

// A volatile event is dropped instead of queued. A volatile EmitWithAck that reaches no peer
// returns no answers.
func TestVolatileIsDropped(t *testing.T) {
	bubble(t, socketio.Options{MaxPendingAcks: 1}, open, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		path := f.pollingSession()
		f.post(path, "40")
		_ = f.poll(path) // the answer to CONNECT
		synctest.Wait()
		transports := map[engineio.Transport]int{}
		for _, s := range f.srv.Sockets() {
			transports[s.Transport()]++
		}
		if transports[engineio.Polling] != 1 || transports[engineio.WebSocket] != 1 {
			t.Errorf("transports %v", transports)
		}
		// Between two polls nothing can be written. A WebSocket can always take an event.
		_ = f.srv.Volatile().Emit("volatile")
		f.expect(p, "volatile")
		synctest.Wait() // now it can be written to again
		go func() {
			if e, err := p.Expect(f.ctx, "question"); err == nil {
				_ = e.Ack()
			}
		}()
		answers, err := f.srv.Volatile().EmitWithAck(f.ctx, "question")
		if len(answers.List) != 1 || err != nil {
			t.Errorf("%+v, %v", answers, err)
		}
		// A dropped event leaves no pending acknowledgement, so there is room for the next one.
		short, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		_, _ = f.srv.EmitWithAck(short, "kept")
		if got := f.poll(path); !strings.HasSuffix(got, `["kept"]`) || strings.Contains(got, "question") {
			t.Errorf("the poll got %q", got)
		}
	})
}

// A broadcast without recipients on this node makes no packet for sockets.
func TestPacketIsMadeForTheFirstSocket(t *testing.T) {
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		f.dial(sockettest.Options{})
		synctest.Wait()
		n := f.srv.Lookup("/")
		if n.MakesPacket(socketio.Selector{Rooms: []string{"empty"}}) {
			t.Error("a packet for a room without sockets")
		}
		if !n.MakesPacket(socketio.Selector{All: true}) {
			t.Error("no packet for a socket")
		}
	})
}
