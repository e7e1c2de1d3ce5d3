package load

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRefresh(t *testing.T) {
	refresh := func(answer func(string) []string, want string) {
		t.Helper()
		c := fake(t, answer)
		c.Via, c.Each, c.Fresh = ViaEvent, 3, c.Tokens
		run(t, c, Refresh, want)
	}
	var refreshes atomic.Int64
	answering := func(with string) func(string) []string {
		return func(packet string) []string {
			if id, _, ok := strings.Cut(strings.TrimPrefix(packet, "42"), `["authenticate",{"token":"h.p.Good"}]`); ok && id != "" {
				refreshes.Add(1)
				return []string{"43" + id + with}
			}
			return gatedByEvent(packet)
		}
	}
	refresh(answering(`[{"expiresIn":3600,"refresh":true}]`), "")
	if n := refreshes.Load(); n != 15 {
		t.Errorf("%d refreshes, want 15", n)
	}
	refresh(answering(`[{"error":{"code":"invalid_token"}}]`), "the acknowledgement of a refresh expected")
}

func TestLeases(t *testing.T) {
	leases := func(answer func(string) []string, want string) {
		t.Helper()
		looks := 0
		mux := http.NewServeMux()
		mux.HandleFunc("/memory", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
		mux.HandleFunc("/usage", func(w http.ResponseWriter, _ *http.Request) {
			looks += 7
			_, _ = fmt.Fprintf(w, `{"cpu":%d,"looks":%d}`, looks*int(time.Second), looks)
		})
		debug := httptest.NewServer(mux)
		defer debug.Close()
		c := fake(t, answer)
		c.Each, c.Hold, c.Debug = 3, 10*time.Millisecond, debug.Listener.Addr().String()
		run(t, c, Leases, want)
		c.Mode = Leases
		if r, err := Run(c); want == "" && (err != nil || r.Looks != 7 || r.CPU != 7) {
			t.Errorf("%+v, %v", r, err)
		}
	}
	joining := func(packet string) []string {
		if name, ok := strings.CutPrefix(packet, "40/"); ok && strings.Contains(packet, "h.p.Good") {
			return []string{"40/" + name[:2] + `{"sid":"z"}`}
		}
		return gated(packet)
	}
	leases(joining, "")
	leases(func(packet string) []string {
		if strings.HasPrefix(packet, "40/2,") {
			return []string{`44/2,{"message":"no"}`}
		}
		return joining(packet)
	}, "40/2,")
}
