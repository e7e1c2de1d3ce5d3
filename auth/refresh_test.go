package auth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// answer is the acknowledgement of "authenticate".
type answer struct {
	ExpiresIn    *int64
	Refresh      bool
	Joined, Left []string
	Error        *refusal
}

// reason returns the reason of a refusal, or "".
func (a answer) reason() string {
	if a.Error == nil {
		return ""
	}
	return a.Error.Reason
}

// left returns the seconds that the peer was told, or -1.
func (a answer) left() int64 {
	if a.ExpiresIn == nil {
		return -1
	}
	return *a.ExpiresIn
}

// authenticate shows a token with an acknowledgement, and returns the answer.
func (f *fixture) authenticate(p *sockettest.Peer, compact string) answer {
	f.t.Helper()
	args, err := p.EmitWithAck(f.ctx, "authenticate", bearing(compact))
	if err != nil {
		f.t.Fatalf("authenticate: %v\n%s", err, f.log.String())
	}
	var a answer
	if err := args.Scan(&a); err != nil {
		f.t.Fatal(err)
	}
	return a
}

// A refresh replaces the lease, its end and its user, in both modes. A handler that runs keeps
// what it had. The peer hears no event.
func TestRefresh(t *testing.T) {
	for _, event := range []bool{false, true} {
		var hooks record
		gate := auth.Options{
			Authorize: userName.By(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) (string, error) {
				return "user by " + tok.ID, nil
			}),
			OnRefresh: func(ctx context.Context, s *socketio.Socket, before *auth.Lease) {
				hooks.add(fmt.Sprint(before.Token.ID, " then ", auth.Token(ctx).ID, ", ", userName.From(ctx)))
			},
		}
		during := func(f *fixture) {
			f.srv.Handle("during", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
				time.Sleep(time.Second)
				f.ran.add(fmt.Sprint("during ", auth.Token(ctx).ID, ", now ", auth.Current(s).Token.ID, ", ", userName.From(ctx), ", ", ctx.Err()))
				return nil
			})
			f.srv.Handle("after", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
				f.ran.add(fmt.Sprint("after ", auth.Token(ctx).ID, ", ", userName.From(ctx)))
				return nil
			})
		}
		bubble(t, setup{event: event, gate: gate, furnish: during}, func(f *fixture) {
			first := sign(claims{"jti": "1", "exp": time.Now().Add(time.Minute).Unix()})
			p := f.dial(sockettest.Options{Auth: bearing(first)})
			if event {
				f.login(p, first)
			}
			f.emit(p, "during")
			synctest.Wait()
			if a := f.authenticate(p, sign(claims{"jti": "2"})); a.left() != 3600 || !a.Refresh || a.Error != nil {
				t.Errorf("answer %+v", a)
			}
			f.emit(p, "after")
			time.Sleep(2 * time.Minute)
			f.happened("connected ada", "during 1, now 2, user by 1, <nil>", "after 2, user by 2")
			if got := hooks.all(); len(got) != 1 || got[0] != "1 then 2, user by 2" {
				t.Errorf("OnRefresh: %q", got)
			}
			f.nothing(p)
			f.lists("running /ada 2")
			if s := f.gate.Stats(); s.Refreshes != 1 || s.Admissions != 1 || s.Leased != 1 {
				t.Errorf("figures %+v", s)
			}
			f.ended(p, sockettest.ErrClosed, 58*time.Minute)
			f.forgotten()
		})
	}
}

// A token that may not refresh the lease is refused, and the lease stays.
func TestRefreshRefused(t *testing.T) {
	authorize := auth.Check(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) error {
		if tok.ID == "no" {
			return &auth.Error{Message: "no"}
		}
		return nil
	})
	exp := func(more claims) claims {
		c := claims{"iss": "https://issuer", "tenant": "blue", "jti": "1"}
		for name, value := range more {
			c[name] = value
		}
		return c
	}
	for name, c := range map[string]struct {
		held, shown claims
		claim, want string
	}{
		"another subject":           {exp(nil), exp(claims{"sub": "eve"}), "", "subject_changed"},
		"another issuer":            {exp(nil), exp(claims{"iss": "https://other"}), "", "subject_changed"},
		"no subject":                {exp(nil), exp(claims{"sub": ""}), "", "token_claim"},
		"no subject in either":      {exp(claims{"sub": ""}), exp(claims{"sub": ""}), "", "token_claim"},
		"expired":                   {exp(nil), exp(claims{"exp": 1}), "", "token_expired"},
		"not authorized":            {exp(nil), exp(claims{"jti": "no"}), "", "not_authorized"},
		"another tenant":            {exp(nil), exp(claims{"tenant": "red"}), "tenant", "subject_changed"},
		"no tenant":                 {exp(nil), exp(claims{"tenant": nil}), "tenant", "token_claim"},
		"a number as tenant":        {exp(claims{"tenant": 7}), exp(claims{"tenant": 7}), "tenant", "token_claim"},
		"a list as tenant":          {exp(claims{"tenant": []string{"blue"}}), exp(claims{"tenant": []string{"blue"}}), "tenant", "token_claim"},
		"an empty tenant":           {exp(claims{"tenant": ""}), exp(claims{"tenant": ""}), "tenant", "token_claim"},
		"the same tenant":           {exp(nil), exp(claims{"sub": "eve"}), "tenant", ""},
		"the same subject":          {exp(nil), exp(claims{"tenant": "red"}), "", ""},
		"another claim of sub only": {exp(nil), exp(claims{"tenant": "red"}), "sub", ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{gate: auth.Options{Authorize: authorize, IdentityClaim: c.claim}}, func(f *fixture) {
				held := sign(c.held)
				p := f.dial(sockettest.Options{Auth: bearing(held)})
				synctest.Wait()
				before := auth.Current(f.srv.Sockets()[0])
				if a := f.authenticate(p, sign(c.shown)); a.reason() != c.want {
					t.Errorf("answer %+v, want %q", a.Error, c.want)
				}
				if stays := auth.Current(f.srv.Sockets()[0]) == before; stays == (c.want == "") {
					t.Errorf("the lease stays: %t", stays)
				}
				f.nothing(p)
				if n := len(listed(f.gate)); n != 1 {
					t.Errorf("%d leases are listed", n)
				}
			})
		})
	}
}

// Authorize does not run for a token of another identity.
func TestRefreshAsksForTheIdentityFirst(t *testing.T) {
	var f *fixture
	authorize := func(_ context.Context, tok *token.Token, _ *socketio.Handshake) error {
		f.ran.add("authorize " + tok.Subject)
		return nil
	}
	bubble(t, setup{gate: auth.Options{Authorize: auth.Check(authorize)}}, func(fixed *fixture) {
		f = fixed
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		f.authenticate(p, sign(claims{"sub": "eve"}))
		f.happened("authorize ada", "connected ada")
	})
}

// Refreshes are rate limited, and refused ones are bounded. A refresh that was refused
// temporarily does not count as refused.
func TestRefreshIsLimited(t *testing.T) {
	bubble(t, setup{}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		for i := range 10 {
			if a := f.authenticate(p, sign(claims{"jti": fmt.Sprint(i)})); a.Error != nil {
				t.Fatalf("refresh %d: %+v", i, a.Error)
			}
		}
		args, err := p.EmitWithAck(f.ctx, "authenticate", bearing(sign(nil)))
		if err != nil {
			t.Fatal(err)
		}
		var raw json.RawMessage
		_ = args.Scan(&raw)
		var told struct {
			Error struct {
				Reason     string
				Temporary  bool
				RetryAfter int
			}
		}
		if err := json.Unmarshal(raw, &told); err != nil || told.Error.Reason != "rate_limited" || !told.Error.Temporary || told.Error.RetryAfter != 2 {
			t.Errorf("told %s", raw)
		}
		time.Sleep(2 * time.Second)
		if a := f.authenticate(p, sign(nil)); a.Error != nil {
			t.Errorf("after a pause: %+v", a.Error)
		}
		for i := range 12 {
			time.Sleep(2 * time.Second)
			want := "subject_changed"
			if i >= 10 {
				want = "rate_limited"
			}
			if a := f.authenticate(p, sign(claims{"sub": "eve"})); a.reason() != want {
				t.Errorf("refused refresh %d: %+v", i, a.Error)
			}
		}
		f.whoami(p)
	})
}

// One refresh is examined at a time.
func TestRefreshesDoNotOverlap(t *testing.T) {
	var inside, overlaps atomic.Int64
	gate := auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
		if inside.Add(1) > 1 {
			overlaps.Add(1)
		}
		time.Sleep(time.Second)
		inside.Add(-1)
		return nil
	})}
	bubble(t, setup{gate: gate}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		for range 4 {
			go func() { _, _ = p.EmitWithAck(f.ctx, "authenticate", bearing(sign(nil))) }()
		}
		time.Sleep(10 * time.Second)
		if n := overlaps.Load(); n > 0 || f.gate.Stats().Refreshes != 4 {
			t.Errorf("%d overlaps, %d refreshes", n, f.gate.Stats().Refreshes)
		}
	})
}

// A panic in OnRefresh ends the socket.
func TestPanicInOnRefresh(t *testing.T) {
	gate := auth.Options{OnRefresh: func(context.Context, *socketio.Socket, *auth.Lease) { panic("in OnRefresh") }}
	bubble(t, setup{gate: gate}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		f.emit(p, "whoami")
		synctest.Wait()
		go func() { _, _ = p.EmitWithAck(f.ctx, "authenticate", bearing(sign(nil))) }()
		if told, _ := f.unauthorized(p); told.Reason != "internal_error" {
			t.Errorf("told %+v", told)
		}
		f.ended(p, sockettest.ErrDisconnected, 0)
		f.forgotten()
	})
}

// A refresh that is examined while the lease ends is refused, although the timer that ends the
// socket is late.
func TestRefreshAfterTheEnd(t *testing.T) {
	step, now, v := wallClock(t)
	examined := 0
	gate := auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
		if examined++; examined == 2 {
			step.Store(int64(2 * time.Minute))
		}
		return nil
	})}
	bubble(t, setup{verifier: v, gate: gate, server: socketio.Options{Now: now}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute))})
		f.emit(p, "whoami")
		go func() { _, _ = p.EmitWithAck(f.ctx, "authenticate", bearing(sign(nil))) }()
		if told, _ := f.unauthorized(p); told.Reason != "token_expired" {
			t.Errorf("told %+v", told)
		}
		if err := p.Ended(f.ctx); err == nil || f.gate.Stats().Refreshes != 0 {
			t.Errorf("%v, %d refreshes", err, f.gate.Stats().Refreshes)
		}
		f.forgotten()
	})
}
