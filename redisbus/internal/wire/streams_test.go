package wire

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"socketiojwt/socketio"
)

var entries = []string{"emit", "emit text", "to room", "to number", "to id", "to rooms", "volatile", "flags", "admin", "join", "leave", "disconnect"}

func TestStreamEntriesAreNodes(t *testing.T) {
	list := captures(t, "streams")["entry"]
	if len(list) != len(entries) {
		t.Fatalf("%d entries are recorded, want %d", len(list), len(entries))
	}
	for i, step := range entries {
		m := recorded[step][0]
		got, err := Streams{UID: "u"}.DecodeEntry(list[i].Fields)
		if err != nil {
			t.Errorf("%s: %v", step, err)
			continue
		}
		sameMessage(t, step, got.Message, m)
		uid := list[i].Fields["uid"]
		if string(got.From) != uid || !(Streams{}).InStream(&m) {
			t.Errorf("%s: from %q", step, got.From)
		}
		if _, err := (Streams{UID: uid}).DecodeEntry(list[i].Fields); !errors.Is(err, ErrOwn) {
			t.Errorf("%s: own entry: %v", step, err)
		}
		if step == "to number" || step == "flags" {
			continue
		}
		fields, err := Streams{UID: uid}.Entry(&m)
		if err != nil {
			t.Errorf("%s: %v", step, err)
			continue
		}
		for name, value := range fieldMap(fields) {
			if value != list[i].Fields[name] {
				t.Errorf("%s: %s is %s, want %s", step, name, value, list[i].Fields[name])
			}
		}
	}
}

func TestStreamRequestsAreNodes(t *testing.T) {
	seen := captures(t, "streams")
	for _, step := range []string{"ack", "ack binary", "ack empty", "fetch", "server side", "server side ack", "server side binary", "server side placeholder"} {
		asker, node := "", ""
		for i, c := range seen[step] {
			payload := c.payload(t)
			m := recorded[step][i]
			if i > 0 {
				payload = withID(t, payload)
			}
			got, err := Streams{UID: "u"}.Decode("/", payload)
			if err != nil {
				t.Errorf("%s: %v", step, err)
				continue
			}
			if step == "ack empty" && i == 2 {
				m.Data = []byte("[null]") // @msgpack/msgpack writes undefined as null
			}
			sameMessage(t, step, got.Message, m)
			uid := uidOf(t, payload)
			if i > 0 {
				if m.Request = asker; m.Kind == socketio.KindSockets {
					continue
				}
				channel, ours, err := Streams{UID: uid}.EncodeReply(socketio.NodeID(node), &m)
				if err != nil || channel != c.Channel || !bytes.Equal(ours, c.payload(t)) {
					t.Errorf("%s: ours replies %s on %s, %v", step, textOf(t, ours), channel, err)
				}
				continue
			}
			asker, node = got.Request, uid
			channel, ours, err := Streams{UID: uid}.Encode(&m)
			if err != nil || channel != c.Channel || ours[0] == '{' {
				t.Errorf("%s: channel %s, %v; want %s", step, channel, err, c.Channel)
				continue
			}
			sameRequest(t, step, ours, payload, uid)
			if _, err := (Streams{UID: uid}).Decode("/", payload); !errors.Is(err, ErrOwn) {
				t.Errorf("%s: own message: %v", step, err)
			}
		}
	}
}

func TestStreamsHostileEntries(t *testing.T) {
	data := `{"packet":{"type":2,"data":["x"]},"opts":{"rooms":[]}}`
	for _, c := range []struct {
		uid, nsp, kind, data string
		want                 error
	}{
		{"x", "/", "3", data, nil},
		{"", "/", "3", data, nil},
		{"u", "/", "3", data, ErrOwn},
		{"x", "", "3", data, ErrMalformed},
		{"x", "/\xff", "3", data, ErrMalformed},
		{"\xff", "/", "3", data, ErrMalformed},
		{"x", "/", "", data, ErrMalformed},
		{"x", "/", "03x", data, ErrMalformed},
		{"x", "/", "3", "", ErrMalformed},
		{"x", "/", "3", "*", ErrMalformed},
		{"x", "/", "3", "gqZw", ErrMalformed},
		{"x", "/", "3", strings.Replace(data, `"opts"`, `"requestId":"q","opts"`, 1), ErrMalformed},
		{"x", "/", "7", `{"opts":{},"requestId":"q"}`, ErrMalformed},
		{"x", "/", "11", `{"requestId":"u.1","clientCount":1}`, ErrMalformed},
	} {
		got, err := Streams{UID: "u"}.DecodeEntry(map[string]string{"uid": c.uid, "nsp": c.nsp, "type": c.kind, "data": c.data})
		if !errors.Is(err, c.want) || err == nil && got.From == "" {
			t.Errorf("%+v: got %+v, %v", c, got, err)
		}
	}
	if _, err := (Streams{UID: "u"}).DecodeEntry(nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("an entry without fields: %v", err)
	}
}

func TestStreamNames(t *testing.T) {
	if got := (Streams{}).Stream("/notifications"); got != "socket.io" {
		t.Errorf("one stream: %s", got)
	}
	for namespace, want := range map[string]string{"/": "socket.io-3", "/notifications": "socket.io-3", "/chat": "socket.io-3", "/😀": "socket.io-2"} {
		if got := (Streams{Count: 4}).Stream(namespace); got != want {
			t.Errorf("stream of %s: %s, want %s", namespace, got, want)
		}
	}
	if got, want := (Streams{Prefix: "p", Count: 3}).ReadNames(), []string{"p-0", "p-1", "p--1", "p-2", "p--2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (Streams{Count: 1}).ReadNames(); !slices.Equal(got, []string{"socket.io"}) {
		t.Errorf("got %q", got)
	}
}
