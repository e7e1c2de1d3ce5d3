package client_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio/client"
)

// callback is a slog.Handler that calls a function for each record.
type callback func()

func (callback) Enabled(context.Context, slog.Level) bool    { return true }
func (c callback) Handle(context.Context, slog.Record) error { c(); return nil }
func (c callback) WithAttrs([]slog.Attr) slog.Handler        { return c }
func (c callback) WithGroup(string) slog.Handler             { return c }

// The Logger is called without a lock, so a handler may use the client.
func TestLoggerMayUseTheClient(t *testing.T) {
	bubble(t, echo, func(f *fixture) {
		var c *client.Client
		var failing bool
		calls := 0
		c = f.dial(client.Options{
			Logger: slog.New(callback(func() { calls++; c.Handshake() })),
			Auth: func(context.Context, string) (any, error) {
				if failing {
					failing = false
					return nil, context.Canceled
				}
				return nil, nil
			},
		})
		s := f.join(c, "/")
		f.expect(s, client.EventConnect)
		synctest.Wait()
		failing = true
		f.cut(false)
		f.expect(s, client.EventDisconnect, new(string))
		f.expect(s, client.EventConnect)
		if calls != 3 { // lost, restored, and Auth failed
			t.Errorf("the logger was called %d times", calls)
		}
	})
}

// deaf is a server that answers CONNECT and stops reading at the first event.
type deaf struct {
	s    *engineio.Session
	stop chan struct{}
}

func (d *deaf) Message(data []byte, _ bool) {
	if data[0] != '0' {
		<-d.stop
		return
	}
	_ = d.s.Send(engineio.NewMessage([]byte(string(data) + `{"sid":"s"}`)))
}

func (*deaf) Closed(engineio.Reason) {}

// Close is bounded however many namespaces are joined, if the server does not read.
func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		srv, err := engineio.NewServer(func(s *engineio.Session, _ *http.Request) engineio.Conn {
			return &deaf{s, stop}
		}, engineio.Options{Path: "/socket.io/", Logger: discard})
		if err != nil {
			t.Fatal(err)
		}
		serve(t, srv, func(f *fixture) {
			defer srv.Close()
			defer close(stop)
			c := f.dial(client.Options{MaxQueued: 100})
			var s *client.Socket
			for _, name := range []string{"/a", "/b", "/c", "/d", "/e"} {
				s = f.join(c, name)
			}
			ctx, cancel := context.WithTimeout(f.ctx, time.Second)
			defer cancel()
			for err == nil { // until the queue is full
				err = s.Emit(ctx, "x", strings.Repeat("x", 1<<16))
			}
			begun := time.Now()
			_ = c.Close()
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("Close took %v", took)
			}
		})
	})
}
