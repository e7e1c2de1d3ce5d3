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

type lifeKey struct{}

// renewing sets up "/" with sockets that have rooms and values, and an event "work" that lasts
// until its context has ended and then another second.
func renewing(value *socketio.Key[string], ran *record) func(srv *socketio.Server) {
	return func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Intercept("intercepted", func(context.Context, *socketio.Socket, *socketio.Event) error {
				ran.add("intercepted")
				time.Sleep(3 * time.Second)
				return nil
			})
		})
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			value.Set(s, "old")
			s.SetContextValue(lifeKey{}, "old")
			return s.Join("a", "b")
		})
		srv.Handle("work", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			value.Set(s, "old again")
			s.SetContextValue(lifeKey{}, "old again")
			ran.add(fmt.Sprint("work ends: ", context.Cause(ctx), ", join: ", s.Join("c")))
			return nil
		})
		srv.Handle("say", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
			v, ok := value.Value(s)
			ran.add(fmt.Sprint("say: ", ctx.Value(lifeKey{}), ", ", v, " ", ok, ", ", len(s.Rooms()), " rooms, ", ctx.Err()))
			return nil
		})
		srv.Handle("aside", func(ctx context.Context, _ *socketio.Socket, e *socketio.Event) error {
			resume, err := e.SetAside()
			context.AfterFunc(ctx, func() {
				time.Sleep(time.Minute)
				resume(func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("resumed"); return nil })
			})
			return err
		})
		srv.OnDisconnect(func(ctx context.Context, _ *socketio.Socket, _ socketio.Reason) { ran.add("disconnected") })
	}
}

// Renew waits for the handlers that run, also for that of Intercept. Until then the socket counts as ended. Afterwards it has
// neither rooms nor values, and the first thing that its peer receives is the event.
func TestRenew(t *testing.T) {
	value := socketio.NewKey[string]()
	var ran record
	bubble(t, socketio.Options{}, renewing(value, &ran), func(f *fixture) {
		p, other := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		synctest.Wait()
		s := socketOf(f, p)
		s.SetDeadline(time.Now().Add(time.Minute), nil)
		asked := make(chan error, 1)
		go func() { _, err := s.EmitWithAck(f.ctx, "question"); asked <- err }()
		f.expect(p, "question")
		_ = errors.Join(p.Emit("aside"), p.Emit("work"), p.Emit("say")) // aside and say wait, and are dropped
		_ = errors.Join(p.Emit("intercepted"), p.Emit("intercepted"))   // the second one waits beyond the renewal, and is dropped
		synctest.Wait()
		renewal := socketio.Renewal{
			Cause: errors.New("renewed"), Event: "first", Args: []any{1},
			Before: func() { ran.add(fmt.Sprint("before: ", s.Rooms() == nil)) },
			After:  func() { ran.add(fmt.Sprint("after: ", s.Rooms()[0] == s.ID(), ", ", s.Join("d"))) },
		}
		if err := s.Renew(renewal); err != nil {
			t.Fatal(err)
		}
		if err := <-asked; !errors.Is(err, socketio.ErrClosed) {
			t.Errorf("a pending acknowledgement: %v", err)
		}
		if err := s.Renew(renewal); !errors.Is(err, socketio.ErrClosed) {
			t.Errorf("a second Renew: %v", err)
		}
		for name, err := range map[string]error{"Emit": s.Emit("late"), "Join": s.Join("e"), "Assign": s.Assign("e"), "Context": s.Context().Err()} {
			if err == nil {
				t.Errorf("%s works while the handler runs", name)
			}
		}
		s.SetDeadline(time.Now().Add(time.Hour), nil) // must not bring the socket back
		_ = errors.Join(f.srv.Emit("late"), f.srv.To("a").Emit("late"), f.srv.To(s.ID()).Emit("late"))
		if all := f.srv.Sockets(); len(all) != 1 || all[0] == s {
			t.Errorf("listed: %v", all)
		}
		f.expect(other, "late")
		time.Sleep(time.Second) // the handler returns
		_ = p.Emit("intercepted")
		f.nothing(p)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		_ = errors.Join(f.srv.To("a", "b", "c", "e").Emit("secret"), f.srv.To("d").Emit("second"))
		if got := p.Events(); len(got) > 0 && got[0] != "first" {
			t.Errorf("the peer got %q", got)
		}
		f.expect(p, "first")
		f.expect(p, "second")
		_ = p.Emit("say")
		time.Sleep(2 * time.Minute) // the deadline is gone
		want := []string{
			"intercepted", "work ends: renewed, join: " + socketio.ErrClosed.Error(), "before: true", "after: true, <nil>", "say: <nil>,  false, 2 rooms, <nil>",
		}
		if got := ran.all(); !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
		f.nothing(p)
		if !slices.Contains(f.srv.Sockets(), s) {
			t.Error("the socket is gone")
		}
	})
}

// A socket can be renewed only while it is admitted, and ends while it waits as it always does.
func TestRenewAndTheEnd(t *testing.T) {
	var ran record
	value := socketio.NewKey[string]()
	for name, end := range map[string]func(s *socketio.Socket, p *sockettest.Peer){
		"disconnected": func(s *socketio.Socket, _ *sockettest.Peer) { s.Disconnect(nil) },
		"left":         func(_ *socketio.Socket, p *sockettest.Peer) { _ = p.Leave() },
		"lost":         func(_ *socketio.Socket, p *sockettest.Peer) { _ = p.Close() },
	} {
		for _, event := range []string{"work", "intercepted"} {
			t.Run(name+" during "+event, func(t *testing.T) {
				ran = record{}
				bubble(t, socketio.Options{}, renewing(value, &ran), func(f *fixture) {
					p := f.dial(sockettest.Options{})
					synctest.Wait()
					s := socketOf(f, p)
					_ = p.Emit(event)
					synctest.Wait()
					after := false
					if err := s.Renew(socketio.Renewal{Cause: errors.New("renewed"), Event: "first", After: func() { after = true }}); err != nil {
						t.Fatal(err)
					}
					end(s, p)
					time.Sleep(time.Minute)
					synctest.Wait()
					if after || len(f.srv.Sockets()) != 0 || s.Context().Err() == nil {
						t.Errorf("the socket went on: after %t, %v", after, f.srv.Sockets())
					}
					if got := ran.all(); len(got) != 2 || got[1] != "disconnected" {
						t.Errorf("ran %q", got)
					}
					if err := s.Renew(socketio.Renewal{}); !errors.Is(err, socketio.ErrClosed) {
						t.Errorf("Renew of an ended socket: %v", err)
					}
				})
			})
		}
	}
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			ran.add(fmt.Sprint(errors.Is(s.Renew(socketio.Renewal{}), socketio.ErrNotAdmitted)))
			return nil
		})
	}, func(f *fixture) {
		ran = record{}
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		if got := ran.all(); !slices.Equal(got, []string{"true"}) {
			t.Errorf("in middleware: %q", got)
		}
		if err := socketOf(f, p).Renew(socketio.Renewal{Event: "first", Args: []any{func() {}}}); err == nil {
			t.Error("an event that cannot be encoded is accepted")
		}
	})
}

// Events that a peer sends as soon as it hears of the renewal wait for Renewal.After, also
// intercepted ones.
func TestEventsDuringAfter(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, renewing(socketio.NewKey[string](), &ran), func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		after := func() {
			time.Sleep(time.Second)
			ran.add("after")
		}
		if err := socketOf(f, p).Renew(socketio.Renewal{Event: "first", After: after}); err != nil {
			t.Fatal(err)
		}
		f.expect(p, "first")
		_ = errors.Join(p.Emit("intercepted"), p.Emit("intercepted"))
		time.Sleep(10 * time.Second)
		_ = p.Emit("intercepted") // starts another goroutine
		time.Sleep(10 * time.Second)
		if got, want := ran.all(), []string{"after", "intercepted", "intercepted", "intercepted"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

// A broadcast that selected a socket before it was renewed does not reach it afterwards, and a
// call of Join that was allowed before does not take effect.
func TestRenewDuringABroadcast(t *testing.T) {
	var ran record
	var wall clock
	value := socketio.NewKey[string]()
	bubble(t, socketio.Options{Now: wall.now}, renewing(value, &ran), func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		s := socketOf(f, p)
		renew := func() {
			if err := s.Renew(socketio.Renewal{Event: "renewed"}); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		wall.read.Store(&renew) // a broadcast reads the clock after it has selected the sockets
		_ = f.srv.To("a").Emit("secret")
		f.expect(p, "renewed")
		f.nothing(p)
		if err := s.LateJoin("a"); !errors.Is(err, socketio.ErrClosed) || len(s.Rooms()) != 1 {
			t.Errorf("late Join: %v, in %q", err, s.Rooms())
		}
	})
}

// A reminder comes once, before the deadline, and goes with it. It does not move the deadline.
func TestRemind(t *testing.T) {
	var wall clock
	bubble(t, socketio.Options{Now: wall.now}, func(srv *socketio.Server) { srv.Open() }, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		s := socketOf(f, p)
		var ran record
		start := time.Now()
		note := func(what string) func() {
			return func() { ran.add(fmt.Sprint(what, " after ", time.Since(start))) }
		}
		s.Remind(time.Now().Add(time.Second), note("without a deadline"))
		s.SetDeadline(start.Add(time.Hour), note("end"))
		s.Remind(start.Add(time.Minute), note("replaced"))
		s.Remind(start.Add(2*time.Minute), note("reminder"))
		time.Sleep(30 * time.Minute)
		s.SetDeadline(start.Add(40*time.Minute), note("end"))
		s.Remind(start.Add(35*time.Minute), note("second"))
		time.Sleep(time.Minute)
		s.SetDeadline(start.Add(50*time.Minute), note("end"))
		f.ended(p, sockettest.ErrClosed)
		if got := ran.all(); !slices.Equal(got, []string{"reminder after 2m0s", "end after 50m0s"}) {
			t.Errorf("ran %q", got)
		}
	})
	// A reminder beyond the deadline does not delay it. A clock that is set does not skip it.
	bubble(t, socketio.Options{Now: wall.now}, func(srv *socketio.Server) { srv.Open() }, func(f *fixture) {
		p, q := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		synctest.Wait()
		start := time.Now()
		s := socketOf(f, p)
		s.SetDeadline(start.Add(time.Minute), nil)
		s.Remind(start.Add(time.Hour), func() {})
		f.ended(p, sockettest.ErrClosed)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("ended after %v", took)
		}
		s = socketOf(f, q)
		s.SetDeadline(start.Add(time.Hour), nil)
		s.Remind(start.Add(30*time.Minute), func() { _ = s.Emit("reminder") })
		wall.set(45 * time.Minute)
		reminded := time.Now()
		f.expect(q, "reminder")
		if took := time.Since(reminded); took > 2*time.Second {
			t.Errorf("reminded %v after the step", took)
		}
		f.ended(q, sockettest.ErrClosed)
	})
}

// The peer receives what Welcome and AckOnAdmission sent first, after CONNECT and before anything
// that OnConnect sends, whether it was held or not.
func TestWelcome(t *testing.T) {
	for _, hold := range []bool{false, true} {
		var ran record
		bubble(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Use(func(_ context.Context, s *socketio.Socket) error {
				if err := s.Welcome("welcome", 1); err != nil {
					return err
				}
				if !hold {
					return nil
				}
				err := s.Intercept("login", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
					ran.add(fmt.Sprint(e.AckOnAdmission("done"), e.AckOnAdmission("twice"), s.AdmitWith("admitted")))
					return nil
				})
				return errors.Join(err, s.Hold(socketio.HoldOptions{}))
			}, func(context.Context, *socketio.Socket) error { time.Sleep(time.Second); return nil })
			srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
				ran.add(fmt.Sprint(s.Welcome("late")))
				return s.Emit("hello")
			})
		}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			f.expect(p, "welcome")
			want := []string{socketio.ErrAdmitted.Error()}
			if hold {
				start := time.Now()
				got, err := p.EmitWithAck(f.ctx, "login")
				if took := time.Since(start); err != nil || got.Len() != 1 || took != time.Second {
					t.Errorf("acknowledged after %v: %v", took, err)
				}
				f.expect(p, "admitted")
				want = []string{fmt.Sprint(nil, socketio.ErrAckSent, nil), want[0]}
			}
			f.expect(p, "hello")
			if got := ran.all(); !slices.Equal(got, want) {
				t.Errorf("ran %q, want %q", got, want)
			}
			f.nothing(p)
		})
	}
}
