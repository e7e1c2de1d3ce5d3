package jwks_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// A key that is no longer published is not accepted after the next fetch.
func TestRetiredKey(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		compact := i.sign("1")
		want(t, "while it is published", verify(v, compact), nil)
		i.publish("2")
		time.Sleep(time.Hour)
		want(t, "afterwards", verify(v, compact), token.ErrKeyNotFound)
		want(t, "the new one", verify(v, i.sign("2")), nil)
	})
}

// After a rotation a good token is accepted at once, also during a flood, and the key
// server gets one request per interval.
func TestRotationUnderAFlood(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		want(t, "before", verify(v, i.sign("1")), nil)
		ctx, stop := context.WithCancel(i.t.Context())
		bad := junk(t, "PLACEHOLDER")
		_, rest, _ := strings.Cut(bad, ".")
		var flood sync.WaitGroup
		flood.Go(func() { // 10,000 a second, each with a key ID of its own
			for n := 0; ctx.Err() == nil; n++ {
				head := encode(fmt.Sprintf(`{"alg":"EdDSA","kid":"junk-%d"}`, n))
				flood.Go(func() {
					if err := verify(v, head+"."+rest); err == nil {
						t.Error("junk was accepted")
					}
				})
				time.Sleep(100 * time.Microsecond)
			}
		})
		time.Sleep(2500 * time.Millisecond)
		i.publish("1", "2")
		begun := time.Now()
		want(t, "after the rotation", verify(v, i.sign("2")), nil)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
		want(t, "the key before", verify(v, i.sign("1")), nil)
		stop()
		flood.Wait()
		if n := len(i.asked()); n > 6 {
			t.Errorf("%d requests: %q", n, i.asked())
		}
	})
}

// A running fetch may have begun before a rotation. A token of the new key waits for the
// next one, whether there were keys before or not.
func TestRotationDuringAFetch(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		i.answers(func(w http.ResponseWriter, _ *http.Request) {
			i.mu.Lock()
			set := i.set()
			i.mu.Unlock()
			time.Sleep(700 * time.Millisecond)
			fmt.Fprint(w, set)
		})
		for n := range 3 {
			young := fmt.Sprint("young-", n)
			unknown := junk(t, "junk-"+young)
			var asking sync.WaitGroup
			asking.Go(func() { want(t, "what begins a fetch", verify(v, unknown), token.ErrKeyNotFound) })
			time.Sleep(400 * time.Millisecond)
			i.publish("1", young)
			begun := time.Now()
			want(t, "the new key", verify(v, i.sign(young)), nil)
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("it took %s", took)
			}
			asking.Wait()
			time.Sleep(time.Minute)
		}
	})
}
