package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// Tokens, cancelled callers, Refresh, rotations, outages, a clock that is set, and Close
// run together. Each caller gets an answer, and no good token is refused permanently.
func TestEverythingAtOnce(t *testing.T) {
	for seed := range uint64(6) {
		bubble(t, func(i *issuer) {
			i.header = map[string]string{"ETag": `"0"`, "Cache-Control": "max-age=60"}
			var clock stepped
			opts := jwks.Options{Client: i.client, Now: clock.now, Timeout: 2 * time.Second, Stale: time.Minute}
			set, err := jwks.New(home+"/keys", opts)
			if err != nil {
				t.Fatal(err)
			}
			byClock := rules
			byClock.Now = clock.now
			v, err := token.NewVerifier(set, byClock)
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for worker := range uint64(12) {
				dice := rand.New(rand.NewPCG(seed, worker))
				all.Go(func() {
					for n := range 60 {
						time.Sleep(time.Duration(dice.IntN(3000)) * time.Millisecond)
						ctx, cancel := context.WithTimeout(i.t.Context(), time.Duration(dice.IntN(6000))*time.Millisecond)
						switch dice.IntN(8) {
						case 0:
							_ = set.Refresh(ctx)
						case 1:
							_, err := v.Verify(ctx, junk(t, fmt.Sprint("junk-", worker, "-", dice.IntN(9))))
							if !errors.Is(err, token.ErrKeyNotFound) && !errors.Is(err, token.ErrKeysUnavailable) {
								t.Errorf("junk: %v", err)
							}
						default:
							if _, err := v.Verify(ctx, i.sign("1")); err != nil && !errors.Is(err, token.ErrKeysUnavailable) {
								t.Errorf("a good token: %v", err)
							}
						}
						cancel()
						if worker == 0 && n%10 == 0 {
							clock.set(time.Duration(dice.IntN(96)-48) * time.Hour)
						}
					}
				})
			}
			all.Go(func() { // the issuer has outages
				dice := rand.New(rand.NewPCG(seed, 1000))
				for n := range 30 {
					i.mu.Lock()
					i.header["ETag"] = fmt.Sprintf("%q", fmt.Sprint(n))
					i.mu.Unlock()
					i.publish("1", fmt.Sprint("new-", n))
					i.answers([]func(http.ResponseWriter, *http.Request){
						nil, nil,
						func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
						func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
						func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
					}[dice.IntN(5)])
					time.Sleep(time.Duration(dice.IntN(6000)) * time.Millisecond)
				}
			})
			if seed%2 == 0 { // while the others run
				time.Sleep(time.Duration(seed) * 10 * time.Second)
				_ = set.Close()
			}
			all.Wait()
			i.answers(nil)
			if seed%2 != 0 {
				want(t, "Refresh when all is quiet", set.Refresh(i.t.Context()), nil)
				want(t, "a token when all is quiet", verify(v, i.sign("1")), nil)
			}
			_ = set.Close()
			want(t, "Refresh after Close", set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
		})
	}
}

// The longest Duration is a valid time.
func TestHugeOptions(t *testing.T) {
	const ever = time.Duration(1<<63 - 1)
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{Stale: ever, RefreshMost: ever, Timeout: ever, MaxBody: 1<<63 - 1})
		compact := i.sign("1")
		want(t, "the first", verify(v, compact), nil)
		i.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		time.Sleep(26 * time.Hour)
		want(t, "in an outage", verify(v, compact), nil)
	})
}
