package engineclient_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
)

func TestUpgradeKeepsOrder(t *testing.T) {
	bubble(t, engineio.Options{}, func(f *fixture) {
		c, _ := f.dial(transports["upgrade"])
		const n = 300
		go func() {
			for i := range n {
				_ = c.Send(f.ctx, []byte(fmt.Sprint(i)))
			}
		}()
		for i := range n {
			if data, _, err := c.Receive(f.ctx); err != nil || string(data) != fmt.Sprint(i) {
				f.t.Fatalf("message %d: %q, %v", i, data, err)
			}
		}
		time.Sleep(time.Second)
		if !c.Upgraded() {
			f.t.Error("still polling")
		}
	})
}

func TestUpgradeThatFails(t *testing.T) {
	t.Run("not offered", func(t *testing.T) {
		bubble(t, engineio.Options{Transports: []engineio.Transport{engineio.Polling}}, func(f *fixture) {
			c, _ := f.dial(transports["upgrade"])
			time.Sleep(time.Minute)
			if c.Upgraded() {
				f.t.Error("upgraded")
			}
			exchange(f, c)
		})
	})
	for name, spoil := range map[string]http.HandlerFunc{
		"refused": func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusBadGateway) },
		"silent": func(w http.ResponseWriter, r *http.Request) {
			conn := hijack(w, r)
			defer conn.Close()
			_, _ = io.Copy(io.Discard, conn)
		},
		"a wrong answer": func(w http.ResponseWriter, r *http.Request) {
			conn := hijack(w, r)
			defer conn.Close()
			_, _ = conn.Write([]byte("\x81\x023x"))
			_, _ = io.Copy(io.Discard, conn)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opened := make(chan *recorder, 1)
				srv, err := engineio.NewServer(func(s *engineio.Session, _ *http.Request) engineio.Conn {
					c := &recorder{s: s}
					opened <- c
					return c
				}, engineio.Options{})
				if err != nil {
					t.Fatal(err)
				}
				handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Query().Get("transport") == "websocket" {
						spoil(w, r)
						return
					}
					srv.ServeHTTP(w, r)
				})
				serve(t, handler, func(f *fixture) {
					f.opened = opened
					c, _ := f.dial(transports["upgrade"])
					exchange(f, c)
					time.Sleep(time.Minute)
					if c.Upgraded() {
						t.Error("upgraded")
					}
					exchange(f, c)
					_ = c.Close()
				})
				srv.Close()
			})
		})
	}
}
