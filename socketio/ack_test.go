package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestAckBothWays(t *testing.T) {
	type file struct {
		Name string
		Data []byte
	}
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("store", socketio.AckFunc(func(_ context.Context, _ *socketio.Socket, in file) (file, error) {
			return file{in.Name + "!", append(in.Data, '!')}, nil
		}))
		srv.Handle("ask me", func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
			// the answer arrives while this handler, the only one of the socket, waits
			answer, err := s.EmitWithAck(ctx, "question", []byte{1, 2})
			if err != nil {
				return err
			}
			return e.Ack(answer.Args()...)
		})
		srv.Handle("back", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
			if e.WantsAck() {
				defer func() {
					if err := e.Ack("again"); !errors.Is(err, socketio.ErrAckSent) {
						t.Errorf("the second Ack: %v", err)
					}
				}()
			}
			return errors.Join(s.Emit("back", e.Args()...), e.Ack(e.Args()...))
		})
		srv.Handle("public", socketio.AckFunc(func(context.Context, *socketio.Socket, int) (int, error) {
			return 0, &socketio.PublicError{Message: "room is full"}
		}))
		srv.Handle("private", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (int, error) {
			return 0, errors.New("password=hunter2")
		}))
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		answer, err := p.EmitWithAck(f.ctx, "store", file{"a", []byte("xyz")})
		var got file
		if err != nil || answer.Scan(&got) != nil || got.Name != "a!" || string(got.Data) != "xyz!" {
			t.Errorf("store: %+v, %v", got, err)
		}

		asked := make(chan sockettest.Event)
		go func() {
			e, _ := p.Expect(f.ctx, "question")
			_ = e.Ack("fine", []byte{3})
			asked <- e
		}()
		answer, err = p.EmitWithAck(f.ctx, "ask me")
		var word string
		var data []byte
		if err != nil || answer.Scan(&word, &data) != nil || word != "fine" || !slices.Equal(data, []byte{3}) {
			t.Errorf("ask me: %q %v, %v", word, data, err)
		}
		if e := <-asked; !e.WantsAck() {
			t.Error("the question wants no answer")
		}

		answer, err = p.EmitWithAck(f.ctx, "back", 1, map[string]any{"x": []byte("b")}, nil)
		var n int
		var x struct{ X []byte }
		if err != nil || answer.Len() != 3 || answer.Scan(&n, &x) != nil || n != 1 || string(x.X) != "b" {
			t.Errorf("back: %d %+v, %v", n, x, err)
		}

		for event, want := range map[string]string{"public": "room is full", "private": "internal error"} {
			answer, err = p.EmitWithAck(f.ctx, event, 1)
			var failed struct{ Error string }
			if err != nil || answer.Scan(&failed) != nil || failed.Error != want {
				t.Errorf("%s: %+v, %v", event, failed, err)
			}
		}
		answer, err = p.EmitWithAck(f.ctx, "public", "not a number")
		var failed struct{ Error string }
		if err != nil || answer.Scan(&failed) != nil || failed.Error != "bad arguments" {
			t.Errorf("bad arguments: %+v, %v", failed, err)
		}
	})
}

// Ack sends nothing if the peer does not wait for it, or the second time.
func TestAckIsSentOnceAndOnlyIfWanted(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("x", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			_ = e.Ack(1)
			_ = e.Ack(2)
			return nil
		})
	}, func(f *fixture) {
		var heard record
		p := f.dial(sockettest.Options{Trace: func(sent bool, data []byte, _ bool) {
			if !sent && data[0] == '3' {
				heard.add(string(data))
			}
		}})
		_ = p.SendRaw(`2["x"]`)
		_ = p.SendRaw(`20["x"]`)
		_ = p.SendRaw(`2["x"]`)
		if got := heard.all(); !slices.Equal(got, []string{"30[1]"}) {
			t.Errorf("heard %q", got)
		}
	})
}

func TestEmitWithAckGivesUp(t *testing.T) {
	bubble(t, socketio.Options{MaxPendingAcks: 2}, open, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		ctx, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		if _, err := s.EmitWithAck(ctx, "q"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		late, err := p.Expect(f.ctx, "q")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			go func() {
				if _, err := s.EmitWithAck(f.ctx, "q"); errors.Is(err, socketio.ErrTooManyAcks) {
					t.Error("the one that was given up still counts")
				}
			}()
		}
		synctest.Wait()
		if _, err := s.EmitWithAck(f.ctx, "q"); !errors.Is(err, socketio.ErrTooManyAcks) {
			t.Errorf("a third: %v", err)
		}
		_ = late.Ack("too late") // no call waits for it any more
		waited := make(chan error)
		e, _ := p.Expect(f.ctx, "q")
		_ = e.Ack()
		synctest.Wait()
		go func() { _, err := s.EmitWithAck(f.ctx, "q"); waited <- err }()
		synctest.Wait()
		_ = p.Close() // the answer will never arrive
		if err := <-waited; !errors.Is(err, socketio.ErrClosed) {
			t.Errorf("after the peer left: %v", err)
		}
	})
}

// If a result cannot be encoded, the peer still gets an answer, because it waits for one.
func TestAckOfUnencodableResult(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("bad", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (chan int, error) { return make(chan int), nil }))
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		answer, err := p.EmitWithAck(f.ctx, "bad")
		var failed struct{ Error string }
		if err != nil || answer.Scan(&failed) != nil || failed.Error != "internal error" {
			t.Errorf("%+v, %v", failed, err)
		}
	})
}

// A handler that waits for an answer is told at once that none will come, while its socket is
// still draining.
func TestEmitWithAckEndsWhenThePeerLeaves(t *testing.T) {
	for _, how := range []string{"leave", "close"} {
		var ran record
		bubble(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Open()
			srv.Handle("ask", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
				begin := time.Now()
				_, err := s.EmitWithAck(ctx, "question")
				ran.add(fmt.Sprint(errors.Is(err, socketio.ErrClosed), time.Since(begin), ctx.Err()))
				_, err = s.EmitWithAck(ctx, "another")
				ran.add(fmt.Sprint(errors.Is(err, socketio.ErrClosed)))
				return nil
			})
		}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			_ = p.Emit("ask")
			synctest.Wait()
			if how == "leave" {
				_ = p.Leave()
			} else {
				_ = p.Close()
			}
			if got, want := ran.all(), []string{"true 0s <nil>", "true"}; !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", how, got, want)
			}
		})
	}
}
