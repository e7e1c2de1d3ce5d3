package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// badPayloads are auth payloads, and first arguments of "authenticate", that have no readable
// token.
var badPayloads = []struct{ name, payload, message, code, reason string }{
	{"empty", `{}`, "no token provided", "credentials_required", "token_missing"},
	{"null", `{"token":null}`, "no token provided", "credentials_required", "token_missing"},
	{"another case", `{"Token":"a.b.c"}`, "no token provided", "credentials_required", "token_missing"},
	{"number", `{"token":123}`, "invalid token datatype", "invalid_token", "token_malformed"},
	{"boolean", `{"token":false}`, "invalid token datatype", "invalid_token", "token_malformed"},
	{"object", `{"token":{"a":1}}`, "invalid token datatype", "invalid_token", "token_malformed"},
	{"list", `{"token":["a.b.c"]}`, "invalid token datatype", "invalid_token", "token_malformed"},
	{"twice", `{"token":"a.b.c","token":"a.b.c"}`, "invalid token datatype", "invalid_token", "token_malformed"},
	{"twice, escaped", `{"token":"a.b.c","t\u006fken":"d.e.f"}`, "invalid token datatype", "invalid_token", "token_malformed"},
	{"half a surrogate pair", `{"token":"a.b.c\ud83d"}`, "invalid token datatype", "invalid_token", "token_malformed"},
	{"empty string", `{"token":""}`, "Format is Authorization: Bearer [token]", "credentials_bad_format", "token_malformed"},
	{"scheme alone", `{"token":"Bearer "}`, "Format is Authorization: Bearer [token]", "credentials_bad_format", "token_malformed"},
	{"another scheme", `{"token":"Basic YTpi"}`, "Format is Authorization: Bearer [token]", "credentials_bad_format", "token_malformed"},
	{"three parts", `{"token":"Bearer one two"}`, "Format is Authorization: Bearer [token]", "credentials_bad_format", "token_malformed"},
}

// No payload ends the process, and each gets an answer.
func TestBadPayloadsOnTheWire(t *testing.T) {
	for _, b := range badPayloads {
		t.Run(b.name, func(t *testing.T) {
			t.Run("handshake", func(t *testing.T) {
				bubble(t, setup{}, func(f *fixture) {
					var w wire
					if _, err := f.try(sockettest.Options{Auth: json.RawMessage(b.payload), Trace: w.trace}); err == nil {
						t.Fatal("admitted")
					}
					w.want(t, connectError(b.message, b.code, b.reason))
				})
			})
			t.Run("event", func(t *testing.T) {
				bubble(t, setup{event: true}, func(f *fixture) {
					var w wire
					p := f.dial(sockettest.Options{Trace: w.trace})
					_ = p.SendRaw(`2["authenticate",` + b.payload + `]`)
					f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
					w.want(t, `0{"sid":"*"}`, unauthorizedEvent(0, b.message, b.code, b.reason), "1")
				})
			})
		})
	}
}

// These arguments are possible in "authenticate" but not in an auth payload.
func TestBadArgumentsOfAuthenticate(t *testing.T) {
	for _, c := range []struct{ arguments, message string }{
		{``, "no token provided"},
		{`,null`, "no token provided"},
		{`,null,{"token":"a.b.c"}`, "no token provided"},
		{`,"a.b.c"`, "invalid token datatype"},
		{`,["a.b.c"]`, "invalid token datatype"},
		{`,7`, "invalid token datatype"},
		{`,{"token":{"_placeholder":true,"num":0}}`, "invalid token datatype"},
	} {
		bubble(t, setup{event: true}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			_ = p.SendRaw(`2["authenticate"` + c.arguments + `]`)
			if told, _ := f.unauthorized(p); told.Message != c.message {
				t.Errorf("%s: told %q, want %q", c.arguments, told.Message, c.message)
			}
		})
	}
	bubble(t, setup{event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", map[string]any{"token": []byte(sign(nil))}) // a binary attachment
		if told, _ := f.unauthorized(p); told.Message != "invalid token datatype" {
			t.Errorf("told %q", told.Message)
		}
	})
}

func TestOnlyHeaderRequired(t *testing.T) {
	gate := auth.Options{Sources: []auth.Source{auth.FromHeader()}}
	bubble(t, setup{gate: gate}, func(f *fixture) {
		var w wire
		_, err := f.try(sockettest.Options{Auth: bearing(sign(nil)), Trace: w.trace}) // the auth payload is not read
		if err == nil {
			t.Fatal("admitted")
		}
		w.want(t, connectError("Server requires Authorization Header", "missing_authorization_header", "token_missing"))
		if got := f.whoami(f.dial(sockettest.Options{Header: http.Header{"Authorization": {"Bearer " + sign(nil)}}})); got != "ada" {
			t.Errorf("whoami: %q", got)
		}
	})
}

// A refusal reveals nothing about the key, the user and the configuration. The log has the
// cause under the id that the peer got.
func TestRefusalRevealsNoInternals(t *testing.T) {
	hooks := func(_ context.Context, tok *token.Token, _ *socketio.Handshake) error {
		switch tok.Subject {
		case "unknown":
			return errors.New("no such row in table users")
		case "revoked":
			return errors.New("user is blocked since Tuesday")
		}
		return nil
	}
	bubble(t, setup{gate: auth.Options{Authorize: auth.Check(hooks)}}, func(f *fixture) {
		unknown := f.refused(sockettest.Options{Auth: bearing(sign(claims{"sub": "unknown"}))})
		revoked := f.refused(sockettest.Options{Auth: bearing(sign(claims{"sub": "revoked"}))})
		if unknown.ID == revoked.ID {
			t.Error("the same id twice")
		}
		for _, c := range []struct {
			told  refusal
			cause string
		}{{unknown, "no such row"}, {revoked, "blocked since Tuesday"}} {
			want := refusal{"not authorized", "unknown", "UnauthorizedError", "not_authorized", c.told.ID}
			if c.told != want {
				t.Errorf("told %+v, want %+v", c.told, want)
			}
			logged := false
			for line := range strings.Lines(f.log.String()) {
				logged = logged || strings.Contains(line, c.told.ID) && strings.Contains(line, c.cause)
			}
			if !logged {
				t.Errorf("no line of the log has %s and %q:\n%s", c.told.ID, c.cause, f.log.String())
			}
		}
	})
}

func TestHookChoosesTheRefusal(t *testing.T) {
	banned := &auth.Error{Message: "you are banned", Code: "banned", Reason: "banned"}
	bubble(t, setup{gate: auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
		return fmt.Errorf("user 7: %w", banned)
	})}}, func(f *fixture) {
		first := f.refused(sockettest.Options{Auth: bearing(sign(nil))})
		second := f.refused(sockettest.Options{Auth: bearing(sign(nil))})
		want := refusal{"you are banned", "banned", "UnauthorizedError", "banned", first.ID}
		if first != want || first.ID == "" || first.ID == second.ID {
			t.Errorf("told %+v and %+v, want %+v with ids of their own", first, second, want)
		}
		if banned.ID != "" || banned.Err != nil {
			t.Errorf("the hook's error was written to: %+v", banned)
		}
	})
	bubble(t, setup{gate: auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
		return &auth.Error{Temporary: true, Err: errors.New("database is away")}
	})}}, func(f *fixture) {
		if _, err := f.try(sockettest.Options{Auth: bearing(sign(nil))}); !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("got %v, want a closed transport", err)
		}
	})
}

// If a key function fails, the refusal is temporary, unless it returns an *Error.
func TestKeyFuncChoosesTheRefusal(t *testing.T) {
	v := verifierOf(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
		return token.Key{}, &auth.Error{Message: "unknown tenant", Err: token.ErrExpired}
	}), token.Options{})
	bubble(t, setup{verifier: v}, func(f *fixture) {
		if told := f.refused(sockettest.Options{Auth: bearing(sign(nil))}); told.Message != "unknown tenant" || told.Reason != "not_authorized" {
			t.Errorf("told %+v", told)
		}
	})
}

func TestPanicsAreRefused(t *testing.T) {
	secretPanic := func() { panic("eyJhbGciOiJIUzI1NiJ9.e30.x") } // bubble looks for tokens in the log
	runtimePanic := func(kept ...int) { kept[len(kept)] = 1 }
	for name, gate := range map[string]auth.Options{
		"source": {Sources: []auth.Source{auth.SourceFunc(func(context.Context, *socketio.Handshake) (string, error) { secretPanic(); return "", nil })}},
		"Authorize": {Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
			secretPanic()
			return nil
		})},
		"runtime": {Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
			runtimePanic()
			return nil
		})},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{gate: gate}, func(f *fixture) {
				told := f.refused(sockettest.Options{Auth: bearing(sign(nil))})
				if told.Message != "internal error" || told.Reason != "internal_error" {
					t.Errorf("told %+v", told)
				}
				if !strings.Contains(f.log.String(), "goroutine") || !strings.Contains(f.log.String(), told.ID) {
					t.Errorf("no stack with the id in the log:\n%s", f.log.String())
				}
				f.happened()
			})
			bubble(t, setup{gate: gate, event: true}, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				f.emit(p, "authenticate", bearing(sign(nil)))
				if told, _ := f.unauthorized(p); told.Reason != "internal_error" {
					t.Errorf("told %+v", told)
				}
				f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
				f.happened()
			})
		})
	}
}

// OnRefuse gets each refusal with its cause, and cannot change it.
func TestOnRefuse(t *testing.T) {
	var f *fixture
	never := make(chan struct{})
	gate := auth.Options{OnRefuse: func(ctx context.Context, s *socketio.Socket, e *auth.Error) {
		f.ran.add(fmt.Sprintf("refused %s, expired %t, done %t, %t", e.Reason, errors.Is(e, token.ErrExpired), ctx.Err() != nil, socketio.FromContext(ctx) == s))
		_ = s.Admit()
		if e.Reason == auth.ReasonTokenExpired {
			panic("in OnRefuse")
		}
		<-never
	}}
	for _, event := range []bool{false, true} {
		bubble(t, setup{gate: gate, event: event}, func(fixture *fixture) {
			f = fixture
			never = make(chan struct{})
			defer close(never)
			expired := bearing(expiring(-time.Minute))
			if event {
				for _, payload := range []any{expired, bearing("x")} {
					p := f.dial(sockettest.Options{})
					f.emit(p, "authenticate", payload)
					f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
				}
			} else {
				f.refused(sockettest.Options{Auth: expired})
				synctest.Wait()
				f.refused(sockettest.Options{Auth: bearing("x")})
			}
			f.happened("refused token_expired, expired true, done false, true", "refused token_malformed, expired false, done false, true")
		})
	}
}

func TestErrorKeepsItsCauseToItself(t *testing.T) {
	cause := errors.New("the cause")
	e := &auth.Error{Message: "the message", Err: cause}
	if got := e.Error(); got != "auth: refused: the message" {
		t.Errorf("Error() = %q", got)
	}
	if !errors.Is(e, cause) {
		t.Error("the cause is not to be found")
	}
}
