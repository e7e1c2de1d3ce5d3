package sockettest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"socketiojwt/internal/leaktest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// serve runs a server set up by setup until the test ends.
func serve(t *testing.T, setup func(srv *socketio.Server)) (url string) {
	t.Helper()
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	setup(srv)
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	t.Cleanup(func() {
		_ = srv.Close()
		web.Close()
	})
	return web.URL
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestPeer(t *testing.T) {
	url := serve(t, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("echo", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
			return errors.Join(s.Emit("other"), s.Emit("echo", e.Args()...), e.Ack(e.Args()...))
		})
		srv.Handle("never", func(context.Context, *socketio.Socket, *socketio.Event) error { return nil })
		srv.Handle("kick", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error { s.Disconnect(nil); return nil })
		srv.Of("/no").Use(func(context.Context, *socketio.Socket) error {
			return &socketio.Ending{Message: "no", Data: 7}
		})
	})
	ctx := within(t)
	p, err := sockettest.Dial(ctx, url, sockettest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()

	answer, err := p.EmitWithAck(ctx, "echo", "x", []byte("bytes"))
	var text string
	var data []byte
	if err != nil || answer.Scan(&text, &data) != nil || text != "x" || string(data) != "bytes" {
		t.Errorf("%q %q %v", text, data, err)
	}
	e, err := p.Expect(ctx, "echo") // skips the event before it, which stays
	if err != nil || fmt.Sprint(e) != `echo("x", {"_placeholder":true,"num":0})` || e.WantsAck() {
		t.Errorf("%v, %v", e, err)
	}
	if e, err = p.Next(ctx); err != nil || e.Name != "other" || len(p.Events()) != 0 {
		t.Errorf("%v, %v", e, err)
	}

	short, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := p.EmitWithAck(short, "never"); !errors.Is(err, context.Canceled) {
		t.Errorf("EmitWithAck: %v", err)
	}
	if err := p.Emit("bad", make(chan int)); err == nil {
		t.Error("a channel was sent")
	}

	var refusal *sockettest.ConnectError
	if _, err := p.Join(ctx, "/no", nil); !errors.As(err, &refusal) || refusal.Message != "no" || string(refusal.Data) != "7" {
		t.Errorf("refused with %v", err)
	}
	if _, err := p.Join(ctx, "/x", make(chan int)); err == nil || errors.As(err, &refusal) && refusal.Message != "no" {
		t.Errorf("an auth payload that is not JSON: %v", err)
	}

	_ = p.Emit("kick")
	if err := p.Ended(ctx); !errors.Is(err, sockettest.ErrDisconnected) {
		t.Errorf("ended with %v", err)
	}
	again, err := p.Join(ctx, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Leave(); !errors.Is(err, sockettest.ErrDisconnected) { // must not make the new one leave
		t.Errorf("Leave of a socket that has ended: %v", err)
	}
	if _, err := again.EmitWithAck(ctx, "echo", 1); err != nil || again.ID() == p.ID() {
		t.Errorf("after joining again: %v", err)
	}
	if err := again.Leave(); err != nil {
		t.Error(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if err := again.Emit("x"); !errors.Is(err, sockettest.ErrClosed) {
		t.Errorf("Emit after Close: %v", err)
	}
	if _, err := again.Join(ctx, "/", nil); !errors.Is(err, sockettest.ErrClosed) {
		t.Errorf("Join after Close: %v", err)
	}
}

func TestDialFails(t *testing.T) {
	url := serve(t, func(srv *socketio.Server) {
		srv.Use(func(context.Context, *socketio.Socket) error {
			return &socketio.Ending{Message: "later", Temporary: true}
		})
	})
	ctx := within(t)
	if _, err := sockettest.Dial(ctx, url, sockettest.Options{}); !errors.Is(err, sockettest.ErrClosed) {
		t.Errorf("temporary refusal: %v", err)
	}
	for _, url := range []string{"http://[", url + "/elsewhere", "ftp://x"} {
		if _, err := sockettest.Dial(ctx, url, sockettest.Options{Path: "/nowhere/"}); err == nil {
			t.Errorf("Dial(%q) worked", url)
		}
	}
}
