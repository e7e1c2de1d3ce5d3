package engineio

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// sampleKey is the key of RFC 6455, section 1.3.
const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

// upgradeLines are the headers of a request for a WebSocket.
const upgradeLines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + sampleKey + "\r\n"

// TestWebSocketHandshakeErrors checks what a request for a WebSocket must contain (RFC
// 6455, section 4.2.1). The texts are those of the Node server.
func TestWebSocketHandshakeErrors(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	const (
		badKey     = "Missing or invalid Sec-WebSocket-Key header"
		badVersion = "Missing or invalid Sec-WebSocket-Version header"
		badList    = "Invalid Sec-WebSocket-Protocol header"
	)
	key, version := "Sec-WebSocket-Key: "+sampleKey+"\r\n", "Sec-WebSocket-Version: 13\r\n"
	for name, tc := range map[string]struct {
		headers string
		status  int
		body    string
	}{
		"no key":                       {version, 400, badKey},
		"short key":                    {version + "Sec-WebSocket-Key: abc\r\n", 400, badKey},
		"key that is not base64":       {version + "Sec-WebSocket-Key: !!!!IHNhbXBsZSBub25jZQ==\r\n", 400, badKey},
		"key of the URL alphabet":      {version + "Sec-WebSocket-Key: dGhlIHNhbXBs-SBub25jZQ==\r\n", 400, badKey},
		"key of 17 bytes":              {version + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=\r\n", 400, badKey},
		"key of 18 bytes":              {version + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTEy\r\n", 400, badKey},
		"two keys":                     {version + key + key, 400, badKey},
		"no version":                   {key, 400, badVersion},
		"old version":                  {key + "Sec-WebSocket-Version: 8\r\n", 426, badVersion},
		"version that is no number":    {key + "Sec-WebSocket-Version: x\r\n", 426, badVersion},
		"two versions":                 {key + version + "Sec-WebSocket-Version: 8\r\n", 426, badVersion},
		"empty subprotocol":            {key + version + "Sec-WebSocket-Protocol: a,, b\r\n", 400, badList},
		"no subprotocol":               {key + version + "Sec-WebSocket-Protocol: \r\n", 400, badList},
		"subprotocol that is no token": {key + version + "Sec-WebSocket-Protocol: a b\r\n", 400, badList},
		"subprotocol twice":            {key + version + "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: a\r\n", 400, badList},
	} {
		c := f.raw()
		c.send("GET /engine.io/?" + socketQuery + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + tc.headers + "\r\n")
		a := c.response("GET")
		if a.status != tc.status || a.body != tc.body || a.header.Get("Content-Type") != "text/html" || !hasToken(a.header.Values("Connection"), "close") {
			t.Errorf("%s: %d %q %v, want %d %q and the end of the connection", name, a.status, a.body, a.header, tc.status, tc.body)
		}
		if a.status == 426 && (a.header.Get("Sec-WebSocket-Version") != "13" || a.header.Get("Upgrade") != "websocket" || a.header.Get("Connection") != "close, Upgrade") {
			t.Errorf("%s: %v, want the version and the protocol to use", name, a.header)
		}
	}
	if len(f.opened) > 0 {
		t.Error("a session was opened")
	}
	f.expectNoSessions()
}

// TestWebSocketHandshakeSpellings checks spellings that RFC 9110 and RFC 6455 treat as
// equal.
func TestWebSocketHandshakeSpellings(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	for name, tc := range map[string]struct{ from, to string }{
		"as it is":               {},
		"upper case":             {"Upgrade: websocket", "UPGRADE: WEBSOCKET"},
		"keep-alive beside it":   {"Connection: Upgrade", "Connection: keep-alive, upgrade"},
		"connection in two":      {"Connection: Upgrade", "Connection: keep-alive\r\nconnection: UPGRADE"},
		"a list of protocols":    {"Upgrade: websocket", "Upgrade: h2c, WebSocket"},
		"an empty chunked body":  {"Upgrade: websocket", "Upgrade: websocket\r\nTransfer-Encoding: chunked"},
		"a length of 0":          {"Upgrade: websocket", "Upgrade: websocket\r\nContent-Length: 0"},
		"a target with its host": {"/engine.io/", "http://x/engine.io/"},
		"no last slash":          {"/engine.io/", "/engine.io"},
		"a key with spare bits":  {sampleKey, "dGhlIHNhbXBsZSBub25jZR=="},
		"extensions":             {"Upgrade: websocket", "Upgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"},
	} {
		c := f.raw()
		request := strings.Replace("GET /engine.io/?"+socketQuery+" HTTP/1.1\r\nHost: x\r\n"+upgradeLines+"\r\n", tc.from, tc.to, 1)
		if strings.Contains(tc.to, "chunked") {
			request += "0\r\n\r\n"
		}
		c.send(request)
		a := c.response("GET")
		if a.status != 101 || a.header.Get("Upgrade") != "websocket" || a.header.Get("Sec-WebSocket-Extensions") != "" {
			t.Errorf("%s: %d %q %v", name, a.status, a.body, a.header)
			continue
		}
		if open, err := c.in.Peek(7); err != nil || string(open[2:]) != `0{"si` {
			t.Errorf("%s: %q %v, want the open packet", name, open, err)
		}
	}
}

// TestWebSocketRequestWithABody checks that neither a body nor what follows it is taken for
// frames.
func TestWebSocketRequestWithABody(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	for _, body := range []string{"Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"} {
		c := f.raw()
		c.send("GET /engine.io/?" + socketQuery + " HTTP/1.1\r\nHost: x\r\n" + upgradeLines + body)
		if a := c.response("GET"); a.status != 400 {
			t.Errorf("%q: %d", body, a.status)
		}
	}
	f.expectNoSessions()
}

// TestSubprotocol checks that the first subprotocol is chosen, as the Node server does. A
// browser requires one that it has offered.
func TestSubprotocol(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	query, _ := f.open()
	for _, q := range []string{socketQuery, strings.Replace(query, "polling", "websocket", 1)} {
		for offered, want := range map[string]string{
			"":                               "",
			"chat.v1":                        "chat.v1",
			"chat.v2,\tchat.v1":              "chat.v2",
			"a\r\nSec-WebSocket-Protocol: b": "a",
		} {
			line := ""
			if offered != "" {
				line = "Sec-WebSocket-Protocol: " + offered + "\r\n"
			}
			c := f.raw()
			c.send("GET /engine.io/?" + q + " HTTP/1.1\r\nHost: x\r\n" + upgradeLines + line + "\r\n")
			if a := c.response("GET"); a.status != 101 || strings.Join(a.header.Values("Sec-WebSocket-Protocol"), "|") != want {
				t.Errorf("%q: %d %q, want %q", offered, a.status, a.header.Values("Sec-WebSocket-Protocol"), want)
			}
		}
	}
}

// wrapped is the ResponseWriter of some middleware.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestHeadersOfMiddleware checks that headers of middleware are part of each response,
// including the one with status 101, except those that the protocol sets.
func TestHeadersOfMiddleware(t *testing.T) {
	srv, _ := newServer(t, Options{
		Cookie:  &http.Cookie{Name: "io"},
		Origins: []string{"https://page.example"},
	}, nil)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Set-Cookie", "route=1")
		h.Add("Set-Cookie", "theme=dark")
		h.Set("Strict-Transport-Security", "max-age=1")
		h.Set("Vary", "X-Tenant")
		h.Set("X-Split", "a\r\nX-Injected: yes")
		h["X-Split\r\nX-Injected: yes"] = []string{"b"}
		h.Set("Connection", "close")
		h.Set("Upgrade", "h2c")
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", "7")
		h.Set("Sec-WebSocket-Accept", "wrong")
		h.Set("Sec-WebSocket-Extensions", "permessage-deflate")
		h["content-length"] = []string{"8"}
		if r.Header.Get("Upgrade") == "" {
			for _, name := range []string{"Upgrade", "content-length", "Connection"} {
				delete(h, name) // net/http writes them as they are
			}
		}
		srv.ServeHTTP(wrapped{w}, r)
	}))
	defer web.Close()
	defer srv.Close()
	f := &fixture{t: t, srv: srv, client: web.Client(), url: web.URL + "/engine.io/"}

	common := func(name string, a answer, cookies int) {
		t.Helper()
		if got := a.header.Values("Set-Cookie"); len(got) != cookies || got[0] != "route=1" || got[1] != "theme=dark" || cookies > 2 && !strings.HasPrefix(got[2], "io=") {
			t.Errorf("%s: cookies %q", name, got)
		}
		if a.header.Get("Strict-Transport-Security") != "max-age=1" || a.header.Get("X-Injected") != "" || a.header.Get("X-Split") != "a  X-Injected: yes" {
			t.Errorf("%s: %v", name, a.header)
		}
		if got := a.header.Values("Vary"); strings.Join(got, ", ") != "X-Tenant, Origin" {
			t.Errorf("%s: Vary %q", name, got)
		}
	}
	c := f.raw()
	c.send("GET /engine.io/?" + socketQuery + " HTTP/1.1\r\nHost: x\r\nOrigin: https://page.example\r\n" + upgradeLines + "\r\n")
	a := c.response("GET")
	common("websocket", a, 3)
	for name, want := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
		"Sec-WebSocket-Extensions": "", "Content-Type": "", "Content-Length": "",
		"Access-Control-Allow-Origin": "https://page.example",
	} {
		if got := strings.Join(a.header.Values(name), ", "); got != want {
			t.Errorf("websocket: %s is %q, want %q", name, got, want)
		}
	}

	a = f.must("GET", pollingQuery, "")
	common("polling", a, 3)
	if a.status != 200 || a.header.Get("Content-Type") != "text/plain; charset=UTF-8" {
		t.Errorf("polling: %d %v", a.status, a.header)
	}
	sid := strings.Split(a.body, `"`)[3]
	common("POST", f.must("POST", pollingQuery+"&sid="+sid, "4x"), 2)
	common("error", f.must("GET", "EIO=4", ""), 2)
	c = f.raw()
	c.send("GET /engine.io/?" + strings.Replace(pollingQuery, "polling", "websocket", 1) + "&sid=" + sid + " HTTP/1.1\r\nHost: x\r\n" + upgradeLines + "\r\n")
	if a = c.response("GET"); a.status != 101 {
		t.Errorf("upgrade: %d", a.status)
	}
	common("upgrade", a, 2)
}

// TestBase64ByWebSocket checks that a client with b64, which the published clients send for
// the option forceBase64, gets binary data as text by WebSocket too. Any peer may send it
// in that form.
func TestBase64ByWebSocket(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
		for _, base64 := range []bool{true, false} {
			query, want := socketQuery, "binary:\x00\x7f\xff"
			if base64 {
				query, want = query+"&b64=1", "bAH//"
			}
			w := f.socket(query)
			w.read()
			c := <-f.opened
			w.write("bAH//")
			w.expect(want)
			w.raw(wire(frame{0x82, false, "\x00\x7f\xff"}))
			w.expect(want)
			c.s.Send(NewMessage([]byte("text"), []byte{0, 127, 255}))
			w.expect("4text", want)
			if got := strings.Join(c.got(), " "); got != "binary:\x00\x7f\xff binary:\x00\x7f\xff" {
				t.Errorf("messages %q", got)
			}
			w.write("b!")
			w.expect("close")
			expectEnd(t, c, ParseError)
		}
		query, c := f.open()
		w := f.socket(strings.Replace(query, "polling", "websocket", 1) + "&b64=1")
		w.write("2probe")
		w.expect("3probe")
		c.s.Send(NewBinaryMessage([]byte{0, 127, 255})) // by polling still
		w.write("5")
		w.expect("bAH//")
	})
}
