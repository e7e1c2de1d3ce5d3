package engineio

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// answerCase is a request that is refused, with our response and that of the Node server
// (engine.io 6.6, captured). If they differ, why is the reason.
type answerCase struct {
	name    string
	method  string // GET if empty
	query   string // SID stands for the ID of a session that polls
	headers string // lines
	body    string

	status      int
	contentType string
	answer      string
	closes      bool // the connection

	nodeStatus int    // zero where it is ours
	nodeAnswer string // "-" where it is empty, empty where it is ours
	why        string
}

const (
	asJSON = "application/json"
	asHTML = "text/html"

	// Reasons for a difference. docs/from-node.md lists them.
	namesTheMistake = "an error always names itself"
	clientsMistake  = "it is the client's mistake, not the server's"
	acceptsFirst    = "the Node server opens a WebSocket first, and then writes its error into it"
	keepsStatus     = "a refusal has the same status on each transport"
	sayVersion      = "RFC 6455, section 4.2.2"
	notTwice        = "RFC 6455, section 4.1: a server without the draft of version 8"
	noContent       = "a body that nobody reads is a way to smuggle requests"
	tellsTheClient  = "the client learns that its packets were not taken"
	originRefused   = "a foreign origin is refused, not only kept from reading"
)

// TestAnswersBesideNode compares the responses to refused requests with those of the Node
// server.
var answers = []answerCase{
	{name: "no transport", query: "EIO=4", status: 400, contentType: asJSON, answer: `{"code":0,"message":"Transport unknown"}`},
	{name: "unknown transport", query: "EIO=4&transport=abc", status: 400, contentType: asJSON, answer: `{"code":0,"message":"Transport unknown"}`},
	{name: "unknown transport, upgrade", query: "EIO=4&transport=abc", headers: upgradeLines, status: 400, contentType: asHTML, answer: "Transport unknown", closes: true},
	{name: "unknown session", query: pollingQuery + "&sid=zzz", status: 400, contentType: asJSON, answer: unknownSession},
	{name: "unknown session, POST", method: "POST", query: pollingQuery + "&sid=zzz", body: "4x", status: 400, contentType: asJSON, answer: unknownSession},
	{name: "unknown session, upgrade", query: socketQuery + "&sid=zzz", headers: upgradeLines, status: 400, contentType: asHTML, answer: "Session ID unknown", closes: true},
	{name: "POST handshake", method: "POST", query: pollingQuery, body: "x", status: 400, contentType: asJSON, answer: `{"code":2,"message":"Bad handshake method"}`},
	{name: "HEAD handshake", method: "HEAD", query: pollingQuery, status: 400, contentType: asJSON},
	{name: "websocket without upgrade", query: socketQuery, status: 400, contentType: asJSON, answer: badRequest},
	{name: "websocket without upgrade, session", query: socketQuery + "&sid=SID", status: 400, contentType: asJSON, answer: badRequest},
	{name: "polling with upgrade", query: pollingQuery, headers: upgradeLines, status: 400, contentType: asHTML, answer: "Bad request", closes: true, nodeStatus: 101, why: acceptsFirst},
	{name: "no EIO", query: "transport=polling", status: 400, contentType: asJSON, answer: `{"code":5,"message":"Unsupported protocol version"}`},
	{name: "no EIO, upgrade", query: "transport=websocket", headers: upgradeLines, status: 400, contentType: asHTML, answer: "Unsupported protocol version", closes: true, nodeStatus: 101, why: acceptsFirst},
	{name: "refused by Allow", query: pollingQuery, headers: "X-Refuse: yes\r\n", status: 403, contentType: asJSON, answer: `{"code":4,"message":"no entry"}`},
	{name: "refused by Allow, upgrade", query: socketQuery, headers: "X-Refuse: yes\r\n" + upgradeLines, status: 403, contentType: asHTML, answer: "no entry", closes: true, nodeStatus: 400, why: keepsStatus},
	{name: "no key", query: socketQuery, headers: strings.Replace(upgradeLines, "Key", "None", 1), status: 400, contentType: asHTML, answer: "Missing or invalid Sec-WebSocket-Key header", closes: true},
	{name: "no version", query: socketQuery, headers: strings.Replace(upgradeLines, "Version", "None", 1), status: 400, contentType: asHTML, answer: "Missing or invalid Sec-WebSocket-Version header", closes: true},
	{name: "version 7", query: socketQuery, headers: strings.Replace(upgradeLines, "13", "7", 1), status: 426, contentType: asHTML, answer: "Missing or invalid Sec-WebSocket-Version header", closes: true, nodeStatus: 400, why: sayVersion},
	{name: "version 8", query: socketQuery, headers: strings.Replace(upgradeLines, "13", "8", 1), status: 426, contentType: asHTML, answer: "Missing or invalid Sec-WebSocket-Version header", closes: true, nodeStatus: 101, why: notTwice},
	{name: "subprotocols", query: socketQuery, headers: "Sec-WebSocket-Protocol: a, a\r\n" + upgradeLines, status: 400, contentType: asHTML, answer: "Invalid Sec-WebSocket-Protocol header", closes: true},
	{name: "PUT", method: "PUT", query: pollingQuery + "&sid=SID", status: 400, contentType: asJSON, answer: badRequest, nodeStatus: 500, nodeAnswer: "-", why: clientsMistake},
	{name: "HEAD", method: "HEAD", query: pollingQuery + "&sid=SID", status: 400, contentType: asJSON, nodeStatus: 500, why: clientsMistake},
	{name: "GET with a body", query: pollingQuery + "&sid=SID", body: "abc", status: 400, contentType: asJSON, answer: badRequest, nodeStatus: 200, why: noContent},
	{name: "POST too large", method: "POST", query: pollingQuery + "&sid=SID", body: "4" + strings.Repeat("x", 1000), status: 413, closes: true},
	{name: "POST too large, in chunks", method: "POST", query: pollingQuery + "&sid=SID", headers: "Transfer-Encoding: chunked\r\n", body: "3e9\r\n4" + strings.Repeat("x", 1000) + "\r\n0\r\n\r\n", status: 413, closes: true},
	{name: "POST that is no payload", method: "POST", query: pollingQuery + "&sid=SID", body: "abc", status: 400, contentType: asJSON, answer: badRequest, nodeStatus: 200, nodeAnswer: "ok", why: tellsTheClient},
	{name: "POST of bytes", method: "POST", query: pollingQuery + "&sid=SID", headers: "Content-Type: application/octet-stream\r\n", body: "4x", status: 400, contentType: asJSON, answer: badRequest, nodeAnswer: "-", why: namesTheMistake},
	{name: "second poll", query: pollingQuery + "&sid=POLLED", status: 400, contentType: asJSON, answer: badRequest, nodeAnswer: "-", why: namesTheMistake},
	{name: "foreign origin", query: pollingQuery, headers: "Origin: https://evil.example\r\n", status: 403, contentType: asJSON, answer: `{"code":4,"message":"Forbidden"}`, nodeStatus: 200, why: originRefused},
	{name: "foreign origin, preflight", method: "OPTIONS", query: pollingQuery, headers: "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n", status: 403, contentType: asJSON, answer: `{"code":4,"message":"Forbidden"}`, nodeStatus: 204, why: originRefused},
}

func TestAnswersBesideNode(t *testing.T) {
	f := newTCP(t, Options{MaxPayload: 1000, Allow: func(r *http.Request) error {
		if r.Header.Get("X-Refuse") != "" {
			return &RefusedError{Message: "no entry"}
		}
		return nil
	}}, nil)
	for _, tc := range answers {
		t.Run(tc.name, func(t *testing.T) {
			query, c := f.open()
			if strings.Contains(tc.query, "POLLED") {
				f.background("GET", query, "")
				for waiting := false; !waiting; time.Sleep(time.Millisecond) {
					c.s.mu.Lock()
					waiting = c.s.polling.waiting != nil
					c.s.mu.Unlock()
				}
			}
			if tc.method == "" {
				tc.method = "GET"
			}
			if tc.body != "" && !strings.Contains(tc.headers, "chunked") {
				tc.headers += "Content-Length: " + strconv.Itoa(len(tc.body)) + "\r\n"
			}
			conn := f.raw()
			conn.send(tc.method + " /engine.io/?" + strings.NewReplacer("SID", c.s.ID(), "POLLED", c.s.ID()).Replace(tc.query) + " HTTP/1.1\r\nHost: x\r\n" + tc.headers + "\r\n" + tc.body)
			a := conn.response(tc.method)
			if a.status != tc.status || a.body != tc.answer {
				t.Errorf("%d %q, want %d %q", a.status, a.body, tc.status, tc.answer)
			}
			for name, want := range map[string]string{
				"Content-Type": tc.contentType, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
				"Transfer-Encoding": "", "Retry-After": "", "Set-Cookie": "", "Server": "",
			} {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if closes := hasToken(a.header.Values("Connection"), "close"); closes != tc.closes {
				t.Errorf("the connection closes: %t, want %t", closes, tc.closes)
			}
			if differs := tc.nodeStatus != 0 || tc.nodeAnswer != ""; differs != (tc.why != "") {
				t.Error("a difference needs a reason, and a reason a difference")
			}
		})
	}
}

// TestBusyServerSaysWhenToComeBack checks that a response with status 503 has a
// Retry-After.
func TestBusyServerSaysWhenToComeBack(t *testing.T) {
	f := newTCP(t, Options{MaxSessions: 1}, nil)
	_, c := f.open()
	a := f.must("GET", pollingQuery, "")
	if a.status != 503 || a.header.Get("Retry-After") == "" || a.body != `{"code":4,"message":"Service unavailable"}` {
		t.Errorf("%d %q %v", a.status, a.body, a.header)
	}
	_, err := f.trySocket(socketQuery)
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Status != 503 {
		t.Errorf("websocket: %v", err)
	}
	expectAlive(t, c)
}
