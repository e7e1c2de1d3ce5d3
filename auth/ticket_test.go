package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// ticketed has the default sources and one for tickets.
func ticketed(more ...auth.Source) auth.Options {
	return auth.Options{Sources: append([]auth.Source{auth.FromAuth("token"), auth.FromHeader(), auth.FromTicket("ticket")}, more...)}
}

// withRequest makes an HTTP request with a token, which the gate admits, and calls handle with its
// context.
func (f *fixture) withRequest(compact, origin string, handle func(ctx context.Context)) {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.ctx, http.MethodPost, "/ticket", nil)
	r.Header.Set("Authorization", "Bearer "+compact)
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	called := false
	f.gate.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called = true
		handle(r.Context())
	})).ServeHTTP(httptest.NewRecorder(), r)
	if !called {
		f.t.Fatal("the request was refused")
	}
}

// ticket makes a ticket by a request with a token.
func (f *fixture) ticket(compact, origin string, opts auth.TicketOptions) (ticket string) {
	f.t.Helper()
	f.withRequest(compact, origin, func(ctx context.Context) {
		var err error
		if ticket, err = f.gate.Ticket(ctx, opts); err != nil {
			f.t.Fatal(err)
		}
	})
	return ticket
}

func inQuery(ticket string) sockettest.Options {
	return sockettest.Options{Query: url.Values{"ticket": {ticket}}}
}

func inPayload(ticket string) sockettest.Options {
	return sockettest.Options{Auth: map[string]any{"ticket": ticket}}
}

// badTicket is the one refusal of a ticket, without its random ID.
var badTicket = refusal{Message: "ticket not accepted", Code: "invalid_token", Type: "UnauthorizedError", Reason: "ticket_invalid"}

// refusedTicket dials and expects badTicket.
func (f *fixture) refusedTicket(what string, opts sockettest.Options) {
	f.t.Helper()
	told := f.refused(opts)
	if told.ID = ""; told != badTicket {
		f.t.Errorf("%s: %+v", what, told)
	}
}

// A ticket admits one socket with the token of the request, in either place, and ends with
// that.
func TestTicket(t *testing.T) {
	for name, shown := range map[string]func(string) sockettest.Options{"query": inQuery, "payload": inPayload} {
		t.Run(name, func(t *testing.T) {
			opts := ticketed()
			opts.KeepEncoded = true
			opts.Authorize = userName.By(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) (string, error) {
				return "user " + tok.Subject, nil
			})
			bubble(t, setup{gate: opts}, func(f *fixture) {
				compact := expiring(time.Minute)
				ticket := f.ticket(compact, "", auth.TicketOptions{})
				time.Sleep(29 * time.Second)
				p := f.dial(shown(ticket))
				if got := f.whoami(p); got != "ada" {
					t.Errorf("it is %q", got)
				}
				for info := range f.gate.Leases() {
					if !info.Until.Equal(time.Now().Add(31 * time.Second)) {
						t.Errorf("until %s", info.Until)
					}
				}
				f.refusedTicket("a second use", shown(ticket))
				if n := auth.TicketsLeft(f.gate); n != 0 {
					t.Errorf("%d tickets are kept", n)
				}
				synctest.Wait()
				if strings.Contains(f.log.String(), ticket) {
					t.Error("the ticket is in the log")
				}
			})
		})
	}
}

// In event mode a ticket is shown by "authenticate", or in the query.
func TestTicketInEventMode(t *testing.T) {
	bubble(t, setup{gate: ticketed(), event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", map[string]any{"ticket": f.ticket(sign(nil), "", auth.TicketOptions{})})
		f.expect(p, "authenticated")
		q := f.dial(inQuery(f.ticket(sign(nil), "", auth.TicketOptions{})))
		f.emit(q, "authenticate")
		f.expect(q, "authenticated")
		bad := f.dial(sockettest.Options{})
		f.emit(bad, "authenticate", map[string]any{"ticket": "x"})
		if told, _ := f.unauthorized(bad); told.Reason != "ticket_invalid" {
			t.Errorf("%+v", told)
		}
	})
}

// Every bad ticket gets the same refusal: guessed, used, expired, of another gate, for another
// namespace or origin.
func TestBadTickets(t *testing.T) {
	const home = "https://app.example"
	opts := setup{server: anyOrigin(), gate: ticketed(), furnish: func(f *fixture) { f.furnish(f.srv.Of("/admin"), f.gate.Handshake) }}
	from := func(ticket, origin string) sockettest.Options {
		o := inQuery(ticket)
		o.Header = http.Header{"Origin": {origin}}
		return o
	}
	bubble(t, opts, func(f *fixture) {
		other := newGate(t, verifier(t), ticketed())
		ticket := f.ticket(sign(nil), home, auth.TicketOptions{})
		guess := []byte(ticket)
		guess[20] ^= 1
		f.refusedTicket("a guess", inQuery(string(guess)))
		for _, junk := range []string{"x", strings.Repeat("A", len(ticket)), ticket[1:], ticket + "A", strings.Repeat("é", 40), sign(nil)} {
			f.refusedTicket("junk", inQuery(junk))
		}
		mine := f.gate
		f.gate = other
		of := f.ticket(sign(nil), "", auth.TicketOptions{})
		f.gate = mine
		f.refusedTicket("of another gate", inQuery(of))

		f.refusedTicket("another origin", from(ticket, "https://evil.example"))
		f.refusedTicket("used up by another origin", from(ticket, home))
		f.dial(from(f.ticket(sign(nil), home, auth.TicketOptions{}), home))
		f.dial(inQuery(f.ticket(sign(nil), home, auth.TicketOptions{}))) // browsers leave out Origin in a GET to their own

		ticket = f.ticket(sign(nil), "", auth.TicketOptions{Namespace: "/admin"})
		f.refusedTicket("another namespace", inQuery(ticket))
		admin := inPayload(ticket)
		admin.Namespace = "/admin"
		f.refusedTicket("used up by another namespace", admin)
		admin = inPayload(f.ticket(sign(nil), "", auth.TicketOptions{Namespace: "/admin"}))
		admin.Namespace = "/admin"
		f.dial(admin)

		ticket = f.ticket(sign(nil), "", auth.TicketOptions{})
		time.Sleep(30 * time.Second)
		f.refusedTicket("expired", inQuery(ticket))
		ticket = f.ticket(sign(nil), "", auth.TicketOptions{Lifetime: 5 * time.Minute})
		time.Sleep(5*time.Minute - time.Second)
		f.dial(inQuery(ticket))
		if n := auth.TicketsLeft(f.gate); n != 0 {
			t.Errorf("%d tickets are kept", n)
		}
	})
}

// A ticket is only looked for where the source reads it, and a token only elsewhere.
func TestTicketIsNotAToken(t *testing.T) {
	bubble(t, setup{gate: ticketed(auth.FromQuery("t"))}, func(f *fixture) {
		ticket := f.ticket(sign(nil), "", auth.TicketOptions{})
		if told := f.refused(sockettest.Options{Auth: bearing(ticket)}); told.Reason != "token_malformed" {
			t.Errorf("a ticket as a token: %+v", told)
		}
		f.refusedTicket("a token as a ticket", inPayload(sign(nil)))
		both := inQuery(ticket)
		both.Auth = bearing(sign(nil))
		if told := f.refused(both); told.Reason != "token_conflict" {
			t.Errorf("a ticket and a token: %+v", told)
		}
		both = inQuery(ticket)
		both.Query.Set("t", ticket)
		if told := f.refused(both); told.Reason != "token_conflict" {
			t.Errorf("one text as both: %+v", told)
		}
		both = inQuery(ticket)
		both.Auth = map[string]any{"ticket": ticket + "x"}
		if told := f.refused(both); told.Reason != "token_conflict" {
			t.Errorf("two tickets: %+v", told)
		}
		both.Auth = map[string]any{"ticket": ticket}
		f.dial(both)

		r := httptest.NewRequest(http.MethodGet, "/me?ticket="+f.ticket(sign(nil), "", auth.TicketOptions{}), nil)
		w := httptest.NewRecorder()
		f.gate.HTTP(http.NotFoundHandler()).ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "token_missing") {
			t.Errorf("an HTTP request with a ticket: %d %s", w.Code, w.Body)
		}
	})
	bubble(t, setup{}, func(f *fixture) {
		f.withRequest(sign(nil), "", func(ctx context.Context) {
			if _, err := f.gate.Ticket(ctx, auth.TicketOptions{}); err == nil {
				t.Error("a ticket of a gate without FromTicket")
			}
		})
	})
}

// Of several sockets that show one ticket at once, one is admitted.
func TestTicketIsTakenOnce(t *testing.T) {
	bubble(t, setup{gate: ticketed()}, func(f *fixture) {
		ticket := f.ticket(sign(nil), "", auth.TicketOptions{})
		var admitted, refused record
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := f.try(inQuery(ticket)); err == nil {
					admitted.add("")
				} else {
					refused.add("")
				}
			})
		}
		all.Wait()
		if a, r := len(admitted.all()), len(refused.all()); a != 1 || r != 19 {
			t.Errorf("%d admitted, %d refused", a, r)
		}
	})
}
