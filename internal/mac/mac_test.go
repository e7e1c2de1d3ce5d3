package mac_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"sync"
	"testing"

	"socketiojwt/internal/mac"
)

func TestSumIsHMAC(t *testing.T) {
	secret := []byte("a secret of the test")
	k := mac.New(secret)
	want := func(first, second string) [sha256.Size]byte {
		m := hmac.New(sha256.New, []byte("a secret of the test"))
		m.Write([]byte(first + second))
		return [sha256.Size]byte(m.Sum(nil))
	}
	clear(secret) // New has copied it
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, c := range [][2]string{{"", ""}, {"random", "/"}, {"random", strings.Repeat("long", 1000)}, {"r", "/admin"}} {
				if got := k.Sum([]byte(c[0]), c[1]); got != want(c[0], c[1]) {
					t.Errorf("Sum(%.10q, %.10q) is not the HMAC", c[0], c[1])
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkSum(b *testing.B) {
	k := mac.New([]byte("a secret of the test"))
	random := make([]byte, 11)
	b.ReportAllocs()
	for b.Loop() {
		k.Sum(random, "/")
	}
}
