package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// asTheForkSent has the refusals of @thream/socketio-jwt 3.1.4, with the exact data.
var asTheForkSent = []struct{ name, payload, message, data string }{
	{
		"no token", `{}`, "no token provided",
		`{"message":"no token provided","code":"credentials_required","type":"UnauthorizedError"}`,
	},
	{
		"badly written", `{"token":"Bearer one two"}`, "Format is Authorization: Bearer [token]",
		`{"message":"Format is Authorization: Bearer [token]","code":"credentials_bad_format","type":"UnauthorizedError"}`,
	},
	{
		"bad token", `{"token":"Bearer a.b.c"}`, threamText,
		`{"message":"` + threamText + `","code":"invalid_token","type":"UnauthorizedError"}`,
	},
}

// exact configures a gate whose refusals have exactly the data of the fork.
var exact = auth.Options{ThreamTexts: true, OmitReasonAndID: true}

func TestOmitReasonAndID(t *testing.T) {
	for _, sent := range asTheForkSent {
		byEvent := fmt.Sprintf(`["unauthorized",{"message":%q,"inner":{"message":%q},"data":%s}]`, sent.message, sent.message, sent.data)
		t.Run(sent.name+", handshake", func(t *testing.T) {
			bubble(t, setup{gate: exact}, func(f *fixture) {
				var w wire
				if _, err := f.try(sockettest.Options{Auth: json.RawMessage(sent.payload), Trace: w.trace}); err == nil {
					t.Fatal("admitted")
				}
				w.want(t, fmt.Sprintf(`4{"message":%q,"data":%s}`, sent.message, sent.data))
				f.logsRefusal()
			})
		})
		t.Run(sent.name+", event", func(t *testing.T) {
			bubble(t, setup{gate: exact, event: true, mode: auth.EventOptions{Grace: -1}}, func(f *fixture) {
				var w wire
				p := f.dial(sockettest.Options{Trace: w.trace})
				_ = p.SendRaw(`2["authenticate",` + sent.payload + `]`)
				f.ended(p, sockettest.ErrDisconnected, 0)
				w.want(t, `0{"sid":"*"}`, "20"+byEvent, "1")
				f.logsRefusal()
			})
		})
		t.Run(sent.name+", event, EIO 3", func(t *testing.T) {
			bubble(t, setup{server: anyEIO3(), gate: exact, event: true, mode: auth.EventOptions{Grace: -1}}, func(f *fixture) {
				p := f.poll3("")
				p.want("40")
				p.post(`42["authenticate",` + sent.payload + `]`)
				p.want("420"+byEvent, "41")
			})
		})
	}
	// Clients of 1.x and 2.x show the token in the URL, where every text has the form of a token.
	for query, data := range map[string]string{"": asTheForkSent[0].data, "&token=a.b.c": asTheForkSent[2].data} {
		t.Run("handshake, EIO 3"+query, func(t *testing.T) {
			gate := exact
			gate.Sources = []auth.Source{auth.FromQuery("token"), auth.FromAuth("token")}
			bubble(t, setup{server: anyEIO3(), gate: gate}, func(f *fixture) {
				f.poll3(query).want("44" + data)
				f.logsRefusal()
			})
		})
	}
}

// OmitReasonAndID does not depend on ThreamTexts, and covers every place where a peer is
// refused. The members of temporary refusals stay, because clients need them to reconnect.
func TestOmitReasonAndIDEverywhere(t *testing.T) {
	gate := auth.Options{OmitReasonAndID: true}
	const expired = `{"message":"jwt expired","code":"invalid_token","type":"UnauthorizedError"}`
	bubble(t, setup{gate: gate}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute))})
		var told struct{ Data json.RawMessage }
		f.expect(p, "unauthorized", &told)
		if string(told.Data) != expired {
			t.Errorf("at the end of the lease: %s", told.Data)
		}
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header.Set("Authorization", "Bearer "+expiring(-time.Minute))
		w := httptest.NewRecorder()
		f.gate.HTTP(http.NotFoundHandler()).ServeHTTP(w, request)
		if w.Body.String() != expired {
			t.Errorf("by HTTP: %s", w.Body)
		}
	})
	bubble(t, setup{gate: gate, event: true, mode: auth.EventOptions{Grace: -1, Attempts: 2}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		var told struct{ Data json.RawMessage }
		f.emit(p, "authenticate", bearing(expiring(-time.Minute)))
		f.expect(p, "unauthorized", &told)
		if string(told.Data) != expired {
			t.Errorf("at the first attempt: %s", told.Data)
		}
	})
	gate.Authorize = auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
		return &auth.Error{Message: "busy", Code: "busy", Reason: "busy", Temporary: true, RetryAfter: 3 * time.Second}
	})
	bubble(t, setup{gate: gate, furnish: func(f *fixture) { f.srv.Of("/open").Open() }}, func(f *fixture) {
		open := f.dial(sockettest.Options{Namespace: "/open"}) // keeps the connection open, so that CONNECT_ERROR can be sent
		_, err := open.Join(f.ctx, "/", bearing(sign(nil)))
		var told *sockettest.ConnectError
		if !errors.As(err, &told) {
			t.Fatalf("got %v, want CONNECT_ERROR", err)
		}
		const want = `{"message":"busy","code":"busy","type":"UnauthorizedError","temporary":true,"retryAfter":3}`
		if data := string(told.Data); data != want {
			t.Errorf("told %s, want %s", data, want)
		}
	})
}

// logsRefusal checks that the log has the reason and the ID that the peer did not get.
func (f *fixture) logsRefusal() {
	f.t.Helper()
	if log := f.log.String(); !reasonAndID.MatchString(log) {
		f.t.Errorf("no reason and id in the log:\n%s", log)
	}
}

var reasonAndID = regexp.MustCompile(`id=[\w-]{12} reason=token_`)

func anyEIO3() socketio.Options {
	return socketio.Options{Engine: engineio.Options{AllowEIO3: true, Bind: func(*http.Request) string { return "the one client" }}}
}

// peer3 is a client of Engine.IO 3 by long-polling.
type peer3 struct {
	f        *fixture
	client   *http.Client
	url      string
	received string // the payload that is not read yet
}

// poll3 opens a connection. The query is empty, or begins with an ampersand.
func (f *fixture) poll3(query string) *peer3 {
	f.t.Helper()
	transport := &http.Transport{DialContext: f.in.Dial}
	f.t.Cleanup(transport.CloseIdleConnections)
	p := &peer3{f: f, client: &http.Client{Transport: transport}, url: "http://server/socket.io/?EIO=3&transport=polling&b64=1" + query}
	p.received = p.request(http.MethodGet, "")
	sid := sidIn.FindStringSubmatch(p.next())
	if sid == nil {
		f.t.Fatal("the first packet is not OPEN")
	}
	p.url += "&sid=" + sid[1]
	return p
}

var sidIn = regexp.MustCompile(`"sid":"([^"]+)"`)

func (p *peer3) request(method, body string) string {
	p.f.t.Helper()
	r, err := http.NewRequestWithContext(p.f.ctx, method, p.url, strings.NewReader(body))
	if err != nil {
		p.f.t.Fatal(err)
	}
	response, err := p.client.Do(r)
	if err != nil {
		p.f.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		p.f.t.Fatalf("%s: %s %s %v", method, response.Status, text, err)
	}
	return string(text)
}

func (p *peer3) post(packet string) {
	p.f.t.Helper()
	p.request(http.MethodPost, fmt.Sprintf("%d:%s", len(packet), packet)) // the packet is ASCII
}

// next returns the next packet.
func (p *peer3) next() string {
	p.f.t.Helper()
	if p.received == "" {
		p.received = p.request(http.MethodGet, "")
	}
	digits, rest, _ := strings.Cut(p.received, ":")
	length, err := strconv.Atoi(digits)
	if err != nil || length > len(rest) {
		p.f.t.Fatalf("received %q", p.received)
	}
	p.received = rest[length:]
	return rest[:length]
}

// want compares the next packets.
func (p *peer3) want(want ...string) {
	p.f.t.Helper()
	for _, packet := range want {
		if got := p.next(); got != packet {
			p.f.t.Errorf("received %s, want %s", got, packet)
		}
	}
}
