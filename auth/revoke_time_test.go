package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// ada matches the subject of the tests.
var ada = auth.BySubject("https://issuer", "ada")

// iat has whole seconds. A token that is issued in the second of the revocation is refused, and
// one that is issued a second later gets in. An iat with a fraction is exact.
func TestRevokeInTheSameSecond(t *testing.T) {
	bubble(t, setup{}, func(f *fixture) {
		time.Sleep(700 * time.Millisecond)
		second := time.Now().Unix()
		f.revoke(ada, auth.RevokeOptions{}, 0)
		for iat, want := range map[any]string{
			second - 1: "token_revoked", second: "token_revoked", second + 1: "",
			float64(second) + 0.5: "token_revoked", float64(second) + 0.75: "", "yesterday": "token_revoked",
		} {
			f.refusedAs("handshake", sign(named("7").with("iat", iat)), want)
		}
		f.refusedAs("handshake", sign(named("7")), "token_revoked")
	})
}

// The clock of the issuer is ahead. A token that was shown before the revocation is revoked by
// its hash, although it says that it was issued later. IssuerSkew does the same for tokens that
// were not shown.
func TestRevokeWithAnIssuerAhead(t *testing.T) {
	for _, skew := range []time.Duration{0, time.Minute} {
		bubble(t, setup{gate: auth.Options{IssuerSkew: skew}}, func(f *fixture) {
			ahead := func(id string) string { return sign(named(id).with("iat", time.Now().Add(20*time.Second).Unix())) }
			shown, unseen := ahead("7"), ahead("8")
			p := f.dial(sockettest.Options{Auth: bearing(shown)})
			time.Sleep(time.Second)
			f.revoke(ada, auth.RevokeOptions{}, 1)
			f.revoked(p)
			f.refusedAs("handshake", shown, "token_revoked")
			time.Sleep(time.Minute)
			f.refusedAs("handshake", shown, "token_revoked")
			f.refusedAs("handshake", unseen, map[bool]string{true: "token_revoked"}[skew > 0])
			f.refusedAs("handshake", ahead("9"), "")
		})
	}
}

// An explicit IssuedBefore goes by iat only, and does not end sockets with later tokens.
func TestRevokeIssuedBefore(t *testing.T) {
	bubble(t, setup{}, func(f *fixture) {
		changed := time.Now().Add(-time.Hour)
		old := f.dial(sockettest.Options{Auth: bearing(sign(named("7").with("iat", changed.Add(-time.Second).Unix())))})
		later := f.dial(sockettest.Options{Auth: bearing(sign(named("8").with("iat", changed.Add(time.Second).Unix())))})
		f.revoke(ada, auth.RevokeOptions{IssuedBefore: changed}, 1)
		f.revoked(old)
		if got := f.whoami(later); got != "ada" {
			t.Errorf("it is %s", got)
		}
		f.refusedAs("handshake", sign(issued("9")), "")
	})
}

// A blocked subject stays out, whatever its token says, until the block ends or Unblock. Tokens
// that were revoked stay so.
func TestBlock(t *testing.T) {
	inModes(t, setup{}, func(f *fixture, mode string) {
		block := func(d time.Duration, want int) {
			f.t.Helper()
			if got, err := f.gate.Block(f.ctx, "https://issuer", "ada", auth.RevokeOptions{Until: time.Now().Add(d), Reason: "spam"}); err != nil || got.Sockets != want {
				f.t.Errorf("Block: %+v, %v", got, err)
			}
		}
		old := sign(issued("7"))
		p := f.enter(mode, old)
		block(time.Hour, 1)
		f.revoked(p)
		f.refusedAs(mode, sign(issued("8").with("iat", time.Now().Add(time.Minute).Unix())), "token_revoked")
		f.refusedAs(mode, sign(claims{"iss": "https://elsewhere", "sub": "ada"}), "")
		block(time.Minute, 0) // does not shorten it
		time.Sleep(59 * time.Minute)
		f.refusedAs(mode, sign(issued("9")), "token_revoked")
		time.Sleep(time.Minute)
		f.refusedAs(mode, sign(issued("9")), "")

		block(time.Hour, 0)
		f.revoke(ada, auth.RevokeOptions{}, 0)
		time.Sleep(time.Second)
		f.refusedAs(mode, sign(issued("9")), "token_revoked")
		if err := f.gate.Unblock(f.ctx, "https://issuer", "ada", "an error"); err != nil {
			f.t.Error(err)
		}
		f.refusedAs(mode, sign(issued("9")), "")
		f.refusedAs(mode, sign(issued("7").with("iat", 1)), "token_revoked")
		if got, err := f.gate.Block(f.ctx, "https://issuer", "ada", auth.RevokeOptions{}); err != nil || !got.Entry.Until.IsZero() {
			f.t.Errorf("%+v, %v", got, err)
		}
		time.Sleep(300 * time.Hour)
		f.refusedAs(mode, sign(issued("9")), "token_revoked")
	})
}

// An entry lasts as long as the longest token that it can concern.
func TestRevokeUntil(t *testing.T) {
	until := func(f *fixture) time.Time {
		f.t.Helper()
		got, err := f.gate.Revoke(f.ctx, ada, auth.RevokeOptions{})
		if err != nil {
			f.t.Error(err)
		}
		return got.Entry.Until
	}
	bubble(t, setup{}, func(f *fixture) {
		if got, want := until(f), time.Now().Add(30*24*time.Hour); !got.Equal(want) {
			t.Errorf("by default it ends %s, want %s", got, want)
		}
		year := time.Now().Add(365 * 24 * time.Hour).Truncate(time.Second)
		_ = f.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve", "exp": year.Unix()}))}).Close()
		_ = f.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))}).Close()
		if got := until(f); !got.Equal(year) {
			t.Errorf("with a long token it ends %s, want %s", got, year)
		}
	})
	bubble(t, setup{verifier: verifierOf(t, token.Secret(secret), token.Options{InsecureNoExpiry: true})}, func(f *fixture) {
		c := signWith(secret, map[string]any{"alg": "HS256"}, claims{"sub": "eve"})
		_ = f.dial(sockettest.Options{Auth: bearing(c)}).Close()
		if got := until(f); !got.IsZero() {
			t.Errorf("with a token without an end it ends %s", got)
		}
	})
	bubble(t, setup{gate: auth.Options{LongestToken: time.Hour}}, func(f *fixture) {
		if got, want := until(f), time.Now().Add(time.Hour+5*time.Minute); !got.Equal(want) {
			t.Errorf("with LongestToken it ends %s, want %s", got, want)
		}
	})
}

// Invalid calls fail and do nothing.
func TestRevokeInvalid(t *testing.T) {
	bubble(t, setup{}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(issued("7")))})
		past := time.Now().Add(-time.Second)
		for i, call := range []func() error{
			func() error { _, err := f.gate.Revoke(f.ctx, auth.Match{}, auth.RevokeOptions{}); return err },
			func() error {
				_, err := f.gate.Revoke(f.ctx, auth.BySubject("https://issuer", ""), auth.RevokeOptions{})
				return err
			},
			func() error { _, err := f.gate.Revoke(f.ctx, ada, auth.RevokeOptions{Until: past}); return err },
			func() error {
				_, err := f.gate.Revoke(f.ctx, ada, auth.RevokeOptions{Reason: strings.Repeat("x", 501)})
				return err
			},
			func() error {
				_, err := f.gate.Block(f.ctx, "https://issuer", "ada", auth.RevokeOptions{Until: past})
				return err
			},
			func() error { _, err := f.gate.Block(f.ctx, "https://issuer", "", auth.RevokeOptions{}); return err },
			func() error { return f.gate.Unblock(f.ctx, "https://issuer", "", "") },
		} {
			if err := call(); err == nil {
				t.Errorf("call %d: no error", i+1)
			}
		}
		if got := f.whoami(p); got != "ada" || f.gate.Stats().Denied != 0 {
			t.Errorf("it is %s, and %d are denied", got, f.gate.Stats().Denied)
		}
	})
}

// failing is a Denylist that fails, or does not answer.
type failing struct {
	auth.Denylist
	mu   sync.Mutex
	err  error // of Add and Find
	hang bool
}

func (d *failing) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

func (d *failing) Add(ctx context.Context, r auth.Revocation) error {
	if err := d.failure(); err != nil {
		return err
	}
	return d.Denylist.Add(ctx, r)
}

func (d *failing) Find(ctx context.Context, t *token.Token) (auth.Revocation, bool, error) {
	if d.hang {
		<-ctx.Done()
		return auth.Revocation{}, false, ctx.Err()
	}
	if err := d.failure(); err != nil {
		return auth.Revocation{}, false, err
	}
	return d.Denylist.Find(ctx, t)
}

// If the denylist fails or does not answer, peers are refused temporarily, or with FailOpen
// accepted.
func TestDenylistFailure(t *testing.T) {
	for _, list := range []*failing{{err: errors.New("disk on fire")}, {hang: true}} {
		for _, policy := range []auth.DenylistFailure{auth.FailClosed, auth.FailOpen} {
			inModes(t, setup{gate: auth.Options{Denylist: list, DenylistFailure: policy}}, func(f *fixture, mode string) {
				compact := sign(issued("7"))
				if policy == auth.FailOpen {
					if got := f.whoami(f.enter(mode, compact)); got != "ada" {
						f.t.Errorf("it is %s", got)
					}
					if log := f.log.String(); !strings.Contains(log, "the denylist failed, and a token was accepted without it") {
						f.t.Errorf("the log is silent:\n%s", log)
					}
					return
				}
				var opts sockettest.Options
				if mode == "handshake" {
					opts.Auth = bearing(compact)
				}
				switch p, err := f.try(opts); mode {
				case "handshake":
					if refused := (*sockettest.ConnectError)(nil); err == nil || errors.As(err, &refused) {
						f.t.Errorf("%v, want a closed transport", err)
					}
				default:
					f.emit(p, "authenticate", bearing(compact))
					if told, _ := f.unauthorized(p); told.Reason != "auth_unavailable" || told.Code != "unavailable" {
						f.t.Errorf("told %+v", told)
					}
					if err := p.Ended(f.ctx); !errors.Is(err, sockettest.ErrClosed) {
						f.t.Errorf("ended with %v", err)
					}
				}
				synctest.Wait()
				if got := f.gate.Stats().Refusals["auth_unavailable"]; got != 1 {
					f.t.Errorf("refusals: %v", f.gate.Stats().Refusals)
				}
			})
		}
	}
}

// A revocation that cannot be stored is an error. It ends the sockets nevertheless.
func TestRevokeIsNotStored(t *testing.T) {
	list := &failing{Denylist: auth.NewDenylist(auth.DenylistOptions{})}
	bubble(t, setup{gate: auth.Options{Denylist: list}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(issued("7")))})
		full := fmt.Errorf("no space left on device")
		list.err = full
		got, err := f.gate.Revoke(f.ctx, ada, auth.RevokeOptions{Reason: "stolen"})
		list.err = nil
		if !errors.Is(err, full) || got.Sockets != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		f.revoked(p)
		if log := f.log.String(); !strings.Contains(log, `level=ERROR msg="auth: revoked"`) {
			t.Errorf("no error in the log:\n%s", log)
		}
	})
}

// The log says who was revoked and why, and how many sockets ended. Peers do not get the reason.
func TestRevokeIsLogged(t *testing.T) {
	bubble(t, setup{}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(issued("7")))})
		f.revoke(ada, auth.RevokeOptions{Reason: "ticket 12, by eve"}, 1)
		_, e := f.unauthorized(p)
		if raw := fmt.Sprint(e.Args()...); strings.Contains(raw, "ticket") {
			t.Errorf("told %s", raw)
		}
		_, _ = f.gate.Block(f.ctx, "https://issuer", "ada", auth.RevokeOptions{Until: time.Now().Add(time.Hour), Reason: "spam"})
		_ = f.gate.Unblock(f.ctx, "https://issuer", "ada", "appeal")
		synctest.Wait()
		for _, want := range []string{
			`level=INFO msg="auth: revoked" match=1/sub/https:%2F%2Fissuer/ada why="ticket 12, by eve" issuedBefore=2000-01-01T00:00:00.000Z`, `sockets=1`,
			`level=INFO msg="auth: lease revoked"`, `issuer=https://issuer subject=ada token=`, `level=INFO msg="auth: blocked"`, `why=spam until=2000-01-01T01:00:00.000Z sockets=0`, `level=INFO msg="auth: unblocked"`, `why=appeal`,
		} {
			if log := f.log.String(); !strings.Contains(log, want) {
				t.Errorf("the log has no %s:\n%s", want, log)
			}
		}
	})
}
