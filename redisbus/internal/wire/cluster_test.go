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
// TestStreamEntriesAreNodes does for entries what TestShardedIsNodes does.
// TestStreamRequestsAreNodes does for requests and replies what TestShardedIsNodes does.
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

// TestStreamNames has indices that Node computes.
