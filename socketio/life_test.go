package socketio

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type lifeKey struct{}

// The context of a socket ends like one of package context, whether anything waited for it or not:
// with its cause, for contexts that are derived from it, and without a goroutine for each of them.
func TestLifeIsAContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the end")
		for name, wait := range map[string]bool{"waited for": true, "not waited for": false} {
			l := &life{parent: context.WithValue(context.Background(), lifeKey{}, "value")}
			ctx := &socketContext{Context: l, socket: new(Socket)}
			ran := make(chan struct{})
			before := runtime.NumGoroutine()
			var derived context.Context = ctx
			if wait {
				var cancel context.CancelFunc
				derived, cancel = context.WithTimeout(context.WithValue(ctx, socketKey{}, 1), time.Hour)
				defer cancel()
				context.AfterFunc(ctx, func() { close(ran) })
			}
			if n := runtime.NumGoroutine(); n != before {
				t.Errorf("%s: %d goroutines were started", name, n-before)
			}
			if ctx.Err() != nil || context.Cause(ctx) != nil || ctx.Value(lifeKey{}) != "value" {
				t.Errorf("%s: error %v and cause %v before the end", name, ctx.Err(), context.Cause(ctx))
			}
			if l.made != nil != wait {
				t.Errorf("%s: made %v", name, l.made)
			}
			l.end(cause)
			l.end(errors.New("a later end"))
			for _, ctx := range []context.Context{ctx, derived} {
				if ctx.Err() != context.Canceled || context.Cause(ctx) != cause || ctx.Value(lifeKey{}) != "value" {
					t.Errorf("%s: error %v and cause %v after the end", name, ctx.Err(), context.Cause(ctx))
				}
				<-ctx.Done()
			}
			late, cancel := context.WithCancel(ctx)
			if <-late.Done(); context.Cause(late) != cause {
				t.Errorf("%s: a context that was derived after the end has the cause %v", name, context.Cause(late))
			}
			if cancel(); wait {
				<-ran
			}
		}
	})
}

// A context that is seen to have ended has its cause, also while it is ending.
func TestLifeEndsAtOnce(t *testing.T) {
	cause := errors.New("the end")
	for range 200 {
		l := &life{parent: context.Background()}
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				switch i {
				case 0:
					l.end(cause)
					return
				case 1:
					<-l.Done()
				default:
					for l.Err() == nil {
						runtime.Gosched()
					}
				}
				if got := context.Cause(l); got != cause {
					t.Errorf("the cause is %v", got)
				}
			})
		}
		wg.Wait()
	}
}
