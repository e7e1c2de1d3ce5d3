package socketio_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"socketiojwt/socketio"
)

// checked admits every socket as keyed does, and describes it by a text.
func checked(describe func() []byte, check func(lost []byte) bool) func(srv *socketio.Server) {
	return func(srv *socketio.Server) {
		keyed(srv)
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			s.SetRecoveryCheck(describe, check)
			return nil
		})
	}
}

// TestRecoveryCheck decides by the check of the new socket what becomes of a lost session.
func TestRecoveryCheck(t *testing.T) {
	const recovered, connected = `2["missed","O"] recovered`, "connected"
	describe := func() []byte { return []byte("as it was") }
	for name, test := range map[string]struct {
		describe func() []byte
		check    func(lost []byte) bool
		want     string
	}{
		"agrees":            {describe, func(lost []byte) bool { return string(lost) == "as it was" }, recovered},
		"disagrees":         {describe, func([]byte) bool { return false }, connected},
		"nothing described": {nil, func(lost []byte) bool { return lost == nil }, recovered},
		"no check":          {describe, nil, recovered},
		"too much described": {
			func() []byte { return make([]byte, 1<<20) }, func([]byte) bool { return true }, connected},
		"describe panics": {func() []byte { panic("oops") }, nil, connected},
		"describe exits":  {func() []byte { runtime.Goexit(); return nil }, nil, connected},
	} {
		t.Run(name, func(t *testing.T) {
			opts := recovering()
			opts.Recovery.MaxBytes = 1 << 20
			bubble(t, opts, checked(test.describe, test.check), func(f *fixture) {
				p := f.recoverer("/", ada)
				emits(t, f.srv, "first")
				p.take()
				p.lose()
				emits(t, f.srv, "missed")
				p.connect(ada)
				check(t, "answer", p.take(), test.want)
				if kept, bytes := f.srv.LostSessions(); kept != 0 || bytes > 2000 {
					t.Errorf("%d sessions and %d bytes are kept", kept, bytes)
				}
			})
		})
	}
}

// TestRecoveryCheckOfEachConnection loses the connection of a recovered socket. Its own description
// is kept then, and not that of the socket before.
func TestRecoveryCheckOfEachConnection(t *testing.T) {
	connections := 0
	var asked []string
	bubble(t, recovering(), func(srv *socketio.Server) {
		keyed(srv)
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			connections++
			name := strings.Repeat("x", connections)
			s.SetRecoveryCheck(func() []byte { return []byte(name) }, func(lost []byte) bool {
				asked = append(asked, string(lost))
				return true
			})
			return nil
		})
	}, func(f *fixture) {
		p := f.recoverer("/", ada)
		for range 3 {
			p.lose()
			p.connect(ada)
			check(t, "answer", strings.TrimPrefix(p.take(), "connected "), "recovered")
		}
		check(t, "descriptions", strings.Join(asked, " "), "x xx xxx")
	})
}

// TestLostSessionKeepsOnlyItsDescription checks that what describe refers to is not kept, and that its
// result counts towards MaxBytes.
func TestLostSessionKeepsOnlyItsDescription(t *testing.T) {
	large := new([1 << 16]byte)
	kept := weak.Make(large)
	bubble(t, recovering(), func(srv *socketio.Server) {
		keyed(srv)
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if large != nil {
				own := large
				large = nil
				s.SetRecoveryCheck(func() []byte { return append(own[:0:0], own[:1024]...) }, nil)
			}
			return nil
		})
	}, func(f *fixture) {
		p := f.recoverer("/", ada)
		p.lose()
		runtime.GC()
		if kept.Value() != nil {
			t.Error("the session keeps what describe refers to")
		}
		if n, bytes := f.srv.LostSessions(); n != 1 || bytes < 1024 {
			t.Errorf("%d sessions and %d bytes are kept", n, bytes)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n, bytes := f.srv.LostSessions(); n != 0 || bytes != 0 {
			t.Errorf("%d sessions and %d bytes are kept after the window", n, bytes)
		}
	})
}

// TestNoRecoveryAfterADeadlineMeanwhile lets the deadline of a socket pass while its connection is
// lost. The session of a socket whose deadline is removed or has not passed is recovered.
func TestNoRecoveryAfterADeadlineMeanwhile(t *testing.T) {
	for name, test := range map[string]struct {
		set  func(s *socketio.Socket)
		want string
	}{
		"passed":     {func(s *socketio.Socket) { s.SetDeadline(s.Now().Add(time.Minute), nil) }, "connected"},
		"not passed": {func(s *socketio.Socket) { s.SetDeadline(s.Now().Add(time.Minute+1), nil) }, "recovered"},
		"removed": {func(s *socketio.Socket) {
			s.SetDeadline(s.Now().Add(time.Second), nil)
			s.SetDeadline(time.Time{}, nil)
		}, "recovered"},
		"no deadline": {func(*socketio.Socket) {}, "recovered"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, recovering(), keyed, func(f *fixture) {
				p := f.recoverer("/", ada)
				test.set(f.socketOf(p.sid))
				p.take()
				p.lose()
				time.Sleep(time.Minute)
				p.connect(ada)
				check(t, "answer", p.take(), test.want)
			})
		})
	}
}

// TestRestoreRoomIsNotAskedForOthers shows the pid of another user.
func TestRestoreRoomIsNotAskedForOthers(t *testing.T) {
	asked := 0
	opts := socketio.Options{Recovery: &socketio.Recovery{RestoreRoom: func(*socketio.Socket, string) bool { asked++; return true }}}
	bubble(t, opts, checked(nil, func([]byte) bool { asked++; return false }), func(f *fixture) {
		p := f.recoverer("/", ada)
		if err := f.socketOf(p.sid).Join("room"); err != nil {
			t.Fatal(err)
		}
		p.take()
		p.lose()
		p.connect(`"key":"eve"`)
		check(t, "another user", p.take(), "connected")
		if kept, _ := f.srv.LostSessions(); asked != 0 || kept != 1 {
			t.Errorf("the program was asked %d times, and %d sessions are kept", asked, kept)
		}
	})
}

// TestRecoveryKeySetDuringRestoreRoom changes the key of the new socket after its session was found.
func TestRecoveryKeySetDuringRestoreRoom(t *testing.T) {
	for name, key := range map[string]string{"another key": "eve", "no key": ""} {
		t.Run(name, func(t *testing.T) {
			opts := socketio.Options{Recovery: &socketio.Recovery{RestoreRoom: func(s *socketio.Socket, _ string) bool {
				s.SetRecoveryKey(key)
				return true
			}}}
			bubble(t, opts, keyed, func(f *fixture) {
				p := f.recoverer("/", ada)
				if err := f.socketOf(p.sid).Join("room"); err != nil {
					t.Fatal(err)
				}
				p.take()
				p.lose()
				emits(t, f.srv.To("room"), "secret")
				p.connect(ada)
				check(t, "answer", p.take(), "connected")
			})
		})
	}
}
