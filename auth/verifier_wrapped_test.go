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

// away returns keys that a test can make unavailable, and their verifier.
func away(t testing.TB) (*awayKeys, *token.Verifier) {
	keys := &awayKeys{}
	return keys, verifierOf(t, keys, token.Options{})
}

// wrapper hides every method of a verifier except Verify. The two wrappers below
// have an Unwrap.
type wrapper struct{ v auth.Verifier }

func (w wrapper) Verify(ctx context.Context, compact string) (*token.Token, error) {
	return w.v.Verify(ctx, compact)
}

type unwraps struct{ wrapper }

func (u unwraps) Unwrap() auth.Verifier { return u.v }

type unwrapsConcrete struct {
	wrapper
	inner *token.Verifier
}

func (u unwrapsConcrete) Unwrap() *token.Verifier { return u.inner }

type embeds struct {
	*token.Verifier
	_ func() // so that it cannot be compared
}

// cyclic unwraps to itself.
type cyclic struct{ wrapper }

func (c cyclic) Unwrap() auth.Verifier { return c }

type panicky struct{ wrapper }

func (panicky) Available() bool { panic("a secret") }

// A verifier that wraps another one passes on its Available, so that handshakes are refused
// while its keys are unavailable.
func TestWrappedVerifierIsAvailableAsBefore(t *testing.T) {
	for name, c := range map[string]struct {
		wrap func(*token.Verifier) auth.Verifier
		told bool // whether the gate knows that keys are unavailable
	}{
		"itself":            {func(v *token.Verifier) auth.Verifier { return v }, true},
		"embedded":          {func(v *token.Verifier) auth.Verifier { return embeds{Verifier: v} }, true},
		"unwrapped":         {func(v *token.Verifier) auth.Verifier { return unwraps{wrapper{v}} }, true},
		"unwrapped twice":   {func(v *token.Verifier) auth.Verifier { return denylist{unwraps{wrapper{v}}, nil} }, true},
		"its concrete type": {func(v *token.Verifier) auth.Verifier { return unwrapsConcrete{wrapper{v}, v} }, true},
		"hidden":            {func(v *token.Verifier) auth.Verifier { return wrapper{v} }, false},
		"a cycle":           {func(v *token.Verifier) auth.Verifier { return cyclic{wrapper{v}} }, false},
		"a panic":           {func(v *token.Verifier) auth.Verifier { return panicky{wrapper{v}} }, false},
		"a func":            {func(v *token.Verifier) auth.Verifier { return verifierFunc(v.Verify) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			keys, v := away(t)
			wrapped := c.wrap(v)
			bubble(t, setup{verifier: wrapped}, func(f *fixture) {
				keys.away.Store(true)
				if f.gate.Available() == c.told {
					t.Errorf("available: %v", !c.told)
				}
				crowd := &crowd{f: f}
				ctx, cancel := context.WithCancel(f.ctx)
				defer crowd.clients.Wait()
				defer cancel()
				for range 5 {
					crowd.come(ctx, sockettest.Options{Auth: bearing(sign(nil))})
				}
				time.Sleep(10 * time.Second)
				if refused := crowd.refused.Load() > 0; refused != c.told {
					t.Errorf("handshakes were refused: %v", refused)
				}
				keys.away.Store(false)
				crowd.clients.Wait()
				if !f.gate.Available() || crowd.inside.Load() != 5 {
					t.Errorf("%d of 5 came back", crowd.inside.Load())
				}
			})
			guests := newGate(t, wrapped, auth.Options{Guests: &auth.GuestOptions{}})
			keys.away.Store(true)
			if !guests.Available() {
				t.Error("a gate for guests is not available")
			}
		})
	}
}

// A program with several namespaces declares its gates before it serves.
func TestDependsOnAGate(t *testing.T) {
	keys, v := away(t)
	bubble(t, setup{verifier: unwraps{wrapper{v}}, furnish: func(f *fixture) {
		f.furnish(f.srv.Of("/second"), f.gate.Event(auth.EventOptions{}))
		f.srv.DependsOn(f.gate)
		f.srv.Of("/second").DependsOn(f.gate)
	}}, func(f *fixture) {
		keys.away.Store(true)
		if _, err := f.try(sockettest.Options{}); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("got %v", err)
		}
	})
}
