package engineio

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/limittest"
)

// TestPollingInEachFraming checks that the framing of a request makes no difference (RFC
// 9112, section 6; RFC 9110, section 10.1.1). After each request the connection is used
// again.
func TestPollingInEachFraming(t *testing.T) {
	f := newTCP(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
	const (
		chunked = "Transfer-Encoding: chunked\r\n"
		none    = "0\r\n\r\n"
	)
	for name, tc := range map[string]struct {
		method, headers, body string
		version, target       string // of the request, where it is not the usual one
		want                  int
		closes                bool
	}{
		"a GET":                    {method: "GET", want: 200},
		"a GET with a length of 0": {method: "GET", headers: "Content-Length: 0\r\n", want: 200},
		"a GET in chunks, of which there is none":         {method: "GET", headers: chunked, body: none, want: 200},
		"a GET in chunks with an extension and a trailer": {method: "GET", headers: chunked + "Trailer: X-A\r\n", body: "0;a=b\r\nX-A: 1\r\n\r\n", want: 200},
		"a GET that expects to continue":                  {method: "GET", headers: "Expect: 100-continue\r\n", want: 200},
		"a GET with a content type":                       {method: "GET", headers: "Content-Type: application/json\r\n", want: 200},
		"a GET of HTTP/1.0":                               {method: "GET", version: "HTTP/1.0", want: 200, closes: true},
		"a GET with its host":                             {method: "GET", target: "http://other/engine.io/", want: 200},
		"a GET without the last slash":                    {method: "GET", target: "/engine.io", want: 200},
		"a GET below the path":                            {method: "GET", target: "/engine.io/more", want: 200},
		"a GET with a body":                               {method: "GET", headers: "Content-Length: 3\r\n", body: "abc", want: 400},
		"a GET with a body in chunks":                     {method: "GET", headers: chunked, body: "3\r\nabc\r\n" + none, want: 400},
		"a POST":                                          {method: "POST", headers: "Content-Length: 2\r\n", body: "4x", want: 200},
		"a POST in chunks":                                {method: "POST", headers: chunked, body: "1\r\n4\r\n1\r\nx\r\n" + none, want: 200},
		"a POST with a charset":                           {method: "POST", headers: "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n", body: "4x", want: 200},
		"a POST of another type":                          {method: "POST", headers: "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n", body: "4x", want: 200},
		"a POST of HTTP/1.0":                              {method: "POST", version: "HTTP/1.0", headers: "Content-Length: 2\r\n", body: "4x", want: 200, closes: true},
		"a POST of bytes":                                 {method: "POST", headers: "Content-Type: Application/Octet-Stream;a=b\r\nContent-Length: 2\r\n", body: "4x", want: 400},
		"a HEAD":                                          {method: "HEAD", want: 400},
	} {
		t.Run(name, func(t *testing.T) {
			query, c := f.open()
			c.s.Send(NewMessage([]byte("queued"))) // so that no poll waits
			if tc.version == "" {
				tc.version = "HTTP/1.1"
			}
			if tc.target == "" {
				tc.target = "/engine.io/"
			}
			conn := f.raw()
			conn.send(fmt.Sprintf("%s %s?%s %s\r\nHost: x\r\n%s\r\n%s", tc.method, tc.target, query, tc.version, tc.headers, tc.body))
			if a := conn.response(tc.method); a.status != tc.want {
				t.Errorf("%d %q, want %d", a.status, a.body, tc.want)
			}
			if !tc.closes {
				conn.send("GET /engine.io/?EIO=4&transport=none HTTP/1.1\r\nHost: x\r\n\r\n")
				if a := conn.response("GET"); a.status != 400 || a.body != `{"code":0,"message":"Transport unknown"}` {
					t.Errorf("the next request: %d %q", a.status, a.body)
				}
			}
			c.s.Abort(ForcedClose)
		})
		if tc.method != "GET" {
			continue
		}
		t.Run(name+", for a handshake", func(t *testing.T) {
			if tc.version == "" {
				tc.version = "HTTP/1.1"
			}
			if tc.target == "" {
				tc.target = "/engine.io/"
			}
			conn := f.raw()
			conn.send(fmt.Sprintf("GET %s?%s %s\r\nHost: x\r\n%s\r\n%s", tc.target, pollingQuery, tc.version, tc.headers, tc.body))
			if a := conn.response("GET"); a.status != tc.want {
				t.Errorf("%d %q, want %d", a.status, a.body, tc.want)
			}
		})
	}
}

// TestExpectContinue checks that an expectation of 100 is answered before the body is sent,
// and not if the body is refused.
func TestExpectContinue(t *testing.T) {
	f := newTCP(t, Options{MaxPayload: 10}, nil)
	query, c := f.open()
	conn := f.raw()
	conn.send("POST /engine.io/?" + query + " HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if a := conn.response("GET"); a.status != 100 {
		t.Errorf("%d, want 100", a.status)
	}
	conn.send("4x")
	if a := conn.response("POST"); a.status != 200 || strings.Join(c.got(), " ") != "x" {
		t.Errorf("%d %q", a.status, c.got())
	}
	conn.send("POST /engine.io/?" + query + " HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n")
	if a := conn.response("POST"); a.status != 413 || a.body != "" || !hasToken(a.header.Values("Connection"), "close") {
		t.Errorf("%d %q %v, want 413 and the end of the connection", a.status, a.body, a.header)
	}
	expectAlive(t, c)
}

// newHTTP2 serves over HTTP/2.
func newHTTP2(t *testing.T, opts Options, hook onOpen, configure ...func(*http.Server)) *fixture {
	t.Helper()
	srv, opened := newServer(t, patient(opts), hook)
	web := httptest.NewUnstartedServer(srv)
	web.EnableHTTP2 = true
	for _, set := range configure {
		set(web.Config)
	}
	web.StartTLS()
	t.Cleanup(func() {
		srv.Close()
		web.Close()
	})
	return &fixture{t: t, srv: srv, web: web.Config, client: web.Client(), url: web.URL + srv.opts.Path, opened: opened}
}

// unsized is a body of unknown length.
type unsized struct{ io.Reader }

func TestPollingOverHTTP2(t *testing.T) {
	f := newHTTP2(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
	do := func(method, query string, body io.Reader) answer {
		t.Helper()
		r, err := http.NewRequest(method, f.url+"?"+query, body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := f.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		if resp.ProtoMajor != 2 {
			t.Errorf("%s, want HTTP/2", resp.Proto)
		}
		return answer{resp.StatusCode, resp.Header, string(text)}
	}
	if a := do("GET", pollingQuery, unsized{strings.NewReader("")}); a.status != 200 {
		t.Errorf("handshake with an empty body of unknown length: %d %q", a.status, a.body)
	}
	(<-f.opened).s.Abort(ForcedClose)
	query, c := f.open()
	waiting := make(chan answer)
	go func() { waiting <- do("GET", query, unsized{strings.NewReader("")}) }()
	if a := do("POST", query, unsized{strings.NewReader("4x")}); a.status != 200 {
		t.Errorf("POST of unknown length: %d %q", a.status, a.body)
	}
	if a := <-waiting; a.status != 200 || a.body != "4x" {
		t.Errorf("poll with an empty body of unknown length: %d %q", a.status, a.body)
	}
	for _, body := range []io.Reader{strings.NewReader("abc"), unsized{strings.NewReader("abc")}} {
		if a := do("GET", query, body); a.status != 400 || a.body != badRequest {
			t.Errorf("poll with a body: %d %q", a.status, a.body)
		}
	}
	// There is no Upgrade in HTTP/2, and the response says so.
	for _, q := range []string{socketQuery, strings.Replace(query, "polling", "websocket", 1)} {
		if a := do("GET", q, nil); a.status != 400 || a.body != `{"code":3,"message":"WebSocket needs HTTP/1.1"}` {
			t.Errorf("websocket: %d %q", a.status, a.body)
		}
	}
	expectAlive(t, c)
}

// TestUpgradeFromHTTP2 checks that a client by HTTP/2 can open its WebSocket by HTTP/1.1.
func TestUpgradeFromHTTP2(t *testing.T) {
	f := newHTTP2(t, Options{}, nil)
	query, c := f.open()
	f.client.Transport.(*http.Transport).TLSClientConfig.NextProtos = nil
	w := f.socket(strings.Replace(query, "polling", "websocket", 1))
	w.write("2probe")
	w.expect("3probe")
	w.write("5")
	w.write("4moved")
	for len(c.got()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if c.s.Transport() != WebSocket {
		t.Error("the session is still polling")
	}
}

// TestPollsOutliveTheTimeoutsOfTheServer checks that a poll waits longer than http.Server's
// ReadTimeout and WriteTimeout, however it is framed.
func TestPollsOutliveTheTimeoutsOfTheServer(t *testing.T) {
	limits := func(d time.Duration) func(*http.Server) {
		return func(web *http.Server) { web.ReadTimeout, web.WriteTimeout = d, d }
	}
	for name, serve := range map[string]serveFunc{"HTTP/1.1": newTCP, "HTTP/2": newHTTP2} {
		for body, reader := range map[string]io.Reader{"without a body": nil, "with an empty body of unknown length": unsized{strings.NewReader("")}} {
			t.Run(name+" "+body, func(t *testing.T) {
				limittest.Run(t, 100*time.Millisecond, func(d time.Duration) error {
					f := serve(t, Options{}, nil, limits(d))
					query, c, err := f.tryOpen()
					if err != nil {
						return err
					}
					time.AfterFunc(3*d, func() { c.s.Send(NewMessage([]byte("late"))) })
					r, _ := http.NewRequestWithContext(context.Background(), "GET", f.url+"?"+query, reader)
					resp, err := f.client.Do(r)
					if err != nil {
						return err
					}
					defer resp.Body.Close()
					if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "4late" {
						return fmt.Errorf("%q %v", text, err)
					}
					return nil
				})
			})
		}
	}
	t.Run("a WebSocket", func(t *testing.T) {
		limittest.Run(t, 100*time.Millisecond, func(d time.Duration) error {
			f := newTCP(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c }, limits(d))
			w, err := f.trySocket(socketQuery)
			if err != nil {
				return err
			}
			w.read()
			time.Sleep(3 * d)
			w.write("4late")
			w.expect("4late")
			return nil
		})
	})
}
