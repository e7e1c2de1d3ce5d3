package wire

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"socketiojwt/redisbus/internal/msgpack"
	"socketiojwt/socketio"
)

func appendPacked(text string) ([]byte, error) { return msgpack.Append(nil, []byte(text), nil) }

func fieldMap(fields []string) map[string]string {
	m := make(map[string]string)
	for pair := range slices.Chunk(fields, 2) {
		m[pair[0]] = pair[1]
	}
	return m
}

// TestShardedIsNodes decodes all that Node's sharded adapter sends, and encodes it again to the
// same bytes.
func TestShardedIsNodes(t *testing.T) {
	seen := captures(t, "sharded")
	for step, want := range recorded {
		if strings.HasPrefix(step, "emitter") || step == "to number" { // no emitter speaks this wire; the recorder did not hear the room 123
			continue
		}
		asker, node := "", ""
		for i, c := range seen[step] {
			payload := c.payload(t)
			kind := want[i].Kind
			isReply := kind == socketio.KindCount || kind == socketio.KindAnswer || kind == socketio.KindSockets || kind == socketio.KindServerSideAnswer
			if isReply {
				payload = withID(t, payload)
			}
			got, err := Sharded{UID: "u"}.Decode(want[i].Namespace, payload)
			if err != nil {
				t.Errorf("%s: %v", step, err)
				continue
			}
			sameMessage(t, step, got.Message, want[i])
			uid := uidOf(t, payload)
			if string(got.From) != uid {
				t.Errorf("%s: from %q, want %q", step, got.From, uid)
			}
			m := want[i]
			if isReply {
				if m.Request = asker; kind == socketio.KindSockets {
					continue
				}
				channel, ours, err := Sharded{UID: uid}.EncodeReply(socketio.NodeID(node), &m)
				if err != nil || channel != c.Channel || !bytes.Equal(ours, c.payload(t)) {
					t.Errorf("%s: ours replies %s on %s, %v", step, textOf(t, ours), channel, err)
				}
				continue
			}
			asker, node = got.Request, uid
			if step == "flags" {
				continue
			}
			channel, ours, err := Sharded{UID: uid}.Encode(&m)
			if err != nil || channel != c.Channel {
				t.Errorf("%s: channel %s, %v; want %s", step, channel, err, c.Channel)
				continue
			}
			sameRequest(t, step, ours, payload, uid)
			if _, err := (Sharded{UID: uid}).Decode(want[i].Namespace, payload); !errors.Is(err, ErrOwn) {
				t.Errorf("%s: own message: %v", step, err)
			}
		}
		if len(seen[step]) != len(want) {
			t.Errorf("%s: %d messages are recorded, want %d", step, len(seen[step]), len(want))
		}
	}
}

// entries are the steps whose messages Node adds to the stream, in order.
var entries = []string{"emit", "emit text", "to room", "to number", "to id", "to rooms", "volatile", "flags", "admin", "join", "leave", "disconnect"}

// TestStreamEntriesAreNodes does for entries what TestShardedIsNodes does.
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

// TestStreamRequestsAreNodes does for requests and replies what TestShardedIsNodes does.
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

func TestShardedModes(t *testing.T) {
	const id = "eSC5ssmxsiQFi66JAAAA"
	for _, c := range []struct {
		mode Mode
		to   socketio.Selector
		want string
	}{
		{Dynamic, r1, "socket.io#/#r1#"},
		{Dynamic, socketio.Selector{Rooms: []string{id}}, "socket.io#/#"},
		{Dynamic, socketio.Selector{Rooms: []string{"/n#" + id}}, "socket.io#/#/n#" + id + "#"},
		{Dynamic, socketio.Selector{Rooms: []string{strings.Repeat("😀", 10)}}, "socket.io#/#"},
		{Dynamic, socketio.Selector{Rooms: []string{strings.Repeat("é", 20)}}, "socket.io#/#"},
		{Dynamic, socketio.Selector{Rooms: []string{"r1", "r2"}}, "socket.io#/#"},
		{Dynamic, socketio.Selector{Rooms: []string{"r1"}, Except: []string{"r2"}}, "socket.io#/#r1#"},
		{DynamicPrivate, socketio.Selector{Rooms: []string{id}}, "socket.io#/#" + id + "#"},
		{Static, r1, "socket.io#/#"},
	} {
		m := event(c.to, `["x"]`)
		if channel, _, err := (Sharded{UID: "u", Mode: c.mode}).Encode(&m); err != nil || channel != c.want {
			t.Errorf("mode %d, %q: channel %s, %v; want %s", c.mode, c.to.Rooms, channel, err, c.want)
		}
		m.Request = "1"
		if channel, _, err := (Sharded{UID: "u", Mode: c.mode}).Encode(&m); err != nil || channel != "socket.io#/#" {
			t.Errorf("mode %d, %q with answers: channel %s, %v", c.mode, c.to.Rooms, channel, err)
		}
	}
}

func TestClusterHostile(t *testing.T) {
	for _, c := range []struct {
		in   string
		want error
	}{
		{`{"type":3,"nsp":"/"}`, ErrMalformed},
		{`{"type":3,"data":null,"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":3,"data":{"packet":{"type":2,"data":["x"]}},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":3,"data":{"packet":{"type":2,"data":["x"]},"opts":{"rooms":[[]]}},"uid":"x","nsp":"/"}`, ErrNobody},
		{`{"type":3,"data":{"packet":{"type":2,"data":"x"},"opts":{}},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":3,"data":{"packet":["x"],"opts":{}},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":3,"data":{"packet":{"type":2,"data":["x"],"nsp":"/y"},"opts":{}},"uid":"x","nsp":"/"}`, ErrOtherNamespace},
		{`{"type":3,"data":{"packet":{"type":2,"data":["x"]},"opts":{}},"uid":"x"}`, ErrOtherNamespace},
		{`{"type":3,"data":{"packet":{"type":2,"data":["x"]},"opts":{}},"uid":"x","nsp":"/y"}`, ErrOtherNamespace},
		{`{"type":3,"data":{"packet":{"type":0,"data":["x"]},"opts":{}},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":3,"data":{"packet":{"data":["x"]},"opts":{}},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":3,"data":{"packet":{"type":2,"data":["x"]},"opts":{"flags":{"timeout":-5}}},"uid":"x","nsp":"/"}`, nil},
		{`{"type":1,"data":{},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":13,"data":{},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":100,"data":{},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":259,"data":{"packet":{"type":2,"data":["x"]},"opts":{}},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":-1,"data":{},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":7,"data":{"opts":{}},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":11,"data":{"requestId":"y.1","clientCount":1},"uid":"x","nsp":"/"}`, ErrForeignReply},
		{`{"type":11,"data":{"requestId":"u.1","clientCount":1.5},"uid":"x","nsp":"/"}`, ErrMalformed},
		{`{"type":3,"data":{"packet":{"type":2,"data":["x"]},"opts":{}},"nsp":"/"}`, nil},
		{" {\n\"t\\u0079pe\" : 3 ,\t\"data\" : { \"packet\" : { \"type\" :2, \"data\" :[\"x\"] , \"q\":\"]}\\\"\" } , \"opts\" : { \"rooms\" : [ ] } } , \"uid\" : \"\\u0078\" , \"nsp\":\"\\/\" }\r"[1:], nil},
		{`{"nsp":"/","uid":"x","data":{"opts":{"flags":{"timeout":1e999,"volatile":1}},"packet":{"data":["x"],"type":5},"requestId":"q"},"type":3}`, nil},
	} {
		got, err := Sharded{UID: "u"}.Decode("/", []byte(c.in))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %+v, %v; want %v", c.in, got, err, c.want)
		}
		if err == nil && (got.From == "" || string(got.Data) != `["x"]` || !got.To.All || got.Volatile || got.Timeout != 0) {
			t.Errorf("%s: got %+v", c.in, got)
		}
		got2, err := Streams{UID: "u"}.Decode("/", packed(t, c.in))
		if !errors.Is(err, c.want) || got.From != got2.From || !bytes.Equal(got.Data, got2.Data) {
			t.Errorf("%s as MessagePack: got %+v, %v; want %v", c.in, got, err, c.want)
		}
	}
	// Binary data outside of the event would make clients wait for attachments that it does not have.
	in, err := msgpack.Append(nil, []byte(`{"type":3,"data":{"packet":{"type":2,"data":["x"]},"opts":{"rooms":[],"x":`+placeholder+`}},"uid":"x","nsp":"/"}`), [][]byte{{1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Sharded{UID: "u"}).Decode("/", in); !errors.Is(err, ErrMalformed) {
		t.Errorf("binary data outside of the event: %v", err)
	}
}

func TestClusterChangesHaveNoRequest(t *testing.T) {
	got, err := Sharded{UID: "u"}.Decode("/", []byte(`{"type":6,"data":{"opts":{"rooms":["a"],"flags":{"volatile":true,"timeout":5}},"requestId":"q","close":true,"go":{"retryAfter":-5}},"uid":"x","nsp":"/"}`))
	want := socketio.Message{Kind: socketio.KindDisconnect, From: "x", Namespace: "/", To: socketio.Selector{Rooms: []string{"a"}}, WholeConnection: true}
	if err != nil || !reflect.DeepEqual(got.Message, want) {
		t.Errorf("got %+v, %v", got, err)
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

// TestStreamNames has indices that Node computes.
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
