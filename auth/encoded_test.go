package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
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

// encoded answers with the token that a handler could send to other services.
func encoded(f *fixture) {
	f.srv.Handle("encoded", socketio.AckFunc(func(ctx context.Context, s *socketio.Socket, _ struct{}) (string, error) {
		if lease := auth.Current(s); lease != nil && lease.Encoded != auth.Encoded(ctx) {
			return "", &socketio.PublicError{Message: "another than that of the lease"}
		}
		return auth.Encoded(ctx), nil
	}))
}

// askEncoded returns the answer of encoded.
func (f *fixture) askEncoded(p *sockettest.Peer) string {
	f.t.Helper()
	answer, err := p.EmitWithAck(f.ctx, "encoded")
	var compact string
	if err != nil || answer.Scan(&compact) != nil {
		f.t.Fatalf("encoded: %v, %v", answer, err)
	}
	return compact
}

// The compact token is kept if KeepEncoded is set, from every source and without its scheme.
// A token that was not verified is never kept, and a later token does not replace the first
// one.
func TestKeepEncoded(t *testing.T) {
	for _, event := range []bool{false, true} {
		gate := auth.Options{KeepEncoded: true, Guests: &auth.GuestOptions{Attempts: 3}}
		bubble(t, setup{event: event, gate: gate, furnish: encoded}, func(f *fixture) {
			compact := sign(nil)
			p := f.dial(sockettest.Options{})
			if got := f.askEncoded(p); got != "" {
				t.Errorf("a guest has the token %q", got)
			}
			f.emit(p, "authenticate", bearing(signWith("another secret, just as long as the first", map[string]any{"alg": "HS256"}, claims{"sub": "root"})))
			f.unauthorized(p)
			if got := f.askEncoded(p); got != "" {
				t.Errorf("kept before it was verified: %q", got)
			}
			f.login(p, "Bearer "+compact)
			if got := f.askEncoded(p); got != compact {
				t.Errorf("got %q, want what was shown", got)
			}
			f.login(p, sign(claims{"jti": "another"}))
			f.emit(p, "authenticate", bearing(sign(claims{"sub": "mallory"})))
			f.unauthorized(p)
			if got := f.askEncoded(p); got != compact {
				t.Errorf("got %q, want that of the lease", got)
			}
		})
		bubble(t, setup{event: event, gate: auth.Options{KeepEncoded: true}, furnish: encoded}, func(f *fixture) {
			compact := sign(nil)
			p := f.dial(sockettest.Options{Header: http.Header{"Authorization": {"Bearer " + compact}}})
			if event {
				f.emit(p, "authenticate")
				f.expect(p, "authenticated")
			}
			if got := f.askEncoded(p); got != compact {
				t.Errorf("got %q, want what was shown", got)
			}
		})
		bubble(t, setup{event: event, furnish: encoded}, func(f *fixture) {
			p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
			if event {
				f.login(p, sign(nil))
			}
			if got := f.askEncoded(p); got != "" {
				t.Errorf("kept unasked: %q", got)
			}
		})
	}
	if auth.Encoded(t.Context()) != "" {
		t.Error("a token from nowhere")
	}
}

// Printing a lease, or a value that contains one, prints neither the token nor the user.
func TestLeasePrintsNoClaims(t *testing.T) {
	compact := sign(claims{"sub": "the-subject"})
	hidden := append(strings.Split(compact, "."), "the-subject", "the-password")
	hidden = append(hidden, fmt.Sprintf("%x", compact)[:40], fmt.Sprint([]byte(compact))[1:40])
	type holder struct{ lease *auth.Lease }
	check := func(t *testing.T, name string, value any) {
		verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T"}
		if name == "in an unexported field" { // fmt does not call Format there, and a wrong verb prints everything
			verbs = verbs[:3]
		}
		var out bytes.Buffer
		for _, verb := range verbs {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		fmt.Fprintln(&out, value)
		if text, err := json.Marshal(value); err == nil {
			out.Write(text)
		}
		if text, err := xml.Marshal(value); err == nil {
			out.Write(text)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", value)
		for _, secret := range hidden {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s: %q is in the output:\n%.3000s", name, secret, &out)
			}
		}
	}
	gate := auth.Options{KeepEncoded: true, Authorize: auth.NewUser[map[string]string]().By(func(context.Context, *token.Token, *socketio.Handshake) (map[string]string, error) {
		return map[string]string{"password": "the-password"}, nil
	})}
	bubble(t, setup{gate: gate, furnish: func(f *fixture) {
		f.srv.Handle("print", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
			child, cancel := context.WithCancel(context.WithValue(ctx, holder{}, 1))
			defer cancel()
			check(t, "context", ctx)
			check(t, "its child", child)
			check(t, "socket", s)
			return nil
		})
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(compact)})
		synctest.Wait()
		lease := auth.Current(f.srv.Sockets()[0])
		if lease.Encoded != compact {
			t.Fatal("nothing is kept")
		}
		for name, value := range map[string]any{
			"*Lease": lease, "Lease": *lease, "in a slice": []any{lease, *lease}, "in a map": map[string]any{"a": lease, "b": *lease},
			"in exported fields": struct{ A, B any }{lease, *lease}, "in an unexported field": holder{lease},
		} {
			check(t, name, value)
		}
		f.emit(p, "print")
		synctest.Wait()

		for _, value := range []fmt.Stringer{lease, *lease} {
			want := value.String()
			quoted, err := json.Marshal(value)
			var text string
			if err != nil || json.Unmarshal(quoted, &text) != nil || text != want {
				t.Errorf("%T in JSON: %s, %v", value, quoted, err)
			}
			if logged := slog.AnyValue(value).Resolve(); logged.Kind() != slog.KindString || logged.String() != want {
				t.Errorf("%T in slog: %v", value, logged)
			}
			if printed := fmt.Sprintf("%#v", value); printed != want {
				t.Errorf("%T printed: %s", value, printed)
			}
		}
		if got := lease.String(); !strings.Contains(got, "hash") || !strings.Contains(got, lease.Until.Format(time.RFC3339)) {
			t.Errorf("a lease describes itself as %q, without the token's hash and its own end", got)
		}
	})
	// A guest has no lease, and can be logged too.
	var none *auth.Lease
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", none)
	fmt.Fprintf(&out, "%v %+v %#v %s", none, none, none, auth.Lease{})
}
