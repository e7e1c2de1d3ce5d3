package socketio_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
)

// These tests measure what a peer without a token can make the server keep. Many connections
// perform the same act at once. When the server has read everything it accepts, the tests
// measure the heap.

const (
	actors   = 20
	newBytes = 64 << 10 // Options.MaxNewBytes
	// idleBytes is the size of a connection whatever its peer sends: buffers of net/http, a
	// session, sockets, and the test's own side.
	idleBytes = 24 << 10
)

// act is a sequence of requests and frames of a peer without a token.
type act struct {
	query   string // of each request, after the protocol's; begins with an ampersand
	path    string // after the server's path
	header  string // of each request, including the line ends
	eio     string // "4" unless set
	frames  [][]byte
	posts   []string // bodies
	jsonp   bool
	octets  bool
	slow    bool // the last POST declares more than it sends
	poll    bool // a GET waits at the end
	upgrade bool // the frames are sent on a WebSocket, in addition to the polling
}

func repeat(n int) string { return strings.Repeat("x", n) }

const mega = 900_000

// hostile returns the acts by name.
func hostile() map[string]act {
	junk := `42["authenticate",{"token":"` + repeat(mega) + `"}]`
	held := `40`                                              // "/" holds its sockets
	most := text(`42["x","` + repeat(58_000) + `"]`)[:58_000] // unterminated, and within the limit of what is kept
	tenMegas := slices.Repeat([][]byte{frame(2, true, repeat(mega))}, 10)
	var rooms, tokens, small, early []string
	for i := range 32 {
		rooms = append(rooms, fmt.Sprintf(`40/d%d,{"token":"%d%s"}`, i, i, repeat(1000)))
		tokens = append(tokens, fmt.Sprintf(`40/d%d,{"token":"%d%s"}`, i, i, repeat(50_000)))
		early = append(early, `42["say","`+repeat(50_000)+`"]`)
	}
	for range 200 {
		small = append(small, `42["authenticate",{"token":"`+repeat(4000)+`"}]`)
	}
	attachments := strings.Repeat("\x1eb"+strings.Repeat("QUJD", mega/4), 10)
	return map[string]act{
		"nothing":                           {frames: [][]byte{text(held)}},
		"nothing, by polling":               {posts: []string{held}, poll: true},
		"attachments for no namespace":      {frames: append([][]byte{text(`4510-["x"]`)}, tenMegas...)},
		"attachments for another namespace": {frames: append([][]byte{text(held), text(`4510-/d1,["x"]`)}, tenMegas...)},
		"attachments while connecting":      {frames: append([][]byte{text(`40/d1,`), text(`4510-/d1,["x"]`)}, tenMegas...)},
		"attachments while held":            {frames: append([][]byte{text(held), text(`4510-["x"]`)}, tenMegas...)},
		"small attachments while held":      {frames: append([][]byte{text(held), text(`4510-["x"]`)}, slices.Repeat([][]byte{frame(2, true, repeat(9000))}, 9)...)},
		"a binary packet's head":            {frames: [][]byte{text(held), text(`4510-["` + repeat(mega) + `"]`)}},
		"a binary acknowledgement's head":   {frames: [][]byte{text(held), text(`4610-1["` + repeat(mega) + `"]`)}},
		"a header":                          {header: "X: " + repeat(mega) + "\r\n", frames: [][]byte{text(held)}},
		"many headers":                      {header: strings.Repeat("X: y\r\n", 30_000), frames: [][]byte{text(held)}},
		"a query":                           {query: "&q=" + repeat(mega), frames: [][]byte{text(held)}},
		"a path":                            {path: repeat(mega), frames: [][]byte{text(held)}},
		"a cookie":                          {header: "Cookie: t=" + repeat(mega) + "\r\n", frames: [][]byte{text(held)}},
		// Do not send it as a query too: net/http keeps the first line of the last request of a
		// connection (in conn.lastMethod) until the next request or IdleTimeout.
		"a header, by polling":                     {header: "X: " + repeat(mega) + "\r\n", posts: []string{held}, poll: true},
		"a header below the limit":                 {header: "X: " + repeat(30_000) + "\r\n", frames: [][]byte{text(held), text(junk)}},
		"junk tokens":                              {frames: slices.Repeat([][]byte{text(junk)}, 3)},
		"junk tokens while held":                   {frames: append([][]byte{text(held)}, slices.Repeat([][]byte{text(junk)}, 3)...)},
		"small tokens while held":                  {frames: append([][]byte{text(held)}, texts(small)...)},
		"events of many arguments":                 {frames: [][]byte{text(held), text(`42["authenticate"` + strings.Repeat(",1", 25_000) + `]`), text(`42["authenticate"` + strings.Repeat(",1", 25_000) + `]`)}},
		"early events":                             {frames: append([][]byte{text(held)}, texts(early)...)},
		"one frame that does not end":              {frames: [][]byte{text(held), text(junk)[:mega/2]}},
		"one frame before CONNECT":                 {frames: [][]byte{text(junk)[:mega/2]}},
		"a frame beside a large auth payload":      {frames: [][]byte{text(`40/d1,{"token":"` + repeat(45_000) + `"}`), most}},
		"a frame beside an event":                  {frames: [][]byte{text(held), text(`42["authenticate",{"token":"` + repeat(45_000) + `"}]`), most}},
		"a WebSocket beside a POST":                {posts: []string{held, `42["x","` + repeat(58_000)}, slow: true, upgrade: true, frames: [][]byte{most}},
		"a frame that fits and does not end":       {frames: [][]byte{text(held), most}},
		"a POST that fits and does not end":        {posts: []string{held, `42["x","` + repeat(58_000)}, slow: true},
		"fragments that do not end":                {frames: append([][]byte{text(held), frame(1, false, `42["x","`)}, slices.Repeat([][]byte{frame(0, false, repeat(10_000))}, 50)...)},
		"small fragments that do not end":          {frames: append([][]byte{text(held), frame(1, false, `42["x","`)}, slices.Repeat([][]byte{frame(0, false, repeat(100))}, 1000)...)},
		"fragments of an attachment":               {frames: append([][]byte{text(held), text(`451-["x"]`), frame(2, false, "x")}, slices.Repeat([][]byte{frame(0, false, repeat(10_000))}, 50)...)},
		"dynamic namespaces":                       {frames: texts(rooms)},
		"dynamic namespaces, by polling":           {posts: []string{strings.Join(rooms, "\x1e")}, poll: true},
		"large auth payloads":                      {frames: texts(tokens)},
		"large auth payloads, by polling":          {posts: tokens, poll: true},
		"one POST of large auth payloads":          {posts: []string{strings.Join(tokens, "\x1e")}, poll: true},
		"a POST that does not end":                 {posts: []string{held, junk}, slow: true},
		"a POST of packets that does not end":      {posts: []string{held, strings.Join(early, "\x1e")}, slow: true},
		"a POST of attachments":                    {posts: []string{held, `4510-["x"]` + attachments}},
		"junk tokens by POST":                      {posts: []string{held, junk, junk, junk}, poll: true},
		"early events by POST":                     {posts: append([]string{held}, early...), poll: true},
		"a WebSocket beside the polling":           {posts: []string{held}, upgrade: true, frames: [][]byte{text(junk)[:mega/2]}},
		"fragments beside the polling":             {posts: []string{held}, upgrade: true, frames: append([][]byte{frame(1, false, "2")}, slices.Repeat([][]byte{frame(0, false, repeat(100))}, 1000)...)},
		"revision 3: nothing":                      {eio: "3", poll: true},
		"revision 3: junk tokens":                  {eio: "3", frames: slices.Repeat([][]byte{text(junk)}, 3)},
		"revision 3: attachments for no namespace": {eio: "3", frames: append([][]byte{text(`4510-/x,["x"]`)}, slices.Repeat([][]byte{frame(2, true, "\x04"+repeat(mega))}, 10)...)},
		"revision 3: attachments while held":       {eio: "3", frames: append([][]byte{text(`4510-["x"]`)}, slices.Repeat([][]byte{frame(2, true, "\x04"+repeat(mega))}, 10)...)},
		"revision 3: base64 while held":            {eio: "3", frames: append([][]byte{text(`4510-["x"]`)}, slices.Repeat([][]byte{text("b4" + strings.Repeat("QUJD", mega/4))}, 10)...)},
		"revision 3: a query of a namespace":       {eio: "3", frames: [][]byte{text(`40/d1?q=` + repeat(mega))}},
		"revision 3: queries of namespaces":        {eio: "3", frames: [][]byte{text(`40/d1?q=` + repeat(40_000)), text(`40/d2?q=` + repeat(40_000))}},
		"revision 3: junk tokens by POST":          {eio: "3", posts: slices.Repeat([]string{payload3(junk)}, 3), poll: true},
		"revision 3: a POST that does not end":     {eio: "3", posts: []string{payload3(junk)}, slow: true},
		"revision 3: attachments by POST":          {eio: "3", octets: true, posts: []string{"\x00\x09\xff4510-[\"x\"" + "\x01\x09\x00\x00\x00\x00\x01\xff\x04" + repeat(mega)}},
		"JSONP: junk tokens":                       {eio: "3", jsonp: true, posts: []string{"d=" + url.QueryEscape(payload3(junk))}, poll: true},
		"JSONP: a POST that does not end":          {eio: "3", jsonp: true, posts: []string{"d=" + url.QueryEscape(payload3(junk))}, slow: true},
	}
}

// TestPeerWithoutATokenUsesAtMost64KiB checks that the server keeps at most
// Options.MaxNewBytes for a connection without an admitted socket, whatever it sends.
func TestPeerWithoutATokenUsesAtMost64KiB(t *testing.T) {
	for name, a := range hostile() {
		t.Run(name, func(t *testing.T) {
			bus := &stubBus{}
			opts := socketio.Options{Engine: withEIO3, ClusterKey: make([]byte, 16), Bus: bus.join}
			bubble(t, opts, waiting, func(f *fixture) {
				before := heap()
				for range actors {
					f.act(a)
				}
				synctest.Wait()
				perConnection := (heap() - before) / actors
				most := newBytes + idleBytes
				if a.upgrade { // it uses two connections
					most += idleBytes
				}
				if perConnection > most {
					t.Errorf("%d bytes for each connection", perConnection)
				}
				if most := f.srv.MostKept(); most > newBytes {
					t.Errorf("%d bytes in a ledger", most)
				}
				if told := bus.told.all(); len(told) > 0 {
					t.Errorf("the bus was told of %q", told)
				}
				t.Logf("%d bytes for each connection", perConnection)
				runtime.KeepAlive(a)
				time.Sleep(2 * time.Minute) // by then all are closed
				synctest.Wait()
				if left := f.srv.Remains(); left != "" {
					t.Errorf("left: %s", left)
				}
			})
		})
	}
}

// waiting sets up a server that admits no socket: "/" holds them, and the middleware of the
// dynamic namespaces waits.
func waiting(srv *socketio.Server) {
	srv.Use(func(_ context.Context, s *socketio.Socket) error {
		err := s.Intercept("authenticate", func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
			<-ctx.Done() // for keys that never arrive
			return nil
		})
		if err != nil {
			return err
		}
		return s.Hold(socketio.HoldOptions{})
	})
	srv.OfPattern(regexp.MustCompile(`/d\d+`)).Use(func(ctx context.Context, _ *socketio.Socket) error {
		<-ctx.Done()
		return context.Cause(ctx)
	})
}

func heap() int {
	runtime.GC()
	runtime.GC() // for what pools keep
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// act performs a on a new connection, which stays open.
func (f *fixture) act(a act) {
	f.t.Helper()
	if a.eio == "" {
		a.eio = "4"
	}
	if len(a.frames) > 0 && !a.upgrade {
		f.actBySocket(a, "&transport=websocket")
		return
	}
	base := "&transport=polling"
	if a.jsonp {
		base += "&j=1"
	}
	web := f.wire()
	web.request("GET", a, base, "", 0)
	_, body := web.response()
	_, rest, _ := strings.Cut(body, `"sid":"`)
	if a.jsonp {
		_, rest, _ = strings.Cut(body, `\"sid\":\"`)
	}
	sid, _, _ := strings.Cut(rest, `"`)
	base += "&sid=" + strings.TrimSuffix(sid, `\`)
	for i, post := range a.posts {
		missing := 0
		if a.slow && i == len(a.posts)-1 {
			missing = 100_000
		}
		web.request("POST", a, base, post, missing)
		if missing == 0 {
			web.response()
		}
	}
	switch {
	case a.upgrade:
		f.actBySocket(a, "&transport=websocket&sid="+strings.TrimSuffix(sid, `\`))
	case a.poll:
		web.request("GET", a, base, "", 0)
		if status, _ := web.response(); status == http.StatusOK { // the answer to CONNECT, for example
			web.request("GET", a, base, "", 0)
		}
		_ = web.conn.SetReadDeadline(time.Time{})
		go func() { _, _ = io.Copy(io.Discard, web.r) }()
	}
}

func (f *fixture) actBySocket(a act, query string) {
	f.t.Helper()
	web := f.wire()
	a.header += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	web.request("GET", a, query, "", 0)
	if status, _ := web.response(); status != http.StatusSwitchingProtocols {
		f.t.Fatalf("status %d", status)
	}
	go func() { _, _ = io.Copy(io.Discard, web.r) }()
	for _, frame := range a.frames {
		if _, err := web.conn.Write(frame); err != nil {
			return // the connection was closed because of what it sent
		}
		synctest.Wait()
	}
}
