package engineio

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestPlainPolls checks which requests are served without net/http.
func TestPlainPolls(t *testing.T) {
	const line, host = "GET /socket.io/?EIO=4&transport=polling&sid=abc HTTP/1.1\r\n", "Host: example.com:80\r\n"
	for _, plain := range []string{
		line + host + "\r\n",
		line + host + "Accept: */*\r\nConnection: Keep-Alive\r\nCookie: a=b; c=d\r\n\r\n",
		line + "Host: [::1]:80\r\nX-Empty:\r\n\r\n",
		"GET /app/socket.io?sid=abc&transport=polling&x=? HTTP/1.1\r\n" + host + "\r\n",
	} {
		r := parsePoll([]byte(plain), "/socket.io/")
		want, err := http.ReadRequest(bufio.NewReader(strings.NewReader(plain)))
		if err != nil || r == nil || fmt.Sprint(r.URL, r.Host, r.Header, r.RequestURI) != fmt.Sprint(want.URL, want.Host, want.Header, want.RequestURI) {
			t.Errorf("%q: %v %v", plain, r, err)
		}
	}
	for name, other := range map[string]string{
		"no header":             "\r\n",
		"half":                  line + host,
		"another request":       line + host + "\r\n" + line + host + "\r\n",
		"a byte more":           line + host + "\r\nx",
		"POST":                  strings.Replace(line, "GET", "POST", 1) + host + "\r\n",
		"HEAD":                  strings.Replace(line, "GET", "HEAD", 1) + host + "\r\n",
		"HTTP/1.0":              strings.Replace(line, "1.1", "1.0", 1) + host + "\r\n",
		"HTTP/2":                strings.Replace(line, "1.1", "2.0", 1) + host + "\r\n",
		"no poll":               "GET /socket.io/?transport=websocket&sid=abc HTTP/1.1\r\n" + host + "\r\n",
		"handshake":             "GET /socket.io/?transport=polling HTTP/1.1\r\n" + host + "\r\n",
		"another path":          strings.Replace(line, "socket.io", "files", 1) + host + "\r\n",
		"a path below":          strings.Replace(line, "socket.io/", "socket.io/x", 1) + host + "\r\n",
		"path in the query":     "GET /files?/socket.io/?transport=polling&sid=abc HTTP/1.1\r\n" + host + "\r\n",
		"query in the path":     "GET /transport=polling&sid=abc/socket.io/ HTTP/1.1\r\n" + host + "\r\n",
		"absolute URL":          strings.Replace(line, "GET ", "GET http://example.com", 1) + host + "\r\n",
		"host in the path":      strings.Replace(line, "GET ", "GET //evil.example", 1) + "\r\n",
		"two spaces":            strings.Replace(line, " HTTP", "  HTTP", 1) + host + "\r\n",
		"no Host":               line + "\r\n",
		"two Hosts":             line + host + host + "\r\n",
		"odd Host":              line + "Host: a/b\r\n\r\n",
		"empty Host":            line + "Host:\r\n\r\n",
		"Content-Length":        line + host + "Content-Length: 0\r\n\r\n",
		"Content-Length, body":  line + host + "Content-Length: 2\r\n\r\n\r\n",
		"Transfer-Encoding":     line + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"odd Transfer-Encoding": line + host + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"Expect":                line + host + "Expect: 100-continue\r\n\r\n",
		"Upgrade":               line + host + "Upgrade: websocket\r\n\r\n",
		"Trailer":               line + host + "Trailer: X\r\n\r\n",
		"Connection: close":     line + host + "Connection: close\r\n\r\n",
		"Connection: Upgrade":   line + host + "Connection: keep-alive, Upgrade\r\n\r\n",
		"continued header":      line + host + "X: a\r\n b\r\n\r\n",
		"continued by a tab":    line + host + "X: a\r\n\tb\r\n\r\n",
		"bare LF":               line + host + "X: a\nY: b\r\n\r\n",
		"bare CR":               line + host + "X: a\rY: b\r\n\r\n",
		"LF at the end":         strings.ReplaceAll(line+host+"\r\n", "\r\n", "\n"),
		"NUL":                   line + host + "X: \x00\r\n\r\n",
		"not ASCII":             line + host + "X: \xc3\xbc\r\n\r\n",
		"odd name":              line + host + "X(: a\r\n\r\n",
		"no name":               line + host + ": a\r\n\r\n",
		"no colon":              line + host + "X\r\n\r\n",
		"space before colon":    line + host + "X : a\r\n\r\n",
	} {
		if r := parsePoll([]byte(other), "/socket.io/"); r != nil {
			t.Errorf("%s: served without net/http: %v", name, r)
		}
	}
}

// FuzzPlainValue checks that a query without escapes means what package url says.
func FuzzPlainValue(f *testing.F) {
	f.Add("EIO=4&transport=polling&sid=a&sid=b", "sid")
	f.Add("sid&&=x&sid==b&b64", "sid")
	f.Fuzz(func(t *testing.T, query, name string) {
		if name == "" || strings.ContainsAny(query, "%+;") {
			return
		}
		u := url.URL{RawQuery: query}
		if got, want := plainValue(query, name), u.Query().Get(name); got != want {
			t.Errorf("%q in %q: %q, want %q", name, query, got, want)
		}
	})
}

// BenchmarkPoll is a message by polling, and reading its response at the other end.
func BenchmarkPoll(b *testing.B) {
	_, opened, dial := memoryServer(b, false, Options{PingInterval: time.Hour})
	conn := dial()
	exchange(b, conn, "GET", pollingQuery, "")
	s := <-opened
	m := NewMessage([]byte("hello"))
	request := []byte("GET /engine.io/?" + pollingQuery + "&sid=" + s.ID() + " HTTP/1.1\r\n" + browserHeaders + "\r\n")
	buf := make([]byte, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		for !polls(s) {
			runtime.Gosched()
		}
		s.Send(m)
		for n := 0; !strings.HasSuffix(string(buf[:n]), "4hello"); {
			k, err := conn.Read(buf[n:])
			if n += k; err != nil {
				b.Fatal(err)
			}
		}
	}
}
