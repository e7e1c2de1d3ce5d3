package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"socketiojwt/socketio"
)

// notOurBytes are the steps in which ours sends other bytes with the same meaning: rooms that are
// numbers, further flags, and binary data that Node writes as JSON.
var notOurBytes = map[string]bool{"to number": true, "flags": true, "server side binary": true}

func decodeClassic(w Classic, c *capture, namespace string, payload []byte) (Received, error) {
	switch {
	case strings.HasPrefix(c.Channel, "socket.io-request#"):
		return w.DecodeRequest(namespace, payload)
	case strings.HasPrefix(c.Channel, "socket.io-response#"):
		return w.DecodeResponse(namespace, payload)
	}
	return w.DecodeBroadcast(namespace, payload)
}

// TestClassicIsNodes decodes all that Node's adapter and emitter send, and encodes it again to the
// same bytes.
func TestClassicIsNodes(t *testing.T) {
	seen := captures(t, "classic")
	for step, want := range recorded {
		if messages, ok := buffersAsJSON[step]; ok {
			want = messages
		}
		list := seen[step]
		if len(list) != len(want) {
			t.Fatalf("%s: %d messages are recorded, want %d", step, len(list), len(want))
		}
		uid, asker := "", ""
		for i, c := range list {
			payload := c.payload(t)
			isReply := strings.HasPrefix(c.Channel, "socket.io-response#")
			if isReply {
				payload = withID(t, payload)
			}
			got, err := decodeClassic(Classic{UID: "u"}, &c, want[i].Namespace, payload)
			if err != nil {
				t.Errorf("%s: %v", step, err)
				continue
			}
			sameMessage(t, step, got.Message, want[i])
			if isReply {
				if got.From != "" || got.Request != memberOf(t, textOf(t, payload), "requestId")[2:] {
					t.Errorf("%s: from %q, request %q", step, got.From, got.Request)
				}
				sameReply(t, step, &c, want[i], asker)
				continue
			}
			if uid = uidOf(t, payload); uid == "" {
				uid = string(NoNode)
			}
			if string(got.From) != uid {
				t.Errorf("%s: from %q, want %q", step, got.From, uid)
			}
			asker = got.Request
			if notOurBytes[step] {
				continue
			}
			m := want[i]
			channel, ours, err := Classic{UID: uid}.Encode(&m)
			if err != nil || channel != c.Channel {
				t.Errorf("%s: channel %s, %v; want %s", step, channel, err, c.Channel)
				continue
			}
			sameRequest(t, step, ours, payload, uid)
		}
	}
}

// sameReply checks that ours replies as Node does.
func sameReply(t *testing.T, step string, c *capture, m socketio.Message, asker string) {
	t.Helper()
	if m.Kind == socketio.KindSockets { // see TestSockets
		return
	}
	m.Request = asker
	channel, ours, err := Classic{UID: "x"}.EncodeReply(NoNode, &m)
	if err != nil || channel != c.Channel || !bytes.Equal(ours, c.payload(t)) {
		t.Errorf("%s: ours replies %s on %s, %v\nwant %s", step, textOf(t, ours), channel, err, textOf(t, c.payload(t)))
	}
}

func TestClassicRooms(t *testing.T) {
	list := captures(t, "classic")["rooms"]
	got, err := Classic{UID: "u"}.DecodeRequest("/", list[0].payload(t))
	if err != nil || !got.AllRooms || got.Kind != 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	channel, payload := Classic{}.EncodeRooms(&got, []string{"a", "b"})
	id, _ := Asker(got.Request)
	if want := `{"requestId":"` + id + `","rooms":["a","b"]}`; string(payload) != want || channel != "socket.io-response#/#"+string(got.From)+"#" {
		t.Errorf("got %s on %s, want %s", payload, channel, want)
	}
}

func TestClassicChannels(t *testing.T) {
	w := Classic{}
	for got, want := range map[string]string{
		w.All("/"):                             "socket.io#/#",
		w.Room("/", "r1"):                      "socket.io#/#r1#",
		w.Requests("/a"):                       "socket.io-request#/a#",
		w.Responses("/"):                       "socket.io-response#/#",
		w.ResponsesTo("/", "n-MR2D"):           "socket.io-response#/#n-MR2D#",
		Classic{Prefix: "p"}.Requests("/"):     "p-request#/#",
		Classic{Prefix: "p"}.Room("/", "a#b#"): "p#/#a#b##",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, c := range []struct {
		channel, room string
		ok            bool
	}{
		{"socket.io#/#", "", true}, {"socket.io#/#r1#", "r1", true}, {"socket.io#/#a#b##", "a#b#", true}, {"socket.io#/#r1", "", false}, {"socket.io#/x#", "", false}, {"", "", false},
	} {
		room, ok := RoomOf(c.channel, w.All("/"))
		if ok != c.ok || ok && room != c.room {
			t.Errorf("room of %s: %q, %t", c.channel, room, ok)
		}
	}
}

func TestClassicOldRequests(t *testing.T) {
	w := Classic{UID: "u"}
	one := socketio.Selector{Rooms: []string{"s1"}}
	for _, c := range []struct {
		name, in string
		want     Received
		err      error
	}{
		{"version 6 join", `{"requestId":"q","type":2,"sid":"s1","room":"r"}`,
			Received{Message: socketio.Message{Kind: socketio.KindJoin, From: NoNode, Namespace: "/", Request: "nq", To: one, Rooms: []string{"r"}}, Confirm: "s1"}, nil},
		{"version 6 leave of a number", `{"requestId":"q","type":3,"sid":"s1","room":7}`,
			Received{Message: socketio.Message{Kind: socketio.KindLeave, From: NoNode, Namespace: "/", Request: "nq", To: one, Rooms: []string{"7"}}, Confirm: "s1"}, nil},
		{"version 6 disconnect", `{"requestId":"q","type":4,"sid":"s1","close":true}`,
			Received{Message: socketio.Message{Kind: socketio.KindDisconnect, From: NoNode, Namespace: "/", Request: "nq", To: one, WholeConnection: true}, Confirm: "s1"}, nil},
		{"ids of sockets", `{"uid":"x","requestId":"q","type":0,"rooms":["a",5]}`,
			Received{Message: socketio.Message{Kind: socketio.KindFetch, From: "x", Namespace: "/", Request: "sq", To: socketio.Selector{Rooms: []string{"a", "5"}}}}, nil},
		{"rooms null", `{"uid":"x","type":4,"opts":{"rooms":null,"except":null},"close":false}`,
			Received{Message: socketio.Message{Kind: socketio.KindDisconnect, From: "x", Namespace: "/", To: everybody}}, nil},
		{"no lists", `{"uid":"x","type":2,"opts":{},"rooms":null}`,
			Received{Message: socketio.Message{Kind: socketio.KindJoin, From: "x", Namespace: "/", To: everybody}}, nil},
		{"a Go node asks", `{"uid":"x","requestId":"x.1","type":5,"opts":{"rooms":[],"except":["b"]},"go":1}`,
			Received{Message: socketio.Message{Kind: socketio.KindFetch, From: "x", Namespace: "/", Request: "gx.1", To: socketio.Selector{All: true, Except: []string{"b"}}}}, nil},
		{"join with an id", `{"uid":"x","requestId":"q","type":2,"opts":{"rooms":[],"flags":{"volatile":true,"timeout":5}},"rooms":["a"],"go":1}`,
			Received{Message: socketio.Message{Kind: socketio.KindJoin, From: "x", Namespace: "/", To: everybody, Rooms: []string{"a"}}}, nil},
		{"socket.io-redis 5", `{"requestid":"q","type":4,"sid":"s1","room":"r"}`, Received{}, ErrOld},
		{"own", `{"uid":"u","type":3,"opts":{"rooms":[]},"rooms":["r"]}`, Received{}, ErrOwn},
		{"rooms of no names", `{"uid":"x","type":4,"opts":{"rooms":[{},null,true]},"close":true}`, Received{}, ErrNobody},
		{"rooms not a list", `{"uid":"x","type":4,"opts":{"rooms":"all"},"close":true}`, Received{}, ErrMalformed},
		{"opts null and no socket", `{"uid":"x","type":4,"opts":null,"close":true}`, Received{}, ErrMalformed},
		{"opts a list", `{"uid":"x","type":4,"opts":[],"close":true}`, Received{}, ErrMalformed},
		{"fetch without id", `{"uid":"x","type":5,"opts":{"rooms":[]}}`, Received{}, ErrMalformed},
		{"fetch with a long id", `{"uid":"x","requestId":"` + strings.Repeat("q", 257) + `","type":5,"opts":{"rooms":[]}}`, Received{}, ErrMalformed},
		{"a long uid", `{"uid":"` + strings.Repeat("x", 257) + `","type":4,"opts":{}}`, Received{Message: socketio.Message{Kind: socketio.KindDisconnect, From: NoNode, Namespace: "/", To: everybody}}, nil},
		{"fetch without opts", `{"uid":"x","requestId":"q","type":5}`, Received{}, ErrMalformed},
		{"unknown type", `{"uid":"x","type":10}`, Received{}, ErrMalformed},
		{"type not a number", `{"uid":"x","type":"2"}`, Received{}, ErrMalformed},
		{"server side of no list", `{"uid":"x","type":6,"data":{"a":1}}`, Received{}, ErrMalformed},
		{"not JSON", `{"uid":`, Received{}, ErrMalformed},
		{"empty", ``, Received{}, ErrMalformed},
		{"number", "\x05", Received{}, ErrMalformed},
	} {
		got, err := w.DecodeRequest("/", []byte(c.in))
		if !errors.Is(err, c.err) || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v\nwant %+v, %v", c.name, got, err, c.want, c.err)
		}
	}
}

// TestClassicReplyChannels checks that all nodes but those of version 6 get replies on their own
// channel, except answers to server-side events, for which Node listens only to the common one.
func TestClassicReplyChannels(t *testing.T) {
	for _, c := range []struct {
		to   socketio.NodeID
		kind socketio.MessageKind
		want string
	}{
		{"x", socketio.KindCount, "socket.io-response#/#x#"},
		{"x", socketio.KindSockets, "socket.io-response#/#x#"},
		{"x", socketio.KindAnswer, "socket.io-response#/#x#"},
		{"x", socketio.KindServerSideAnswer, "socket.io-response#/#"},
		{NoNode, socketio.KindSockets, "socket.io-response#/#"},
	} {
		m := socketio.Message{Kind: c.kind, Namespace: "/", Request: "nq"}
		if channel, _, err := (Classic{UID: "u"}).EncodeReply(c.to, &m); err != nil || channel != c.want {
			t.Errorf("kind %d to %s: channel %s, %v; want %s", c.kind, c.to, channel, err, c.want)
		}
	}
}

// TestClassicServerSideBinary checks that binary data of server-side events arrives as such, in
// Node too, because those of ours are MessagePack then.
func TestClassicServerSideBinary(t *testing.T) {
	m := asked(socketio.Message{Kind: socketio.KindServerSide, Namespace: "/", Data: []byte(`["bin",` + placeholder + `]`), Attachments: [][]byte{{1, 2}}})
	_, payload, err := Classic{UID: "x"}.Encode(&m)
	if err != nil || payload[0] == '{' {
		t.Fatalf("got %q, %v", payload, err)
	}
	got, err := Classic{UID: "u"}.DecodeRequest("/", payload)
	if err != nil || got.Request != "gx.id" {
		t.Errorf("got %+v, %v", got, err)
	}
	m.Timeout = 0
	sameMessage(t, "request", got.Message, m)
	reply := answer(socketio.KindServerSideAnswer, `[`+placeholder+`]`, []byte{9})
	reply.Request = "nu.1"
	_, payload, err = Classic{UID: "x"}.EncodeReply("u", &reply)
	if err != nil || payload[0] == '{' {
		t.Fatalf("got %q, %v", payload, err)
	}
	got, err = Classic{UID: "u"}.DecodeResponse("/", payload)
	if err != nil {
		t.Error(err)
	}
	sameMessage(t, "reply", got.Message, reply)
}

func TestClassicConfirm(t *testing.T) {
	got, err := Classic{}.DecodeRequest("/", []byte(`{"requestId":"q","type":2,"sid":"s1","room":"r"}`))
	if err != nil {
		t.Fatal(err)
	}
	if channel, payload := (Classic{}).EncodeConfirm(&got); channel != "socket.io-response#/#" || string(payload) != `{"requestId":"q"}` {
		t.Errorf("got %s on %s", payload, channel)
	}
	ids := socketio.Message{Kind: socketio.KindSockets, Namespace: "/", Request: "sq", Sockets: []socketio.SocketInfo{{ID: "a"}, {ID: "b"}}}
	if channel, payload, err := (Classic{}).EncodeReply("x", &ids); err != nil || channel != "socket.io-response#/#x#" || string(payload) != `{"requestId":"q","sockets":["a","b"]}` {
		t.Errorf("got %s on %s, %v", payload, channel, err)
	}
}

// packed returns a message of Node as MessagePack. Strings of the form bin:xx become binary.
