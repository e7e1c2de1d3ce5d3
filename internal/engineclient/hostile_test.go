package engineclient_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"socketiojwt/internal/engineclient"
)

const opening = `0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000}`

// The packets that follow the open packet in the first poll have the limits of later ones.
func TestFirstPollIsBounded(t *testing.T) {
	noops := strings.Repeat("\x1e6", 1<<20)
	for name, c := range map[string]struct {
		more string
		want error
	}{
		"many packets":    {noops, nil},
		"a large message": {"\x1e4" + strings.Repeat("x", 1<<20), engineclient.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			var bomb bytes.Buffer
			z := gzip.NewWriter(&bomb)
			_, _ = io.WriteString(z, opening+c.more)
			_ = z.Close()
			url := over(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("sid") {
					<-r.Context().Done()
					return
				}
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(bomb.Bytes())
			}))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			conn, err := engineclient.Dial(t.Context(), url, engineclient.Options{Polling: true, MaxMessage: 1 << 16})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Abort()
			if c.want != nil {
				for err == nil {
					_, _, err = conn.Receive(t.Context())
				}
				if !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				return
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 48<<20 {
				t.Errorf("%d MiB were allocated for a body of %d bytes", used>>20, bomb.Len())
			}
		})
	}
}

// The id of a session is part of each request, so it must not be as long as a message.
func TestLongSessionIDIsRefused(t *testing.T) {
	long := strings.Replace(opening, `"s"`, `"`+strings.Repeat("s", 1<<20)+`"`, 1)
	requests := make(chan int, 10)
	url := over(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- len(r.URL.RawQuery)
		_, _ = io.WriteString(w, long)
	}))
	conn, err := engineclient.Dial(t.Context(), url, engineclient.Options{Polling: true})
	if err == nil {
		conn.Abort()
		t.Errorf("opened a session with an id of 1 MiB")
	}
}

// A server that redirects may repeat the query, which may hold a token. It must not be in the
// error, even if the Location is malformed.
func TestMalformedLocationIsNotInTheError(t *testing.T) {
	url := over(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://[bad/?"+r.URL.RawQuery)
		w.WriteHeader(http.StatusFound)
	}))
	for name, opts := range transports {
		_, err := engineclient.Dial(t.Context(), url+"/?token=SECRET", opts)
		var status *engineclient.StatusError
		if !errors.As(err, &status) || status.Status != http.StatusFound || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
