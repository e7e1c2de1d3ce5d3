package engineio

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/limittest"
)

func TestPolling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
		query, c := f.open()
		f.expect("POST", query, "4one\x1ebAQID\x1e4three", 200, "ok")
		f.expect("GET", query, "", 200, "4one\x1ebAQID\x1e4three")

		poll := f.background("GET", query, "")
		synctest.Wait()
		c.s.Send(NewMessage([]byte("later"), []byte{7}))
		if a := <-poll; a.body != "4later\x1ebBw==" {
			t.Errorf("poll: %q", a.body)
		}
		if got := strings.Join(c.got(), " "); got != "one binary:\x01\x02\x03 three" {
			t.Errorf("messages %q", got)
		}
		if c.s.Transport() != Polling {
			t.Errorf("transport %q", c.s.Transport())
		}
	})
}

func TestSecondPollEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		first := f.background("GET", query, "")
		synctest.Wait()
		f.expect("GET", query, "", 400, badRequest)
		if a := <-first; a.status != 200 || a.body != "1" {
			t.Errorf("the first poll got %d %q, want the close packet", a.status, a.body)
		}
		expectEnd(t, c, TransportError)
		f.expect("GET", query, "", 400, unknownSession)
	})
}

func TestDroppedPollEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		ctx, cancel := context.WithCancel(context.Background())
		go f.do(ctx, "GET", query, "")
		synctest.Wait()
		expectAlive(t, c)
		start := time.Now()
		cancel()
		expectEnd(t, c, TransportError)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("ended after %s, want at once", waited)
		}
		f.expect("GET", query, "", 400, unknownSession)
	})
}

func TestQueueByPollingIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxOutbound: 10 * (99 + messageSize)}, nil)
		query, c := f.open()
		big := NewMessage(bytes.Repeat([]byte("x"), 5000))
		if err := c.s.Send(big); err != nil {
			t.Errorf("a message bigger than the bound, alone: %v", err)
		}
		f.must("GET", query, "")
		ten := NewMessage(bytes.Repeat([]byte("x"), 99))
		for i := range 10 {
			if err := c.s.Send(ten); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
		if err := c.s.Send(ten); err != ErrSlow {
			t.Errorf("over the bound: %v", err)
		}
		if err := c.s.Send(ten); err != ErrClosed {
			t.Errorf("after that: %v", err)
		}
		expectEnd(t, c, SlowPeer)

		// The bound is on memory, so short messages count more than their length.
		_, c = f.open()
		n := 0
		for ; n < 1000 && c.s.Send(NewMessage([]byte("x"))) == nil; n++ {
		}
		if n < 10 || n > 20 {
			t.Errorf("%d short messages were queued", n)
		}
	})
}

func TestVolatileByPolling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		if err := c.s.SendVolatile(NewMessage([]byte("dropped"))); err != ErrNotWritable {
			t.Errorf("between polls: %v", err)
		}
		poll := f.background("GET", query, "")
		synctest.Wait()
		if err := c.s.SendVolatile(NewMessage([]byte("sent"))); err != nil {
			t.Errorf("while a poll waits: %v", err)
		}
		if a := <-poll; a.body != "4sent" {
			t.Errorf("poll: %q", a.body)
		}
		c.s.Abort(ForcedClose)
		if err := c.s.SendVolatile(NewMessage(nil)); err != ErrClosed {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestServerTimeoutsDoNotCutPolls checks that the timeouts of the user's http.Server do not
// end polls.
func TestServerTimeoutsDoNotCutPolls(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		limittest.Run(t, 100*time.Millisecond, func(d time.Duration) error {
			f := serve(t, Options{PingInterval: time.Hour}, nil, func(web *http.Server) { web.ReadTimeout, web.WriteTimeout = d, d })
			query, c, err := f.tryOpen()
			if err != nil {
				return err
			}
			for range 2 {
				poll := f.background("GET", query, "")
				time.Sleep(3 * d)
				c.s.Send(NewMessage([]byte("late")))
				if a := <-poll; a.status != 200 || a.body != "4late" {
					return fmt.Errorf("poll: %d %q", a.status, a.body)
				}
			}
			w, err := f.trySocket(strings.Replace(query, "polling", "websocket", 1))
			if err != nil {
				return err
			}
			w.write("2probe")
			w.expect("3probe")
			w.write("5")
			time.Sleep(3 * d)
			c.s.Send(NewMessage([]byte("still there")))
			w.expect("4still there")
			w.write("4both ways")
			w.raw(wire(frame{0x88, false, ""}))
			w.expect("close")
			if got := strings.Join(c.got(), " "); got != "both ways" {
				t.Errorf("messages %q", got)
			}
			return nil
		})
	})
}

// TestDeadlinesDoNotOutliveTheResponse checks that a deadline of this package does not affect
// the next request of the connection, which may be for another handler.
func TestDeadlinesDoNotOutliveTheResponse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		mux := http.NewServeMux()
		f := newPipe(t, Options{}, nil, func(web *http.Server) {
			mux.Handle("/engine.io/", web.Handler)
			web.Handler = mux
		})
		mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			time.Sleep(time.Hour)
			io.WriteString(w, "done")
		})
		f.client.Transport.(*http.Transport).MaxConnsPerHost = 1
		query, c := f.open()
		c.s.Send(NewMessage(nil))
		f.expect("GET", query, "", 200, "4")
		f.expect("POST", query, "4x", 200, "ok")
		f.expect("POST", query, "5", 200, "ok")
		resp, err := f.client.Post("http://pipe/slow", "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, err := io.ReadAll(resp.Body); string(text) != "done" {
			t.Errorf("%q %v", text, err)
		}
	})
}

// TestUnreadPollEndsTheSession checks that the session ends if the peer does not read the
// response of its poll.
func TestUnreadPollEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		conn, err := f.dial(context.Background(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		start := time.Now()
		fmt.Fprintf(conn, "GET /engine.io/?%s HTTP/1.1\r\nHost: pipe\r\n\r\n", query)
		synctest.Wait()
		c.s.Send(NewMessage([]byte("not read")))
		expectEnd(t, c, TransportError)
		if waited := time.Since(start); waited != 20*time.Second {
			t.Errorf("ended after %s, want the ping timeout", waited)
		}
	})
}

func TestCompression(t *testing.T) {
	long := strings.Repeat("long ", 1000)
	cases := []struct {
		from     int
		accept   string
		message  string
		encoding string
	}{
		{0, "gzip", long, "gzip"},
		{0, "br, GZIP;q=0.5", long, "gzip"},
		{0, "gzip", "short", ""},
		{0, "", long, ""},
		{0, "br", long, ""},
		{0, "gzip;q=0", long, ""},
		{0, "gzip; q=0.000", long, ""},
		{-1, "gzip", long, ""},
		{3, "gzip", "ab", "gzip"},
		{4, "gzip", "ab", ""},
	}
	for _, tc := range cases {
		t.Run(fmt.Sprint(tc.from, tc.accept, len(tc.message)), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, Options{CompressFrom: tc.from}, nil)
				query, c := f.open()
				c.s.Send(NewMessage([]byte(tc.message)))
				a := f.must("GET", query, "", "Accept-Encoding", tc.accept)
				if got := a.header.Get("Content-Encoding"); got != tc.encoding {
					t.Fatalf("Content-Encoding %q, want %q", got, tc.encoding)
				}
				if tc.encoding == "gzip" {
					r, err := gzip.NewReader(strings.NewReader(a.body))
					if err != nil {
						t.Fatal(err)
					}
					text, err := io.ReadAll(r)
					if err != nil {
						t.Fatal(err)
					}
					a.body = string(text)
				}
				if a.body != "4"+tc.message {
					t.Errorf("body of %d bytes, want %d", len(a.body), len(tc.message)+1)
				}
			})
		})
	}
}

// TestFlushByPolling checks that Flush waits until the response of a poll is written.
func TestFlushByPolling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		c.s.Send(NewMessage([]byte("hello")))
		flushed := make(chan error, 1)
		go func() { flushed <- c.s.Flush(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-flushed:
			t.Fatalf("Flush returned %v before the poll", err)
		default:
		}
		f.expect("GET", query, "", 200, "4hello")
		synctest.Wait()
		select {
		case err := <-flushed:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("Flush still waits after the poll")
		}
		if n := c.s.Queued(); n != 0 {
			t.Errorf("%d bytes are queued", n)
		}
	})
}
