package auth_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// hooked is a Denylist that runs functions at the moments that matter.
type hooked struct {
	*auth.MemoryDenylist
	beforeAdd func()
	afterFind func() // before the result is returned
}

func (d *hooked) Add(ctx context.Context, r auth.Revocation) error {
	if f := d.beforeAdd; f != nil {
		d.beforeAdd = nil
		f()
	}
	return d.MemoryDenylist.Add(ctx, r)
}

func (d *hooked) Find(ctx context.Context, t *token.Token) (auth.Revocation, bool, error) {
	r, found, err := d.MemoryDenylist.Find(ctx, t)
	if f := d.afterFind; f != nil && t.ID == "7" {
		d.afterFind = nil
		f()
	}
	return r, found, err
}

// The order of the steps leaves no hole. A token whose examination has asked the denylist just
// before the entry was added is in the index, so the sweep finds it. A socket that is admitted
// just before the entry is added is found by the sweep that follows.
func TestRevokeLeavesNoHole(t *testing.T) {
	list := &hooked{MemoryDenylist: auth.NewDenylist(auth.DenylistOptions{})}
	inModes(t, setup{gate: auth.Options{Denylist: list}}, func(f *fixture, mode string) {
		list.MemoryDenylist = auth.NewDenylist(auth.DenylistOptions{})
		list.afterFind = func() {
			f.revoke(auth.ByTokenID("https://issuer", "7"), auth.RevokeOptions{}, map[bool]int{true: 0, false: 1}[mode == "guest"])
		}
		f.refusedAs(mode, sign(named("7")), "token_revoked")
		list.MemoryDenylist = auth.NewDenylist(auth.DenylistOptions{})
		var p *sockettest.Peer
		list.beforeAdd = func() {
			p = f.enter(mode, sign(named("7")))
			if got := f.whoami(p); got != "ada" {
				f.t.Errorf("it is %s", got)
			}
		}
		f.revoke(auth.ByTokenID("https://issuer", "7"), auth.RevokeOptions{}, 1)
		f.revoked(p)
		if n := len(f.srv.To("lobby").Sockets()); n > 1 { // a guest that was refused may be in it
			f.t.Errorf("%d sockets are in the room", n)
		}
	})
}

// A token that is revoked while a socket refreshes its lease with it is refused, and the lease
// stays. A revocation of both tokens ends the socket.
func TestRevokeDuringRefresh(t *testing.T) {
	slow := auth.Check(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) error {
		if tok.ID != "7" {
			time.Sleep(time.Second)
		}
		return nil
	})
	inModes(t, setup{gate: auth.Options{Authorize: slow}}, func(f *fixture, mode string) {
		p := f.enter(mode, sign(issued("7")))
		refresh := func(id string, during func()) (reason string) {
			go func() {
				time.Sleep(500 * time.Millisecond)
				during()
			}()
			answer, err := p.EmitWithAck(f.ctx, "authenticate", bearing(sign(issued(id))))
			if err != nil {
				return "ended"
			}
			var told struct{ Error struct{ Reason string } }
			if err := answer.Scan(&told); err != nil {
				f.t.Error(err)
			}
			return told.Error.Reason
		}
		if got := refresh("8", func() { f.revoke(auth.ByTokenID("https://issuer", "8"), auth.RevokeOptions{}, 0) }); got != "token_revoked" {
			f.t.Errorf("refresh with a revoked token: %q", got)
		}
		if got := f.whoami(p); got != "ada" || states(f.gate, ada) != "running" {
			f.t.Errorf("it is %s, %s", got, states(f.gate, ada))
		}
		if got := refresh("8", func() {}); got != "token_revoked" {
			f.t.Errorf("refresh with a token that is in the list: %q", got)
		}
		if got := refresh("9", func() {}); got != "" {
			f.t.Errorf("refresh with another token: %q", got)
		}
		if got := refresh("10", func() { f.revoke(ada, auth.RevokeOptions{}, 1) }); got != "ended" {
			f.t.Errorf("refresh during a revocation of the subject: %q", got)
		}
		f.revoked(p)
		time.Sleep(time.Second) // until Authorize returns
		f.forgotten()
	})
}

// Two revocations, the end of the lease, a disconnect and the loss of the connection race. The
// peer is told one thing, and each caller of Revoke finds the socket gone.
func TestRevokeRacesWithOtherEnds(t *testing.T) {
	revoke := func(f *fixture, _ *sockettest.Peer) {
		if _, err := f.gate.Revoke(f.ctx, ada, auth.RevokeOptions{}); err != nil {
			f.t.Error(err)
		}
		if n := len(f.srv.Sockets()); n != 0 {
			f.t.Errorf("%d sockets are left when Revoke returns", n)
		}
	}
	for name, other := range map[string]func(f *fixture, p *sockettest.Peer){
		"revoke": revoke,
		"block": func(f *fixture, _ *sockettest.Peer) {
			_, _ = f.gate.Block(f.ctx, "https://issuer", "ada", auth.RevokeOptions{})
		},
		"expiry":     func(*fixture, *sockettest.Peer) {},
		"disconnect": func(f *fixture, _ *sockettest.Peer) { _ = f.srv.To("lobby").DisconnectSockets(nil) },
		"lost":       func(_ *fixture, p *sockettest.Peer) { _ = p.Close() },
	} {
		for _, mode := range modes {
			t.Run(name+" "+mode, func(t *testing.T) {
				for range 20 {
					bubble(t, setup{event: mode == "event", gate: auth.Options{Guests: guests(mode == "guest")}}, func(f *fixture) {
						p := f.enter(mode, sign(issued("7").with("exp", time.Now().Add(time.Minute).Unix())))
						time.Sleep(time.Minute - time.Nanosecond)
						if name == "expiry" {
							time.Sleep(time.Nanosecond)
						}
						var both sync.WaitGroup
						both.Go(func() { revoke(f, p) })
						both.Go(func() { other(f, p) })
						both.Wait()
						synctest.Wait()
						told := slices.DeleteFunc(p.Events(), func(e string) bool { return e != "unauthorized" })
						if len(told) > 1 {
							t.Errorf("told %q", told)
						}
						_ = p.Close()
						f.forgotten()
					})
				}
			})
		}
	}
}

// Peers of two users connect, log in, refresh and leave at random while their tokens are revoked.
// Whenever Revoke has returned, no socket is left whose token was issued before, and none is
// admitted later.
func TestRevokeUnderRandomTraffic(t *testing.T) {
	slow := auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
		time.Sleep(rand.N(20 * time.Millisecond))
		return nil
	})
	inModes(t, setup{gate: auth.Options{Authorize: slow}}, func(f *fixture, mode string) {
		var mu sync.Mutex
		last := map[string]time.Time{} // when the subject was revoked last
		check := func() {
			f.t.Helper()
			for _, s := range f.srv.Sockets() {
				lease := auth.Current(s)
				if lease == nil {
					continue
				}
				mu.Lock()
				revoked := last[lease.Token.Subject]
				mu.Unlock()
				if !lease.Token.IssuedAt().After(revoked) && s.Context().Err() == nil {
					f.t.Errorf("a socket of %s has a token of %s, revoked %s", lease.Token.Subject, lease.Token.IssuedAt(), revoked)
				}
			}
		}
		show := func() any {
			at := time.Now().Add(-rand.N(3 * time.Second))
			return bearing(sign(named(fmt.Sprint(rand.Uint64())).with("sub", []string{"ada", "eve"}[rand.IntN(2)]).with("iat", float64(at.UnixMilli())/1000)))
		}
		stop := time.Now().Add(10 * time.Second)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for time.Now().Before(stop) {
					opts := sockettest.Options{}
					if mode == "handshake" {
						opts.Auth = show()
					}
					p, err := f.try(opts)
					if err != nil {
						time.Sleep(rand.N(300 * time.Millisecond))
						continue
					}
					for range rand.IntN(4) {
						if rand.IntN(2) == 0 {
							_ = p.Emit("authenticate", show())
						} else {
							ctx, cancel := context.WithTimeout(f.ctx, rand.N(100*time.Millisecond))
							_, _ = p.EmitWithAck(ctx, "authenticate", show())
							cancel()
						}
						time.Sleep(rand.N(50 * time.Millisecond))
					}
					_ = p.Close()
				}
			})
		}
		for time.Now().Before(stop) {
			time.Sleep(rand.N(200 * time.Millisecond))
			subject := []string{"ada", "eve"}[rand.IntN(2)]
			now := time.Now()
			if _, err := f.gate.Revoke(f.ctx, auth.BySubject("https://issuer", subject), auth.RevokeOptions{}); err != nil {
				f.t.Error(err)
			}
			mu.Lock()
			last[subject] = now
			mu.Unlock()
			check()
		}
		all.Wait()
		check()
		if f.gate.Stats().Revoked == 0 {
			f.t.Error("no socket was revoked")
		}
		f.t.Logf("%+v", f.gate.Stats())
		time.Sleep(time.Minute)
		f.forgotten()
	})
}
