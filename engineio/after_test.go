package engineio

import (
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func (s *Session) afterMessages(f func()) { s.AfterMessages(TaskFunc(f)) }

// What AfterMessages is given runs although the peer's next message is incomplete, and the session is read
// on while it runs.
func TestAfterMessages(t *testing.T) {
	for name, serve := range map[string]func(*testing.T, Options, onOpen) *fixture{"tcp": onTCP, "tls": onTLS} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, Options{}, nil)
			w, c := f.openSocket()
			ran, blocked := make(chan string, 10), make(chan struct{})
			c.onMessage = func(data []byte, _ bool) {
				text := string(data)
				c.s.afterMessages(func() {
					ran <- text
					if text == "blocks" {
						<-blocked
						ran <- "end"
					}
				})
			}
			expect := func(want ...string) {
				t.Helper()
				for _, text := range want {
					select {
					case got := <-ran:
						if got != text {
							t.Errorf("got %q, want %q", got, text)
						}
					case <-time.After(time.Minute):
						t.Fatalf("%q has not run", text)
					}
				}
			}
			w.write("4a")
			expect("a")
			half := appendFrame(nil, clientSide, textFrame, "4", []byte("c"))
			w.raw(append(appendFrame(nil, clientSide, textFrame, "4", []byte("b")), half[:3]...))
			expect("b")
			w.raw(half[3:])
			expect("c")
			w.write("4blocks")
			expect("blocks")
			w.write("4d")
			expect("d")
			close(blocked)
			expect("end")
			w.raw(append(appendFrame(nil, clientSide, textFrame, "4", []byte("e")), appendFrame(nil, clientSide, textFrame, "", []byte("bad"))...))
			expect("e")
		})
	}
}

// The goroutine that reads runs the function itself when it has passed on reading.
func TestAfterMessagesOnTheSameGoroutine(t *testing.T) {
	for name, serve := range map[string]func(*testing.T, Options, onOpen) *fixture{"tcp": onTCP, "tls": onTLS} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, Options{}, nil)
			w, c := f.openSocket()
			stack := make(chan string, 1)
			c.onMessage = func([]byte, bool) { c.s.afterMessages(func() { stack <- string(debug.Stack()) }) }
			for range 3 {
				w.write("4a")
				if got := <-stack; !strings.Contains(got, "(*webSocket).read(") {
					t.Fatalf("the function ran on another goroutine:\n%s", got)
				}
			}
		})
	}
}

// A message that arrived before the peer was delayed is handled at once.
func TestAfterMessagesOfADelayedPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxPacketsPerSecond: 1, RateBurst: time.Second}, nil)
		w, c := f.openSocket()
		ran := make(chan time.Time, 10)
		c.onMessage = func([]byte, bool) { c.s.afterMessages(func() { ran <- time.Now() }) }
		start := time.Now()
		var wire []byte
		for range 4 {
			wire = appendFrame(wire, clientSide, textFrame, "4", []byte("a"))
		}
		w.raw(wire)
		if took := (<-ran).Sub(start); took > 0 {
			t.Errorf("the first message waited for %v", took)
		}
		for range 3 {
			<-ran
		}
	})
}

// By polling, and for a second function of the same goroutine, AfterMessages uses other goroutines.
func TestAfterMessagesOfOthers(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	query, c := f.open()
	blocked, ran := make(chan struct{}), make(chan struct{}, 2)
	c.onMessage = func([]byte, bool) {
		for range 2 {
			c.s.afterMessages(func() { <-blocked; ran <- struct{}{} })
		}
	}
	f.expect("POST", query, "4a", 200, "ok")
	close(blocked)
	<-ran
	<-ran
	w, c := f.openSocket()
	done := make(chan struct{}, 2)
	c.onMessage = func([]byte, bool) {
		rendezvous := make(chan struct{})
		c.s.afterMessages(func() { rendezvous <- struct{}{}; done <- struct{}{} })
		c.s.afterMessages(func() { <-rendezvous; done <- struct{}{} })
	}
	w.write("4a")
	<-done
	<-done
}

// A function that a POST passes to AfterMessages runs, although the session has changed to WebSocket and was
// aborted during the POST.
func TestAfterMessagesOfAPostDuringAnUpgrade(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		w := f.upgradeSocket(query)
		w.write("2probe")
		w.expect("3probe")
		inside, goOn, ran := make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
		c.onMessage = func([]byte, bool) {
			close(inside)
			<-goOn // such as parsing 1 MB of JSON
			c.s.afterMessages(func() { ran <- struct{}{} })
		}
		post := f.background("POST", query, "4a")
		<-inside
		w.write("5") // the WebSocket becomes the transport, and waits for the end of the POST
		synctest.Wait()
		if c.s.Transport() != WebSocket {
			t.Fatal("the session has not changed to WebSocket")
		}
		c.s.Abort(ForcedClose) // or a write that fails because the peer has reset the connection
		for w.read() != "end" {
		}
		synctest.Wait() // the goroutine that reads has ended
		if _, sockets := idleHands(&f.srv.hands); sockets != 0 {
			t.Fatalf("%d WebSockets are read, want none", sockets)
		}
		close(goOn)
		<-post
		synctest.Wait()
		if len(ran) != 1 {
			t.Error("the function of AfterMessages never runs")
		}
	})
}
