package socketio_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestNamespaceWithoutGateIsAnError(t *testing.T) {
	for name, setup := range map[string]func(*socketio.Server){
		"handler on /": func(srv *socketio.Server) {
			srv.HandleAny(func(context.Context, *socketio.Socket, *socketio.Event) error { return nil })
		},
		"static":  func(srv *socketio.Server) { srv.Of("/admin") },
		"dynamic": func(srv *socketio.Server) { srv.OfPattern(regexp.MustCompile(`/x\d+`)) },
	} {
		srv, err := socketio.NewServer(socketio.Options{})
		if err != nil {
			t.Fatal(err)
		}
		setup(srv)
		if _, err := srv.Handler(); err == nil || !strings.Contains(err.Error(), "Open") {
			t.Errorf("%s: Handler() = %v, want an error that names Use and Open", name, err)
		}
	}
}

// A "/" without registrations does not exist. It is not open.
func TestUntouchedRootIsNotANamespace(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) { srv.Of("/chat").Open() }, func(f *fixture) {
		if got := f.refused(sockettest.Options{}); got.Message != "Invalid namespace" || log.count("panic") != 0 {
			t.Errorf("message %q, %d panics", got.Message, log.count("panic"))
		}
		f.dial(sockettest.Options{Namespace: "/chat"})
	})
}

func TestRegisteringAfterHandlerPanics(t *testing.T) {
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		for name, register := range map[string]func(){
			"Use": func() { f.srv.Use(func(context.Context, *socketio.Socket) error { return nil }) },
			"Handle": func() {
				f.srv.Handle("x", func(context.Context, *socketio.Socket, *socketio.Event) error { return nil })
			},
			"Wrap":      func() { f.srv.Wrap(func(h socketio.Handler) socketio.Handler { return h }) },
			"OnConnect": func() { f.srv.OnConnect(func(context.Context, *socketio.Socket) error { return nil }) },
			"HandleAny": func() {
				f.srv.HandleAny(func(context.Context, *socketio.Socket, *socketio.Event) error { return nil })
			},
			"OnDisconnecting": func() {
				f.srv.OnDisconnecting(func(context.Context, *socketio.Socket, socketio.Reason, []string) {})
			},
			"OnDisconnect": func() { f.srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) {}) },
			"OfFunc": func() {
				f.srv.OfFunc(func(context.Context, string, *socketio.Handshake) (bool, error) { return false, nil })
			},
			"Open":      func() { f.srv.Open() },
			"Of":        func() { f.srv.Of("/new") },
			"OfPattern": func() { f.srv.OfPattern(regexp.MustCompile("/x")) },
		} {
			func() {
				defer func() {
					if text, _ := recover().(string); !strings.Contains(text, "after Server.Handler") {
						t.Errorf("%s: panic %q", name, text)
					}
				}()
				register()
			}()
		}
	})
}

// Concurrent calls of Handler get the same result, and never a handler that was not checked.
func TestHandlerFailsForAllConcurrentCallers(t *testing.T) {
	opts := socketio.Options{ClusterKey: make([]byte, 16), Bus: func(func(socketio.Message)) (socketio.Bus, error) {
		time.Sleep(10 * time.Millisecond) // makes it likely that all calls overlap; the result is the same anyway
		return nil, errors.New("no broker")
	}}
	srv, err := socketio.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Open()
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			if handler, err := srv.Handler(); handler != nil || err == nil || !strings.Contains(err.Error(), "no broker") {
				t.Errorf("Handler() = %v, %v", handler, err)
			}
		})
	}
	asking.Wait()
}
