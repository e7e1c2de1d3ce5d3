package auth_test

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/internal/logtable"
)

// Each thing that happens to a socket or its token has a line in the log, with the fields that
// docs/lifetime.md lists, in each mode. The same token has the same hash in all of them.
func TestAudit(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			var log lockedBuffer
			s := setup{gate: auth.Options{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}}
			s.event = mode != "handshake"
			if mode == "guest" {
				s.gate.Guests = &auth.GuestOptions{}
			}
			s.furnish = func(f *fixture) { f.guarded("do", auth.Scopes("x")) }
			bubble(t, s, func(f *fixture) {
				first := sign(claims{"iss": "https://issuer", "exp": time.Now().Add(time.Minute).Unix()})
				again := sign(claims{"iss": "https://issuer", "exp": time.Now().Add(2 * time.Minute).Unix()})
				p := f.enter(mode, first)
				if got := f.ask(p, "do"); got.Reason != string(auth.ReasonInsufficientScope) {
					t.Errorf("the event was refused with %+v", got)
				}
				f.authenticate(p, sign(claims{"iss": "https://issuer", "exp": 1}))
				f.authenticate(p, again)
				_ = p.Ended(f.ctx) // expired
				p = f.enter(mode, sign(claims{"iss": "https://issuer"}))
				f.revoke(auth.BySubject("https://issuer", "ada"), auth.RevokeOptions{Reason: "left"}, 1)
				f.revoked(p)
				_, _ = f.gate.Block(f.ctx, "https://issuer", "ada", auth.RevokeOptions{Reason: "spam"})
				_ = f.gate.Unblock(f.ctx, "https://issuer", "ada", "appeal")
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header.Set("Authorization", "Bearer "+signWith("another secret, just as long as the first", map[string]any{"alg": "HS256"}, claims{"sub": "mallory"}))
				f.gate.HTTP(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
				synctest.Wait()

				text := log.String()
				logtable.Check(t, "../docs/lifetime.md", "auth: ", []byte(text))
				for line := range strings.Lines(text) {
					if signed := strings.Contains(line, `"token":"`); signed != strings.Contains(line, `"subject":"ada"`) {
						t.Errorf("the subject and the hash are not together: %s", line)
					}
				}
				for compact, messages := range map[string][]string{
					first: {"auth: token accepted", "auth: event refused"}, again: {"auth: lease refreshed", "auth: lease ended"},
				} {
					hash := sha256.Sum256([]byte(compact[:strings.LastIndexByte(compact, '.')]))
					for _, message := range messages {
						if !hasLine(text, `"`+message+`"`, `"issuer":"https://issuer"`, `"token":"`+hex.EncodeToString(hash[:])+`"`) {
							t.Errorf("no line %q with the hash of the token:\n%s", message, text)
						}
					}
				}
				if found := jwt.FindString(text); found != "" || strings.Contains(text, "mallory") {
					t.Errorf("the log has a token, or a subject without a valid signature: %s", text)
				}
			})
		})
	}
}

// hasLine reports whether a line of a log has all parts.
func hasLine(log string, parts ...string) bool {
	for line := range strings.Lines(log) {
		has := true
		for _, part := range parts {
			has = has && strings.Contains(line, part)
		}
		if has {
			return true
		}
	}
	return false
}
