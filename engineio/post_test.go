package engineio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowBody is a body whose bytes the test releases.
func (f *fixture) slowBody(query string) (body *io.PipeWriter, done <-chan answer) {
	r, w := io.Pipe()
	result := make(chan answer, 1)
	go func() {
		req, _ := http.NewRequest("POST", f.url+"?"+query, r)
		resp, err := f.client.Do(req)
		if err != nil {
			result <- answer{body: err.Error()}
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		result <- answer{resp.StatusCode, resp.Header, string(text)}
	}()
	return w, result
}

func TestSecondPostEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		body, first := f.slowBody(query)
		body.Write([]byte("4never"))
		synctest.Wait()
		f.expect("POST", query, "4second", 400, badRequest)
		expectEnd(t, c, TransportError)
		body.Close()
		if a := <-first; a.status != 400 {
			t.Errorf("the first POST got %d", a.status)
		}
		if got := c.got(); len(got) > 0 {
			t.Errorf("messages %q", got)
		}
	})
}

func TestDroppedPostEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		body, done := f.slowBody(query)
		body.Write([]byte("4half"))
		synctest.Wait()
		body.CloseWithError(errors.New("gone"))
		<-done
		synctest.Wait()
		expectEnd(t, c, TransportError)
		if got := c.got(); len(got) > 0 {
			t.Errorf("messages %q", got)
		}
	})
}

// TestSlowPostEndsTheSession checks that a slow body is given up after the time in which a
// silent peer is.
func TestSlowPostEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second}, nil)
		query, c := f.open()
		start := time.Now()
		body, done := f.slowBody(query)
		go func() {
			for {
				if _, err := body.Write([]byte("4")); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		<-done
		if waited := time.Since(start); waited > 46*time.Second {
			t.Errorf("the POST went on for %s", waited)
		}
		<-c.ended
		body.CloseWithError(io.EOF)
	})
}

func TestBadPosts(t *testing.T) {
	cases := []struct {
		name, body, contentType string
		status                  int
		answer                  string
		reason                  Reason
		messages                string
	}{
		{"no packet", "abc", "", 400, badRequest, ParseError, ""},
		{"empty", "", "", 400, badRequest, ParseError, ""},
		{"broken in the middle", "4a\x1eabc\x1e4b", "", 400, badRequest, ParseError, "a"},
		{"not UTF-8", "4\xff", "", 400, badRequest, ParseError, ""},
		{"binary payload of protocol 3", "4a", "application/octet-stream", 400, badRequest, ParseError, ""},
		{"too many packets", strings.Repeat("4a\x1e", 5) + "4a", "", 400, badRequest, ParseError, "a a a a a"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, Options{MaxPackets: 5}, nil)
				query, c := f.open()
				if a := f.must("POST", query, tc.body, "Content-Type", tc.contentType); a.status != tc.status || a.body != tc.answer {
					t.Errorf("%d %q, want %d %q", a.status, a.body, tc.status, tc.answer)
				}
				expectEnd(t, c, tc.reason)
				if got := strings.Join(c.got(), " "); got != tc.messages {
					t.Errorf("messages %q, want %q", got, tc.messages)
				}
				f.expect("GET", query, "", 400, unknownSession)
			})
		})
	}
}

// TestTooLargePost checks that a body that is too large is refused, and that the session
// goes on. The limit counts the bytes received and not those declared.
func TestTooLargePost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxPayload: 1000}, nil)
		query, c := f.open()
		f.expect("POST", query, "4"+strings.Repeat("x", 1000), 413, "")
		body, done := f.slowBody(query)
		body.Write([]byte("4" + strings.Repeat("x", 999)))
		body.Write([]byte("x"))
		if a := <-done; a.status != 413 || a.body != "" {
			t.Errorf("chunked: %d %q", a.status, a.body)
		}
		body.Close()
		f.expect("POST", query, "4"+strings.Repeat("x", 999), 200, "ok")
		expectAlive(t, c)
		if got := c.got(); len(got) != 1 {
			t.Errorf("%d messages, want 1", len(got))
		}
	})
}

// TestTooLargePostIsRefusedByItsLength checks that a body that is declared too large is
// refused before it is received.
func TestTooLargePostIsRefusedByItsLength(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxPayload: 1000}, nil)
		query, c := f.open()
		conn, err := f.dial(context.Background(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /engine.io/?%s HTTP/1.1\r\nHost: pipe\r\nContent-Length: 1001\r\n\r\n", query)
		buf := make([]byte, 100)
		conn.SetReadDeadline(time.Now().Add(time.Second))
		if n, err := conn.Read(buf); !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 413 ") {
			t.Errorf("got %q %v", buf[:n], err)
		}
		go io.Copy(io.Discard, conn)
		expectAlive(t, c)
	})
}

func TestClosePacketByPost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		poll := f.background("GET", query, "")
		synctest.Wait()
		f.expect("POST", query, "4before\x1e1\x1e4after", 200, "ok")
		if a := <-poll; a.status != 200 || a.body != "6" {
			t.Errorf("the waiting poll got %d %q, want a noop", a.status, a.body)
		}
		expectEnd(t, c, TransportClose)
		f.expect("GET", query, "", 400, unknownSession)
		if got := strings.Join(c.got(), " "); got != "before" {
			t.Errorf("messages %q", got)
		}
	})
}

// TestLongPostsOfUnknownLength checks that it makes no difference whether the length of a POST is
// announced. Proxies that speak HTTP/2 send it in chunks.
func TestLongPostsOfUnknownLength(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	for name, c := range map[string]struct {
		conn   onOpen
		query  string
		body   string
		status int
		got    string
	}{
		"short":                  {takingHeads(true), pollingQuery, "4first\x1e4after", 200, "first|after"},
		"as long as it may be":   {takingHeads(true), pollingQuery, "4" + long[:9_999], 200, long[:9_999]},
		"long":                   {takingHeads(true), pollingQuery, "4first\x1e4" + long + "\x1e4after", 200, "first|head of 4095: xxxx, binary false|after"},
		"one byte too long":      {takingHeads(true), pollingQuery, "4" + long[:10_000], 200, "head of 4095: xxxx, binary false"},
		"revision 3":             {takingHeads(true), "EIO=3&transport=polling&b64=1", "6:4first20001:4" + long, 413, ""},
		"more than is discarded": {takingHeads(true), pollingQuery, "4" + strings.Repeat(long, 3), 413, "head of 4095: xxxx, binary false"},
		"refused":                {takingHeads(false), pollingQuery, "4first\x1e4" + long, 413, "first|head of 4095: xxxx, binary false"},
		"not a HeadConn":         {nil, pollingQuery, "4first\x1e4" + long, 413, ""},
	} {
		for _, announced := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, announced %t", name, announced), func(t *testing.T) {
				onBoth(t, func(t *testing.T, serve serveFunc) {
					f := serve(t, Options{MaxPayload: 10_000, AllowEIO3: true, Bind: func(*http.Request) string { return "one" }}, c.conn)
					f.must("GET", c.query, "")
					conn := <-f.opened
					req, _ := http.NewRequest("POST", f.url+"?"+c.query+"&sid="+conn.s.ID(), strings.NewReader(c.body))
					if req.Header.Set("Content-Type", "text/plain"); !announced {
						req.ContentLength = -1
					}
					resp, err := f.client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					if got := strings.Join(conn.got(), "|"); resp.StatusCode != c.status || got != c.got && !(announced && c.status == 413 && got == "") {
						t.Errorf("%d %.200q, want %d %.200q", resp.StatusCode, got, c.status, c.got)
					}
					if len(conn.reasons()) > 0 {
						t.Errorf("it has ended: %s", conn.reasons())
					}
				})
			})
		}
	}
}
