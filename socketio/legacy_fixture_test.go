package socketio_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"

	"socketiojwt/engineio"
)

// withEIO3 admits clients of Socket.IO 1 and 2.
var withEIO3 = engineio.Options{AllowEIO3: true, Bind: func(*http.Request) string { return "the one client" }}

// legacyPeer is such a client, using long-polling.
type legacyPeer struct {
	f       *fixture
	path    string
	sid     string
	packets []string // received and not read yet
}

// pollLegacy connects. The query is empty or begins with an ampersand.
func (f *fixture) pollLegacy(query string) *legacyPeer {
	f.t.Helper()
	p := &legacyPeer{f: f, path: "/socket.io/?EIO=3&transport=polling&b64=1" + query}
	p.read(f.poll(p.path))
	open := p.packets[0]
	p.packets = p.packets[1:]
	p.sid = sidIn(open)
	p.path += "&sid=" + p.sid
	return p
}

// read parses a payload.
func (p *legacyPeer) read(payload string) {
	p.f.t.Helper()
	for payload != "" {
		digits, rest, _ := strings.Cut(payload, ":")
		length, err := strconv.Atoi(digits)
		units := utf16.Encode([]rune(rest))
		if err != nil || length > len(units) {
			p.f.t.Fatalf("payload %q", payload)
		}
		p.packets = append(p.packets, string(utf16.Decode(units[:length])))
		payload = string(utf16.Decode(units[length:]))
	}
}

func (p *legacyPeer) post(packet string) error {
	text := fmt.Sprintf("%d:%s", len(utf16.Encode([]rune(packet))), packet)
	if got := p.f.request(http.MethodPost, p.path, strings.NewReader(text)); got != "ok" {
		return errors.New(got)
	}
	return nil
}

func (p *legacyPeer) Send(text []byte) error { return p.post("4" + string(text)) }

func (p *legacyPeer) SendBinary(data []byte) error {
	return p.post("b4" + base64.StdEncoding.EncodeToString(data))
}

// Receive returns the next message, or an error with the packet that came instead.
func (p *legacyPeer) Receive(context.Context) (data []byte, binary bool, err error) {
	if len(p.packets) == 0 {
		status, text := p.f.roundTrip(http.MethodGet, p.path, nil)
		if status != http.StatusOK {
			return nil, false, errors.New(text)
		}
		p.read(text)
	}
	packet := p.packets[0]
	p.packets = p.packets[1:]
	if encoded, ok := strings.CutPrefix(packet, "b4"); ok {
		data, err = base64.StdEncoding.DecodeString(encoded)
		return data, true, err
	}
	if packet[0] != '4' {
		return nil, false, errors.New("packet " + packet)
	}
	return []byte(packet[1:]), false, nil
}

// talk sends packets ("> ") and compares the received ones ("< ").
func (p *legacyPeer) talk(lines ...string) {
	p.f.t.Helper()
	for _, line := range lines {
		packet := line[2:]
		if line[0] == '>' {
			if err := say(p, packet); err != nil {
				p.f.t.Fatalf("%s: %v", line, err)
			}
		} else if got := hear(p.f.ctx, p); got != packet {
			p.f.t.Fatalf("got %s, want %s", got, packet)
		}
	}
}
