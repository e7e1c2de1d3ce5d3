package auth_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// A token that is good for longer than the gate was told is logged once, because revocations may
// end before it.
func TestLongTokensAreLogged(t *testing.T) {
	const line = "good for longer than Options.LongestToken"
	bubble(t, setup{gate: auth.Options{LongestToken: time.Hour}}, func(f *fixture) {
		_ = f.dial(sockettest.Options{Auth: bearing(sign(issued("7").with("exp", time.Now().Add(time.Hour).Unix())))}).Close()
		if log := f.log.String(); strings.Contains(log, line) {
			t.Errorf("a token of the longest life is logged:\n%s", log)
		}
		for range 3 {
			_ = f.dial(sockettest.Options{Auth: bearing(sign(issued("8").with("exp", time.Now().Add(2*time.Hour).Unix())))}).Close()
		}
		if n := strings.Count(f.log.String(), "level=WARN msg=\"auth: a token is "+line); n != 1 {
			t.Errorf("%d lines:\n%s", n, f.log.String())
		}
	})
	bubble(t, setup{}, func(f *fixture) {
		_ = f.dial(sockettest.Options{Auth: bearing(sign(issued("7").with("exp", time.Now().Add(29*24*time.Hour).Unix())))}).Close()
		if log := f.log.String(); strings.Contains(log, line) {
			t.Errorf("log:\n%s", log)
		}
		_ = f.dial(sockettest.Options{Auth: bearing(sign(issued("7").with("exp", time.Now().Add(60*24*time.Hour).Unix())))}).Close()
		if log := f.log.String(); !strings.Contains(log, line) {
			t.Errorf("a token of 60 days is not logged:\n%s", log)
		}
	})
}

// revoking is a Denylist that calls a function after it has looked for a token.
type revoking struct {
	auth.Denylist
	after func(*token.Token)
}

func (d *revoking) Find(ctx context.Context, t *token.Token) (auth.Revocation, bool, error) {
	r, found, err := d.Denylist.Find(ctx, t)
	if d.after != nil {
		d.after(t)
	}
	return r, found, err
}

// A token that an admitted socket shows again, without an acknowledgement, is refused if it is
// revoked after the denylist was asked.
func TestRepeatedTokenIsRevokedMeanwhile(t *testing.T) {
	list := &revoking{Denylist: auth.NewDenylist(auth.DenylistOptions{})}
	bubble(t, setup{gate: auth.Options{Denylist: list}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(issued("7")))})
		list.after = func(shown *token.Token) {
			list.after = nil
			f.revoke(auth.ByTokenID(shown.Issuer, shown.ID), auth.RevokeOptions{}, 0)
		}
		f.emit(p, "authenticate", bearing(sign(issued("8"))))
		if told, _ := f.unauthorized(p); told.Reason != "token_revoked" {
			t.Errorf("told %+v", told)
		}
		if got := f.whoami(p); got != "ada" {
			t.Errorf("it is %s", got)
		}
	})
}

// An entry includes another one if it concerns the same tokens for at least as long.
func TestIncludes(t *testing.T) {
	early, late := time.Unix(100, 0), time.Unix(200, 0)
	entry := func(before, until time.Time) auth.Revocation {
		return auth.Revocation{Match: ada, IssuedBefore: before, Until: until}
	}
	for _, c := range []struct {
		r, other auth.Revocation
		want     bool
	}{
		{entry(early, early), entry(early, early), true},
		{entry(early, late), entry(early, early), true},
		{entry(early, early), entry(early, late), false},
		{entry(late, early), entry(early, early), true},
		{entry(early, early), entry(late, early), false},
		{entry(early, time.Time{}), entry(early, late), true},
		{entry(early, late), entry(early, time.Time{}), false},
		{entry(late, early), entry(early, late), false},
		{entry(early, late), entry(late, early), false},
		{entry(time.Time{}, late), entry(time.Time{}, early), true},
	} {
		if got := auth.Includes(c.r, c.other); got != c.want {
			t.Errorf("%+v includes %+v: %t", c.r, c.other, got)
		}
	}
}
