package auth_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
)

// The end of a lease, or its warning, may be on its way when the lease is refreshed. It then finds
// another lease, and does nothing.
func TestLateEndOfARefreshedLease(t *testing.T) {
	bubble(t, setup{gate: auth.Options{WarnBefore: time.Minute}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: asking(sign(nil))})
		f.expect(p, "authenticated")
		s := f.srv.Sockets()[0]
		old := auth.Current(s)
		if a := f.authenticate(p, sign(nil)); a.Error != nil {
			t.Fatalf("refused: %+v", a)
		}
		auth.Warn(s, old)
		auth.Expire(s, old)
		f.nothing(p)
		if s.Context().Err() != nil || auth.Current(s) == nil || auth.Current(s) == old {
			t.Error("the end of the old lease ended the new one")
		}
		auth.Warn(s, auth.Current(s))
		f.expect(p, "token_expiring")
		auth.Expire(s, auth.Current(s))
		f.unauthorized(p)
	})
}

// slowLog is a log that takes long for some lines.
type slowLog struct {
	slog.Handler
	line  string
	takes time.Duration
}

func (l slowLog) Enabled(context.Context, slog.Level) bool { return true }

func (l slowLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message == l.line {
		time.Sleep(l.takes)
	}
	return nil
}

// When Revoke returns, the socket has ended, also if another revocation has begun to end it and is
// delayed. Revoke waits for it for a short time, and then ends it.
func TestRevokeWaitsForAnotherEnd(t *testing.T) {
	for _, test := range []struct{ delay, want time.Duration }{
		{50 * time.Millisecond, 50 * time.Millisecond},
		{time.Hour, 100 * time.Millisecond},
	} {
		log := slog.New(slowLog{slog.DiscardHandler, "auth: lease revoked", test.delay})
		bubble(t, setup{gate: auth.Options{Logger: log}}, func(f *fixture) {
			p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
			s := f.srv.Sockets()[0]
			go func() { _, _ = f.gate.Revoke(f.ctx, auth.BySubject("", "ada"), auth.RevokeOptions{}) }()
			synctest.Wait() // the first revocation writes to the log
			if s.Context().Err() != nil {
				t.Fatal("the socket has ended")
			}
			start := time.Now()
			f.revoke(auth.BySubject("", "ada"), auth.RevokeOptions{}, 0)
			if took := time.Since(start); took != test.want {
				t.Errorf("Revoke took %v, want %v", took, test.want)
			}
			if s.Context().Err() == nil || len(f.srv.Sockets()) != 0 {
				t.Error("the socket has not ended")
			}
			_ = p.Ended(f.ctx)
			time.Sleep(test.delay) // so that the first one returns
		})
	}
}
