//go:build unix

package jwks

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"socketiojwt/internal/growth"
)

// A set of keys is read in time that is proportional to its length.
func TestSetsGrowLinearly(t *testing.T) {
	const key = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"%s"}`
	for name, kid := range map[string]func(i int) string{
		"different keys": func(i int) string { return fmt.Sprint("key ", i) },
		"one key ID":     func(int) string { return "key" },
	} {
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, 30, func(n int) func() {
				keys := make([]string, n)
				for i := range keys {
					keys[i] = fmt.Sprintf(key, kid(i))
				}
				body := []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`)
				opts := &Options{Algorithms: public, MaxKeys: n, Logger: slog.New(slog.DiscardHandler)}
				return func() { _, _ = parseSet(body, opts) }
			})
		})
	}
}
