package socketio_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/memnet"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// A refusal is one failure of the peer's address, also if the peer closes the connection before the
// server has finished with the socket.
func TestRefusalIsOneFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{during: func() { time.Sleep(time.Second) }}
		srv, err := socketio.NewServer(socketio.Options{Observer: w, Engine: engineio.Options{MaxNewPerAddress: 2}})
		if err != nil {
			t.Fatal(err)
		}
		srv.Use(func(context.Context, *socketio.Socket) error { return errors.New("no") })
		handler, err := srv.Handler()
		if err != nil {
			t.Fatal(err)
		}
		in := memnet.Listen()
		web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.RemoteAddr = "192.0.2.1:1"
			handler.ServeHTTP(w, r)
		})}
		served := make(chan struct{})
		go func() { defer close(served); _ = web.Serve(in) }()
		defer func() {
			_ = srv.Close()
			_ = web.Close()
			<-served
		}()
		for i, admitted := range []bool{true, true, false} {
			_, err := sockettest.Dial(t.Context(), "http://server", sockettest.Options{NetDial: in.Dial})
			time.Sleep(2 * time.Second)
			var refusal *sockettest.ConnectError
			if errors.As(err, &refusal) != admitted {
				t.Errorf("connection %d: %v", i+1, err)
			}
		}
	})
}

// A connection with an admitted socket has joined a namespace in time, and may join the next one, although the Observer
// is still being told.
func TestObserverBeyondConnectTimeout(t *testing.T) {
	w := &watcher{during: func() { time.Sleep(time.Minute) }}
	bubble(t, socketio.Options{Observer: w, ConnectTimeout: 90 * time.Second, MaxConnecting: 1}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/2").Open()
	}, func(f *fixture) {
		start := time.Now()
		p := f.dial(sockettest.Options{})
		if _, err := p.Join(f.ctx, "/2", nil); err != nil || time.Since(start) != 2*time.Minute {
			t.Errorf("joined the second namespace after %v: %v", time.Since(start), err)
		}
		time.Sleep(5 * time.Minute)
		if st := f.srv.Stats(); st.Admitted != 2 {
			t.Errorf("%d sockets are admitted", st.Admitted)
		}
	})
}
