package auth_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// Revocation and Authorize are asked again when a ticket is used, and the lease ends with the
// one that the ticket was made with.
func TestTicketDoesNotOutliveTheToken(t *testing.T) {
	allowed := true
	opts := ticketed()
	opts.Authorize = auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
		if !allowed {
			return errors.New("no more")
		}
		return nil
	})
	bubble(t, setup{gate: opts}, func(f *fixture) {
		compact := sign(nil)
		ticket := f.ticket(compact, "", auth.TicketOptions{})
		good, err := verifier(t).Verify(f.ctx, compact)
		if err != nil {
			t.Fatal(err)
		}
		p := f.dial(inQuery(f.ticket(compact, "", auth.TicketOptions{})))
		if _, err := f.gate.Revoke(f.ctx, auth.ByHash(good.Hash), auth.RevokeOptions{}); err != nil {
			t.Fatal(err)
		}
		if told, _ := f.unauthorized(p); told.Reason != "token_revoked" {
			t.Errorf("%+v", told)
		}
		if told := f.refused(inQuery(ticket)); told.Reason != "token_revoked" {
			t.Errorf("%+v", told)
		}
		ticket = f.ticket(sign(claims{"jti": "2"}), "", auth.TicketOptions{})
		allowed = false
		if told := f.refused(inQuery(ticket)); told.Reason != "not_authorized" {
			t.Errorf("%+v", told)
		}
		allowed = true
		f.refusedTicket("used up", inQuery(ticket))

		ticket = f.ticket(expiring(10*time.Second), "", auth.TicketOptions{Lifetime: time.Minute})
		time.Sleep(10 * time.Second)
		f.refusedTicket("its token has expired", inQuery(ticket))
	})
}

// A handler of a socket can make a ticket, for its own namespace unless it names another one.
func TestTicketOfASocket(t *testing.T) {
	opts := ticketed()
	opts.Guests = &auth.GuestOptions{}
	other := newGate(t, verifier(t), ticketed())
	bubble(t, setup{gate: opts, furnish: func(f *fixture) {
		admin := f.srv.Of("/admin")
		f.furnish(admin, f.gate.Handshake)
		admin.Handle("ticket", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
			if _, err := other.Ticket(ctx, auth.TicketOptions{}); !errors.Is(err, auth.ErrNoLease) {
				t.Errorf("another gate: %v", err)
			}
			return f.gate.Ticket(ctx, auth.TicketOptions{})
		}))
		f.srv.Handle("ticket", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
			ticket, err := f.gate.Ticket(ctx, auth.TicketOptions{})
			if errors.Is(err, auth.ErrNoLease) {
				return "no lease", nil
			}
			return ticket, err
		}))
	}}, func(f *fixture) {
		ask := func(p *sockettest.Peer) (ticket string) {
			answer, err := p.EmitWithAck(f.ctx, "ticket")
			if err != nil {
				t.Fatal(err)
			}
			if err := answer.Scan(&ticket); err != nil {
				t.Fatal(err)
			}
			return ticket
		}
		if got := ask(f.dial(sockettest.Options{})); got != "no lease" {
			t.Errorf("a guest got %q", got)
		}
		p := f.dial(sockettest.Options{Namespace: "/admin", Auth: bearing(sign(nil))})
		f.refusedTicket("the ticket of another namespace", inQuery(ask(p)))
		own := inPayload(ask(p))
		own.Namespace = "/admin"
		if got := f.whoami(f.dial(own)); got != "ada" {
			t.Errorf("it is %q", got)
		}
	})
}

// The number of tickets of a user is bounded: one more replaces the oldest. Others do not
// suffer.
func TestTicketsAreBounded(t *testing.T) {
	bubble(t, setup{gate: ticketed()}, func(f *fixture) {
		bob := f.ticket(sign(claims{"sub": "bob"}), "", auth.TicketOptions{})
		var all []string
		for range 17 {
			all = append(all, f.ticket(sign(nil), "", auth.TicketOptions{}))
		}
		if n := auth.TicketsLeft(f.gate); n != 17 {
			t.Errorf("%d tickets are kept", n)
		}
		f.refusedTicket("the oldest", inQuery(all[0]))
		f.dial(inQuery(all[1]))
		f.dial(inQuery(all[16]))
		f.dial(inQuery(bob))
		slices.Sort(all)
		if len(slices.Compact(all)) != 17 {
			t.Error("two tickets are equal")
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if n := auth.TicketsLeft(f.gate); n != 0 {
			t.Errorf("%d tickets are kept after they have expired", n)
		}
	})
}

// Ticket fails without a lease of this gate, and for invalid options.
func TestTicketFails(t *testing.T) {
	bubble(t, setup{gate: ticketed()}, func(f *fixture) {
		other := newGate(t, verifier(t), ticketed())
		fails := func(what string, g *auth.Gate, ctx context.Context, opts auth.TicketOptions, want error) {
			t.Helper()
			if ticket, err := g.Ticket(ctx, opts); err == nil || want != nil && !errors.Is(err, want) || ticket != "" {
				t.Errorf("%s: %q, %v", what, ticket, err)
			}
		}
		fails("no request", f.gate, f.ctx, auth.TicketOptions{}, auth.ErrNoLease)
		f.withRequest(expiring(time.Minute), "", func(ctx context.Context) {
			fails("of another gate", other, ctx, auth.TicketOptions{}, auth.ErrNoLease)
			fails("too long", f.gate, ctx, auth.TicketOptions{Lifetime: 5*time.Minute + 1}, nil)
			fails("negative", f.gate, ctx, auth.TicketOptions{Lifetime: -1}, nil)
			fails("a namespace", f.gate, ctx, auth.TicketOptions{Namespace: "admin"}, nil)
			time.Sleep(time.Minute)
			fails("an expired lease", f.gate, ctx, auth.TicketOptions{}, auth.ErrNoLease)
		})
	})
	if _, err := auth.NewGate(verifier(t), auth.Options{Sources: []auth.Source{auth.FromTicket("")}}); err == nil {
		t.Error("a source without a name")
	}
}

// A socket that a ticket has admitted, or whose lease was refreshed with one, does not stay
// longer than the socket that has made the ticket.
func TestTicketDoesNotProlongALease(t *testing.T) {
	opts := ticketed()
	opts.MaxLifetime, opts.ExpiryGrace = time.Minute, 5*time.Second
	var gate *auth.Gate
	bubble(t, setup{gate: opts, furnish: func(f *fixture) {
		gate = f.gate
		f.srv.Handle("ticket", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
			return gate.Ticket(ctx, auth.TicketOptions{})
		}))
	}}, func(f *fixture) {
		ask := func(p *sockettest.Peer) (ticket string) {
			answer, err := p.EmitWithAck(f.ctx, "ticket")
			if err != nil {
				t.Fatal(err)
			}
			if err := answer.Scan(&ticket); err != nil {
				t.Fatal(err)
			}
			return ticket
		}
		end := time.Now().Add(time.Minute)
		first := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		time.Sleep(40 * time.Second)
		second := f.dial(inQuery(ask(first)))
		third := f.dial(inQuery(ask(second)))
		answer, err := third.EmitWithAck(f.ctx, "authenticate", map[string]any{"ticket": ask(first)})
		if err != nil {
			t.Fatal(err)
		}
		var told struct{ ExpiresIn int }
		if err := answer.Scan(&told); err != nil || told.ExpiresIn != 20 {
			t.Errorf("refreshed with a ticket: %+v, %v", told, err)
		}
		n := 0
		for info := range f.gate.Leases() {
			if n++; !info.Until.Equal(end) {
				t.Errorf("until %s, want %s", info.Until, end)
			}
		}
		if n != 3 {
			t.Errorf("%d leases", n)
		}
	})
}
