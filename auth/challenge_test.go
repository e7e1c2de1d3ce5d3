package auth_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// payment is the requirement of the tests: a login within five minutes.
var payment = auth.Fresh(auth.Freshness{MaxAge: 5 * time.Minute, Wait: time.Minute})

// loggedIn makes a token for ada, who logged in some time ago.
func loggedIn(ago time.Duration, more claims) string {
	c := claims{"auth_time": time.Now().Add(-ago).Unix()}
	for name, value := range more {
		c[name] = value
	}
	return sign(c)
}

// answers emits an event, and returns a channel for the acknowledgement.
func (f *fixture) answers(p *sockettest.Peer, event string) <-chan string {
	answer := make(chan string, 1)
	go func() {
		got, err := p.EmitWithAck(f.ctx, event)
		if err != nil {
			answer <- err.Error()
			return
		}
		answer <- string(got.Args()[0].(socketio.Raw).JSON())
	}()
	synctest.Wait()
	return answer
}

// refresh shows another token with an acknowledgement. It returns the declared rooms that the
// socket joined and left.
func (f *fixture) refresh(p *sockettest.Peer, compact string) (joined, left []string) {
	f.t.Helper()
	a := f.authenticate(p, compact)
	return a.Joined, a.Left
}

// An event that needs a fresh login waits for a refresh, without delaying other events, and is
// then handled with the new token.
func TestChallengeIsAnsweredByARefresh(t *testing.T) {
	strong := auth.Fresh(auth.Freshness{MaxAge: 5 * time.Minute, ACR: []string{"gold", "silver"}, AMR: []string{"otp", "pwd"}})
	bubble(t, setup{furnish: func(f *fixture) { f.guarded("pay", strong) }}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(loggedIn(time.Hour, nil))})
		answer := f.answers(p, "pay")
		var told map[string]any
		f.expect(p, "token_challenge", &told)
		if got := fmt.Sprint(told); got != "map[acrValues:[gold silver] amr:[otp pwd] maxAge:300]" {
			t.Errorf("told %s", got)
		}
		if f.whoami(p) != "ada" {
			t.Error("a later event was not handled")
		}
		time.Sleep(30 * time.Second)
		f.refresh(p, loggedIn(0, claims{"acr": "gold"})) // not strong enough
		synctest.Wait()
		if len(answer) > 0 {
			t.Fatalf("answered early: %s", <-answer)
		}
		f.refresh(p, loggedIn(0, claims{"acr": "silver", "amr": []string{"pwd", "otp"}, "sub": "ada"}))
		if got := <-answer; got != `"done"` {
			t.Errorf("answer %s", got)
		}
		f.happened("connected ada", "pay by ada")
		if got := f.gate.Stats(); got.Challenges != 1 || len(got.Forbidden) != 0 {
			t.Errorf("stats %+v", got)
		}
		if got := f.ask(p, "pay"); got != (forbidden{}) { // no challenge is needed now
			t.Errorf("again: %+v", got)
		}
		f.nothing(p)
	})
}

// The handler of an event that waited sees the token of the refresh.
func TestChallengedEventSeesTheNewToken(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) {
		f.srv.Handle("pay", f.gate.Require(payment)(func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
			f.ran.add(fmt.Sprint("paid with ", auth.Token(ctx).ID, ", ", auth.Current(s).Token == auth.Token(ctx)))
			return nil
		}))
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(loggedIn(time.Hour, claims{"jti": "old"}))})
		f.emit(p, "pay")
		f.expect(p, "token_challenge")
		f.refresh(p, loggedIn(0, claims{"jti": "new"}))
		f.happened("connected ada", "paid with new, true")
	})
}

// Without a fresh token the event is refused when the wait is over.
func TestChallengeEndsInTime(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) { f.guarded("pay", payment) }}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(loggedIn(time.Hour, nil))})
		start := time.Now()
		got := f.ask(p, "pay")
		if took := time.Since(start); took != time.Minute || got.Reason != string(auth.ReasonInsufficientUserAuthentication) {
			t.Errorf("after %v: %+v", took, got)
		}
		f.expect(p, "token_challenge")
		f.emit(p, "pay")
		f.expect(p, "token_challenge")
		told, _ := f.unauthorized(p)
		if told.Code != "forbidden" || told.Type != "" {
			t.Errorf("told %+v", told)
		}
		f.refresh(p, loggedIn(0, nil)) // too late
		f.happened("connected ada")
		if f.whoami(p) != "ada" {
			t.Error("the socket has lost its lease")
		}
		if n := f.gate.Stats().Forbidden[auth.ReasonInsufficientUserAuthentication]; n != 2 {
			t.Errorf("%d refusals counted, want 2", n)
		}
	})
}

// At most eight events of a socket wait. The peer gets one challenge for all that have the same
// requirement, and another one for another requirement.
func TestChallengesAreBounded(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) {
		f.guarded("pay", payment)
		f.guarded("sell", auth.Fresh(auth.Freshness{MaxAge: 5 * time.Minute, Wait: time.Hour}))
		f.guarded("sign", auth.Fresh(auth.Freshness{ACR: []string{"gold"}}))
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(loggedIn(time.Hour, nil))})
		var answers []<-chan string
		for _, event := range []string{"pay", "sell", "pay", "sign", "pay", "pay", "sell", "pay"} {
			answers = append(answers, f.answers(p, event))
		}
		if got := f.ask(p, "pay"); got.Reason != string(auth.ReasonInsufficientUserAuthentication) {
			t.Errorf("the ninth: %+v", got)
		}
		synctest.Wait()
		if got := p.Events(); !slices.Equal(got, []string{"token_challenge", "token_challenge"}) {
			t.Errorf("the peer got %q", got)
		}
		f.refresh(p, loggedIn(0, claims{"acr": "gold"}))
		for i, answer := range answers {
			if got := <-answer; got != `"done"` {
				t.Errorf("event %d: %s", i+1, got)
			}
		}
		want := []string{"connected ada"}
		for _, event := range []string{"pay", "sell", "pay", "sign", "pay", "pay", "sell", "pay"} {
			want = append(want, event+" by ada")
		}
		f.happened(want...)
	})
}

// A large event that cannot wait is refused, and the connection stays.
func TestChallengedEventsAreChargedToTheInbox(t *testing.T) {
	bubble(t, setup{server: socketio.Options{MaxInbox: 20_000}, furnish: func(f *fixture) { f.guarded("pay", payment) }}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(loggedIn(time.Hour, nil))})
		for range 3 {
			f.emit(p, "pay", strings.Repeat("x", 4000))
			synctest.Wait()
		}
		told, _ := f.unauthorized(p)
		if told.Code != "forbidden" || f.whoami(p) != "ada" {
			t.Errorf("told %+v", told)
		}
	})
}

// A wait ends with the socket, and with its lease. Nothing runs afterwards.
func TestChallengeEndsWithTheSocket(t *testing.T) {
	for name, end := range map[string]func(f *fixture, p *sockettest.Peer){
		"the peer leaves":    func(_ *fixture, p *sockettest.Peer) { _ = p.Leave() },
		"the peer is lost":   func(_ *fixture, p *sockettest.Peer) { _ = p.Close() },
		"the server ends it": func(f *fixture, _ *sockettest.Peer) { f.srv.Sockets()[0].Disconnect(nil) },
		"the lease ends":     func(*fixture, *sockettest.Peer) { time.Sleep(30 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{furnish: func(f *fixture) { f.guarded("pay", payment) }}, func(f *fixture) {
				p := f.dial(sockettest.Options{Auth: bearing(loggedIn(time.Hour, claims{"exp": time.Now().Add(30 * time.Second).Unix()}))})
				f.emit(p, "pay")
				f.expect(p, "token_challenge")
				end(f, p)
				_ = p.Ended(f.ctx)
				time.Sleep(time.Hour)
				if strings.Contains(f.log.String(), "event refused") || slices.Contains(f.ran.all(), "pay by ada") {
					t.Errorf("the event had an effect: %q\n%s", f.ran.all(), f.log.String())
				}
			})
		})
	}
}

// The refresh must satisfy all requirements.
func TestRefreshWithoutTheScope(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) { f.guarded("pay", auth.Scopes("pay"), payment) }}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(loggedIn(time.Hour, claims{"scope": "pay"}))})
		answer := f.answers(p, "pay")
		f.refresh(p, loggedIn(0, claims{"scope": "x"}))
		if got := <-answer; !strings.Contains(got, `"reason":"insufficient_scope"`) {
			t.Errorf("answer %s", got)
		}
		f.happened("connected ada")
	})
}

// An event is never handled with the token of another user, neither after a refresh, which the
// gate refuses, nor after a login of the guest that the socket has become.
func TestChallengeOfAnotherUser(t *testing.T) {
	hour := auth.Fresh(auth.Freshness{MaxAge: 5 * time.Minute, Wait: time.Hour})
	gate := auth.Options{Guests: &auth.GuestOptions{}, AtExpiry: auth.BecomeGuest}
	bubble(t, setup{gate: gate, furnish: func(f *fixture) { f.guarded("pay", hour) }}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(loggedIn(time.Hour, claims{"exp": time.Now().Add(time.Minute).Unix()}))})
		f.emit(p, "pay")
		f.expect(p, "token_challenge")
		bob := claims{"sub": "bob"}
		if got := f.authenticate(p, loggedIn(0, bob)); got.Error == nil || got.Error.Reason != "subject_changed" {
			t.Errorf("refresh by another user: %+v", got)
		}
		f.unauthorized(p) // the lease has ended
		f.login(p, loggedIn(0, bob))
		f.refresh(p, loggedIn(0, bob))
		if got := f.ask(p, "pay"); got != (forbidden{}) {
			t.Errorf("of bob: %+v", got)
		}
		time.Sleep(50 * time.Minute)
		f.happened("connected ada", "pay by bob")
		if n := f.gate.Stats().Forbidden; len(n) != 0 {
			t.Errorf("refused: %v", n)
		}
	})
}

// The identity of a user is Options.IdentityClaim. Tokens without sub can answer a challenge.
func TestChallengeByIdentityClaim(t *testing.T) {
	bubble(t, setup{gate: auth.Options{IdentityClaim: "uid"}, furnish: func(f *fixture) { f.guarded("pay", payment) }}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(loggedIn(time.Hour, claims{"sub": "", "uid": "7"}))})
		answer := f.answers(p, "pay")
		f.refresh(p, loggedIn(0, claims{"sub": "", "uid": "7"}))
		if got := <-answer; got != `"done"` {
			t.Errorf("answer %s", got)
		}
	})
}

// A refresh that comes while the requirements are examined is not missed.
func TestRefreshDuringTheExamination(t *testing.T) {
	var f *fixture
	var p *sockettest.Peer
	bubble(t, setup{furnish: func(made *fixture) {
		f = made
		refreshed := false
		f.guarded("pay", payment, auth.Satisfies(func(context.Context, *token.Token) error {
			if !refreshed {
				refreshed = true
				f.refresh(p, loggedIn(0, nil))
			}
			return nil
		}))
	}}, func(*fixture) {
		p = f.dial(sockettest.Options{Auth: bearing(loggedIn(time.Hour, nil))})
		if got := f.ask(p, "pay"); got != (forbidden{}) {
			t.Errorf("got %+v", got)
		}
		f.nothing(p) // no challenge
	})
}
