package jwks_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"socketiojwt/observe"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// watcher records fetches. It uses the Set, so it must be called without a lock.
type watcher struct {
	set   *jwks.Set
	lines []string
}

func (w *watcher) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
	w.set.Stats()
	return ctx, func(o observe.Outcome) {
		w.set.Stats()
		w.lines = append(w.lines, fmt.Sprint(op.Kind, " ", op.Issuer, " ", o.Result))
	}
}

func TestObserverIsToldAboutFetches(t *testing.T) {
	bubble(t, func(i *issuer) {
		w := &watcher{}
		var v *token.Verifier
		v, w.set = i.verifier(jwks.Options{Observer: w})
		want(t, "a token", verify(v, i.sign("1")), nil)
		i.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		want(t, "Refresh", w.set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
		synctest.Wait()
		if told := []string{"fetch keys localhost ok", "fetch keys localhost status"}; !slices.Equal(w.lines, told) {
			t.Errorf("told %q, want %q", w.lines, told)
		}
	})
}
