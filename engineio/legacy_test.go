package engineio

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The transcripts testdata/legacy-*.wire are the plain cases of revision 3.

// withLegacy returns options that allow peers of revision 3, and bind their sessions to a
// header.
func withLegacy() Options {
	return Options{AllowEIO3: true, Bind: func(r *http.Request) string { return r.Header.Get("X-Peer") }}
}

const (
	legacyQuery  = "EIO=3&transport=polling"
	socketQuery3 = "EIO=3&transport=websocket"
)

// openLegacy starts a session of revision 3 by polling, which shows "me" as X-Peer.
func (f *fixture) openLegacy(more string, headers ...string) (query string, c *recorder) {
	f.t.Helper()
	if a := f.must("GET", legacyQuery+more, "", append(headers, "X-Peer", "me")...); a.status != 200 {
		f.t.Fatalf("handshake: %d %s", a.status, a.body)
	}
	c = <-f.opened
	return legacyQuery + "&sid=" + c.s.ID(), c
}

func TestLegacyIsOffByDefault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		f.expect("GET", legacyQuery, "", 400, `{"code":5,"message":"Unsupported protocol version"}`)
		if _, err := f.trySocket(socketQuery3); err == nil {
			t.Error("a WebSocket of revision 3 was opened")
		}
		query, _ := f.open()
		f.expect("GET", strings.Replace(query, "EIO=4", "EIO=3", 1), "", 400, `{"code":5,"message":"Unsupported protocol version"}`)
	})
}

// TestLegacyNeedsABond checks that the ID of a session of revision 3, which others know, is
// not enough for a request of the session.
func TestLegacyNeedsABond(t *testing.T) {
	open := func(*Session, *http.Request) Conn { return nil }
	if _, err := NewServer(open, Options{AllowEIO3: true}); err == nil {
		t.Error("polling without Bind was accepted")
	}
	if _, err := NewServer(open, Options{AllowEIO3: true, Transports: []Transport{WebSocket}}); err != nil {
		t.Error(err)
	}
	bubble(t, func(t *testing.T) {
		log := &logBuffer{}
		opts := withLegacy()
		opts.Logger = log.logger()
		f := newPipe(t, opts, nil)
		for range 3 {
			f.expect("GET", legacyQuery, "", 403, `{"code":4,"message":"Forbidden"}`)
		}
		if n := strings.Count(log.String(), "Options.Bind"); n != 1 {
			t.Errorf("%d lines in the log, want one:\n%s", n, log)
		}
		query, c := f.openLegacy("&b64=1")
		asSocket := strings.Replace(query, "polling", "websocket", 1)
		for _, headers := range [][]string{nil, {"X-Peer", "you"}} {
			for _, method := range []string{"GET", "POST"} {
				body := ""
				if method == "POST" {
					body = "6:4hello"
				}
				if a := f.must(method, query, body, headers...); a.status != 400 || a.body != unknownSession {
					t.Errorf("%s with %q: %d %s", method, headers, a.status, a.body)
				}
			}
			if _, err := f.trySocket(asSocket, headers...); err == nil {
				t.Errorf("an upgrade with %q began", headers)
			}
		}
		if a := f.must("POST", query, "6:4hello", "X-Peer", "me"); a.status != 200 {
			t.Errorf("its own peer: %d %s", a.status, a.body)
		}
		expectAlive(t, c)
		if got := c.got(); len(got) != 1 || got[0] != "hello" {
			t.Errorf("messages %q", got)
		}
		// By WebSocket the ID is of no use, and a browser cannot set headers there.
		w := f.socket(socketQuery3)
		w.read()
		if got := (<-f.opened).s.Protocol(); got != 3 {
			t.Errorf("Protocol() = %d", got)
		}
	})
}

// TestBondOutlivesPolling checks that a peer that knows only an ID cannot find out whether
// there is such a session, whatever transport it has or had.
func TestBondOutlivesPolling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		strangers := func(query string) {
			t.Helper()
			for _, headers := range [][]string{nil, {"X-Peer", "you"}} {
				for method, body := range map[string]string{"GET": "", "POST": "6:4hello"} {
					if a := f.must(method, query, body, headers...); a.status != 400 || a.body != unknownSession {
						t.Errorf("%s with %q: %d %s", method, headers, a.status, a.body)
					}
				}
				if _, err := f.trySocket(strings.Replace(query, "polling", "websocket", 1), headers...); err == nil {
					t.Errorf("a WebSocket with %q was opened", headers)
				}
			}
		}
		query, c := f.openLegacy("")
		w := f.socket(strings.Replace(query, "polling", "websocket", 1), "X-Peer", "me")
		w.write("2probe")
		w.expect("3probe")
		w.write("5")
		w.write("2")
		w.expect("3")
		strangers(query)
		expectAlive(t, c)
		if a := f.must("GET", query, "", "X-Peer", "me"); a.body != badRequest {
			t.Errorf("its own peer: %d %s", a.status, a.body)
		}

		w = f.socket(socketQuery3)
		w.read()
		c = <-f.opened
		strangers(legacyQuery + "&sid=" + c.s.ID())
		expectAlive(t, c)

		// The poll in progress when the client closes the session is answered.
		query, c = f.openLegacy("")
		f.must("POST", query, "1:1", "X-Peer", "me")
		expectEnd(t, c, TransportClose)
		strangers(query)
		if a := f.must("GET", query, "", "X-Peer", "me"); a.body != "1:6" {
			t.Errorf("the last poll: %d %s", a.status, a.body)
		}

		opts := Options{AllowEIO3: true, Transports: []Transport{WebSocket}}
		f = newPipe(t, opts, nil)
		w = f.socket(socketQuery3)
		w.read()
		c = <-f.opened
		if _, err := f.trySocket(socketQuery3 + "&sid=" + c.s.ID()); err == nil {
			t.Error("a WebSocket of a session by WebSocket was opened")
		}
		f.expect("GET", socketQuery3+"&sid="+c.s.ID(), "", 400, unknownSession)
	})
}

// TestSessionsPrintNoID checks that no verb of fmt prints the ID of a session.
func TestSessionsPrintNoID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		_, c := f.openLegacy("")
		printed := fmt.Sprintf("%v %+v %#v %s %x %d", c.s, c.s, c.s, c.s, c.s, c.s)
		log := &logBuffer{}
		log.logger().Info("session", "session", c.s)
		printed += log.String()
		id := c.s.id
		for _, shown := range []string{c.s.ID(), fmt.Sprintf("%x", id[:]), strings.Trim(fmt.Sprint(id[:]), "[]")} {
			if strings.Contains(printed, shown) {
				t.Errorf("%q shows the ID, as %q", printed, shown)
			}
		}
	})
}

func TestBindToAddress(t *testing.T) {
	bind := BindToAddress(netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::ffff:172.16.0.0/108"))
	request := func(remote, forwarded string) *http.Request {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{}}
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		return r
	}
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:1000", "", "192.0.2.1"},
		{"192.0.2.1:2000", "198.51.100.7", "192.0.2.1"},
		{"10.1.2.3:1000", "198.51.100.7", "198.51.100.7"},
		{"172.16.2.3:1000", "198.51.100.7", "198.51.100.7"},
		{"[::ffff:172.31.2.3]:1000", "198.51.100.7", "198.51.100.7"},
		{"172.32.2.3:1000", "198.51.100.7", "172.32.2.3"},
		{"[2001:db8::1]:1000", "", "2001:db8::1"},
	} {
		if got := bind(request(c.remote, c.forwarded)); got != c.want {
			t.Errorf("%s for %q: %q, want %q", c.remote, c.forwarded, got, c.want)
		}
	}
}

// TestLegacyPayloadOfBytes checks that a payload with binary data or text beyond ASCII is
// one of bytes, for peers that accept them, and that other payloads are text.
func TestLegacyPayloadOfBytes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
		query, _ := f.openLegacy("")
		for _, c := range []struct{ post, contentType, get, getType string }{
			{"6:4hello", "text/plain", "6:4hello", "text/plain; charset=UTF-8"},
			{"6:4hello10:b4AQIDBA==", "text/plain", "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04", "application/octet-stream"},
			{"\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04", "application/octet-stream", "\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04", "application/octet-stream"},
			{"\x00\x01\x02\xff4hello world", "application/octet-stream", "12:4hello world", "text/plain; charset=UTF-8"},
			{"2:4€", "text/plain", "\x00\x04\xff4€", "application/octet-stream"},
		} {
			if a := f.must("POST", query, c.post, "X-Peer", "me", "Content-Type", c.contentType); a.body != "ok" {
				t.Errorf("POST %q: %d %s", c.post, a.status, a.body)
			}
			a := f.must("GET", query, "", "X-Peer", "me")
			if a.body != c.get || a.header.Get("Content-Type") != c.getType {
				t.Errorf("after %q: %q as %s", c.post, a.body, a.header.Get("Content-Type"))
			}
		}
	})
}

func readLegacyPackets(payload string, isBytes bool) (string, error) {
	var packets []string
	err := readLegacyPayload([]byte(payload), isBytes, 10, func(p packet) error {
		text := fmt.Sprintf("%c%s", p.kind, p.data)
		if p.binary {
			text = fmt.Sprintf("binary:%s", p.data)
		}
		packets = append(packets, text)
		return nil
	})
	return strings.Join(packets, "|"), err
}

func TestReadLegacyPayload(t *testing.T) {
	for _, c := range []struct {
		payload string
		packets string
		err     error
	}{
		{"1:2", "2", nil},
		{"6:4hello1:26:4world", "4hello|2|4world", nil},
		{"6:4he:lo", "4he:lo", nil},
		{"4:b4AA", "", errPacket},
		{"6:b4AA==", "binary:\x00", nil},
		{"2:b4", "binary:", nil},
		{"1:b", "", errPacket},
		{"6:b2AA==", "", errPacket}, // only messages are binary
		{"3:4😀", "4😀", nil},
		{"2:4😀", "", errPacket}, // half a surrogate pair
		{"3:4Ã©", "4é", nil},    // encoded twice
		{"2:4é", "4é", nil},
		{"3:4Ã€", "4Ã€", nil}, // € is beyond U+00FF, so this was not
		{"3:4é€", "4é€", nil},
		{"", "", errPacket},
		{"0:", "", errPacket},
		{":4", "", errPacket},
		{"abc", "", errPacket},
		{"-1:4", "", errPacket},
		{"5:4abc", "", errPacket},
		{"2:4a2:4b3:4", "4a|4b", errPacket},
		{"1:9", "", errPacket},
		{"00000000000001:2", "", errPacket},
		{"9999999999:2", "", errPacket},
		{"2:4\xff", "", errPacket},
		{strings.Repeat("1:2", 11), strings.TrimSuffix(strings.Repeat("2|", 10), "|"), errTooManyPackets},
	} {
		if got, err := readLegacyPackets(c.payload, false); (c.packets != "" || err == nil) && got != c.packets || !errors.Is(err, c.err) {
			t.Errorf("%q: got %q %v, want %q %v", c.payload, got, err, c.packets, c.err)
		}
	}
	for _, c := range []struct {
		payload string
		packets string
		err     error
	}{
		{"\x00\x01\xff2", "2", nil},
		{"\x01\x01\xff\x04", "binary:", nil},
		{"\x00\x06\xff4hello\x01\x02\xff\x04\xff", "4hello|binary:\xff", nil},
		{"\x00\x06\xffb4AA==", "binary:\x00", nil},
		{"\x00\x02\xff4", "", errPacket},
		{"\x00\xff", "", errPacket},
		{"\x00\x00\xff", "", errPacket},
		{"\x01\x00\xff", "", errPacket},
		{"\x01\x01\xff\x02", "", errPacket},
		{"\x00\x0a\xff", "", errPacket},
		{"\x00\x02\xff4\xff", "", errPacket},
		{"\x02\x01\xff2", "", errPacket},
		{"\x00", "", errPacket},
		{"\x00" + strings.Repeat("\x09", 20) + "\xff2", "", errPacket},
		{strings.Repeat("\x00\x01\xff2", 11), strings.TrimSuffix(strings.Repeat("2|", 10), "|"), errTooManyPackets},
	} {
		if got, err := readLegacyPackets(c.payload, true); got != c.packets || !errors.Is(err, c.err) {
			t.Errorf("bytes %q: got %q %v, want %q %v", c.payload, got, err, c.packets, c.err)
		}
	}
}

func FuzzReadLegacyPayload(f *testing.F) {
	for _, seed := range []string{"6:4hello10:b4AQIDBA==", "2:4€3:4Ã©", "0:", "99999999999:"} {
		f.Add(seed, false)
	}
	for _, seed := range []string{"\x00\x06\xff4hello\x01\x02\xff\x04\xff", "\x00\x00\xff", "\x01"} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, payload string, isBytes bool) {
		var messages []*Message
		err := readLegacyPayload([]byte(payload), isBytes, 100, func(p packet) error {
			m := controlPacket(p.kind, string(p.data))
			if p.binary {
				m = NewBinaryMessage(bytes.Clone(p.data))
			}
			messages = append(messages, m)
			return nil
		})
		if len(messages) > 100 {
			t.Errorf("%d packets", len(messages))
		}
		if err != nil || len(messages) == 0 {
			return
		}
		// Accepted packets are unchanged after they are written and read again.
		again, bytesAgain := joinLegacyPayload(messages, true)
		n := 0
		err = readLegacyPayload(again, bytesAgain, 100, func(p packet) error {
			m := messages[n]
			n++
			if want := append(bytes.Clone(m.text), bytes.Join(m.attachments, nil)...); p.kind != m.kind || p.binary != (m.text == nil) || !bytes.Equal(p.data, want) {
				t.Errorf("%q came back as %c %q", want, p.kind, p.data)
			}
			return nil
		})
		if err != nil || n != len(messages) {
			t.Errorf("%q written again is %q: %d of %d packets, %v", payload, again, n, len(messages), err)
		}
	})
}

func TestLegacyMessageForms(t *testing.T) {
	both := NewMessage([]byte("x"), []byte{1}, nil)
	json := NewJSONMessage(len("é"), []byte(`é["é€😀"]`))
	for _, c := range []struct {
		name             string
		m                *Message
		frames, base64   string
		payload, asBytes string
	}{
		{"text", NewMessage([]byte("hi")), "\x81\x034hi", "\x81\x034hi", "3:4hi", "\x00\x03\xff4hi"},
		{"empty", NewMessage(nil), "\x81\x014", "\x81\x014", "1:4", "\x00\x01\xff4"},
		{"binary", NewBinaryMessage([]byte{1, 2, 3, 4}), "\x82\x05\x04\x01\x02\x03\x04", "\x81\x0ab4AQIDBA==", "10:b4AQIDBA==", "\x01\x05\xff\x04\x01\x02\x03\x04"},
		{"attachments", both, "\x81\x024x\x82\x02\x04\x01\x82\x01\x04", "\x81\x024x\x81\x06b4AQ==\x81\x02b4", "2:4x6:b4AQ==2:b4", "\x00\x02\xff4x\x01\x02\xff\x04\x01\x01\x01\xff\x04"},
		{"long", NewMessage(bytes.Repeat([]byte("x"), 119)), "\x81\x784" + strings.Repeat("x", 119), "\x81\x784" + strings.Repeat("x", 119), "120:4" + strings.Repeat("x", 119), "\x00\x01\x02\x00\xff4" + strings.Repeat("x", 119)},
		{"pong", pongPacket, "\x81\x013", "\x81\x013", "1:3", "\x00\x01\xff3"},
	} {
		for range 2 { // made once, the same twice
			if got := string(legacy{}.frames(c.m)); got != c.frames {
				t.Errorf("%s: frames %q, want %q", c.name, got, c.frames)
			}
			if got := string(legacy{base64: true}.frames(c.m)); got != c.base64 {
				t.Errorf("%s: frames with base64 %q, want %q", c.name, got, c.base64)
			}
			if got, isBytes := joinLegacyPayload([]*Message{c.m}, false); string(got) != c.payload || isBytes {
				t.Errorf("%s: payload %q, want %q", c.name, got, c.payload)
			}
			binary := NewBinaryMessage(nil)
			if got, isBytes := joinLegacyPayload([]*Message{c.m, binary}, true); string(got) != c.asBytes+"\x01\x01\xff\x04" || !isBytes {
				t.Errorf("%s: payload of bytes %q, want %q", c.name, got, c.asBytes)
			}
		}
	}
	// Text beyond ASCII is understood by all clients only in JSON, but always in frames.
	if got, _ := joinLegacyPayload([]*Message{json}, false); string(got) != `30:4é["\u00e9\u20ac\ud83d\ude00"]` {
		t.Errorf("JSON as text: %q", got)
	}
	if got, isBytes := joinLegacyPayload([]*Message{json}, true); string(got) != "\x00\x01\x06\xff4é[\"é€😀\"]" || !isBytes {
		t.Errorf("JSON as bytes: %q", got)
	}
	for _, c := range []codec{legacy{}, legacy{base64: true}} {
		m := NewJSONMessage(len("é"), []byte(`é["é€😀"]`), []byte{1})
		if got := string(c.frames(json)); got != "\x81\x104é[\"é€😀\"]" || !strings.HasPrefix(string(c.frames(m)), got) {
			t.Errorf("JSON as a frame: %q, and with an attachment %q", got, c.frames(m))
		}
	}
}

func TestScript(t *testing.T) {
	for payload, want := range map[string]string{
		"4a":                     `___eio[7]("4a");`,
		"a\"b\\c\nd\u2028\u2029": `___eio[7]("a\"b\\c\nd\u2028\u2029");`,
	} {
		if got := string(script("7", []byte(payload))); got != want {
			t.Errorf("%q: %s", payload, got)
		}
	}
}

// TestBadForms sends invalid forms, each to another session.
func TestBadForms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		for _, form := range []string{"", "d=", "d=1%3A2&d=1%3A2", "x=1", "d=%zz", "1:2"} {
			query, c := f.openLegacy("&b64=1&j=0")
			if a := f.must("POST", query+"&j=0", form, "X-Peer", "me"); a.status != 400 {
				t.Errorf("%q: %d %s", form, a.status, a.body)
			}
			expectEnd(t, c, ParseError)
		}
	})
}

// TestJSONPShowsNoOrigin checks that the origin of a session that began by JSONP counts as
// not checked, unless the browser says where the script was requested.
func TestJSONPShowsNoOrigin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		for _, c := range []struct {
			more, site string
			checked    bool
		}{
			{"", "", true},
			{"&j=0", "", false},
			{"&j=0", "same-origin", true},
		} {
			var headers []string
			if c.site != "" {
				headers = []string{"Sec-Fetch-Site", c.site}
			}
			if _, rec := f.openLegacy(c.more, headers...); rec.s.OriginChecked() != c.checked {
				t.Errorf("%q from %q: checked is %v", c.more, c.site, rec.s.OriginChecked())
			}
		}
		if a := f.must("GET", legacyQuery+"&j=0", "", "X-Peer", "me", "Sec-Fetch-Site", "cross-site"); a.status != 403 {
			t.Errorf("a script on a foreign page: %d %s", a.status, a.body)
		}
		// Revision 4 has no JSONP.
		if a := f.must("GET", pollingQuery+"&j=0", ""); !strings.HasPrefix(a.body, "0{") {
			t.Errorf("revision 4 with j: %s", a.body)
		}
	})
}

// TestScriptsPollOnlyTheirOwnSessions checks that a foreign page that knows an ID cannot use
// its visitor's browser, which the session is bound to, to read a session that did not begin
// by JSONP.
func TestScriptsPollOnlyTheirOwnSessions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		query, c := f.openLegacy("&b64=1")
		c.s.Send(NewMessage([]byte("secret")))
		for method, body := range map[string]string{"GET": "", "POST": "d=6%3A4hello"} {
			if a := f.must(method, query+"&j=0", body, "X-Peer", "me"); a.status != 400 || a.body != badRequest {
				t.Errorf("%s: %d %s", method, a.status, a.body)
			}
		}
		if a := f.must("GET", query, "", "X-Peer", "me"); a.body != "7:4secret" {
			t.Errorf("its own poll: %d %s", a.status, a.body)
		}
		expectAlive(t, c)
	})
}

// TestCORSOfLegacyPolling checks that credentials are allowed, because clients of revision 3
// always send them.
func TestCORSOfLegacyPolling(t *testing.T) {
	const page = "https://app.example.com"
	bubble(t, func(t *testing.T) {
		for _, waived := range []bool{false, true} {
			opts := withLegacy()
			opts.InsecureAnyOrigin = waived
			if !waived {
				opts.Origins = []string{page}
			}
			f := newPipe(t, opts, nil)
			for _, method := range []string{"GET", "OPTIONS"} {
				h := f.must(method, legacyQuery, "", "X-Peer", "me", "Origin", page).header
				if h.Get("Access-Control-Allow-Origin") != page || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
					t.Errorf("waived %v, %s: %v", waived, method, h)
				}
			}
			if h := f.must("GET", pollingQuery, "", "Origin", page).header; h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("waived %v, revision 4: %v", waived, h)
			}
			if waived {
				continue
			}
			h := f.must("GET", legacyQuery, "", "X-Peer", "me", "Origin", "https://evil.example").header
			if h.Get("Access-Control-Allow-Origin") != "" || h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("a foreign page: %v", h)
			}
		}
	})
}

// TestPingsOfThePeerKeepItAlive checks that each ping extends the deadline, by either
// transport, and that a message does not.
func TestPingsOfThePeerKeepItAlive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		query, polled := f.openLegacy("&b64=1")
		w := f.socket(socketQuery3)
		w.read()
		socketed := <-f.opened
		for range 3 {
			time.Sleep(44 * time.Second)
			f.must("POST", query, "1:2", "X-Peer", "me")
			f.must("GET", query, "", "X-Peer", "me") // takes the answer
			w.write("2")
			w.expect("3")
		}
		expectAlive(t, polled)
		expectAlive(t, socketed)
		time.Sleep(44 * time.Second)
		f.must("POST", query, "2:4x", "X-Peer", "me")
		w.write("4x")
		time.Sleep(time.Second)
		synctest.Wait()
		expectEnd(t, polled, PingTimeout)
		expectEnd(t, socketed, PingTimeout)
	})
}

// TestPongPacketsDoNotPileUp checks that only one answer is queued for a peer that pings and
// does not read.
func TestPongPacketsDoNotPileUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		query, polled := f.openLegacy("&b64=1")
		f.must("POST", query, strings.Repeat("1:2", 1000), "X-Peer", "me")
		polled.s.mu.Lock()
		waiting := len(polled.s.polling.queue)
		polled.s.mu.Unlock()
		if waiting != 1 {
			t.Errorf("%d answers wait for a poll", waiting)
		}

		w := f.socket(socketQuery3)
		w.read()
		socketed := <-f.opened
		for range 1000 { // over net.Pipe the first answer waits for its reader
			w.write("2")
		}
		synctest.Wait()
		socketed.s.mu.Lock()
		waiting, answered := len(socketed.s.ws.queue), socketed.s.ws.pongPacket
		socketed.s.mu.Unlock()
		if waiting > 1 || !answered {
			t.Errorf("%d frames wait for the WebSocket, and pongPacket is %t", waiting, answered)
		}
		w.expect("3", "3")
		expectAlive(t, socketed)
	})
}
