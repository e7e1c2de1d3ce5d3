package wire

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"socketiojwt/redisbus/internal/msgpack"
	"socketiojwt/socketio"
)

// TestSockets reads the descriptions that Node sends on each wire.
func TestSockets(t *testing.T) {
	decoders := map[string]func(namespace string, payload []byte) (Received, error){
		"classic": Classic{UID: "u"}.DecodeResponse, "sharded": Sharded{UID: "u"}.Decode, "streams": Streams{UID: "u"}.Decode,
	}
	for wire, decode := range decoders {
		reply := captures(t, wire)["fetch"][1]
		payload := withID(t, reply.payload(t))
		got, err := decode("/", payload)
		if err != nil || len(got.Sockets) != 1 {
			t.Errorf("%s: got %+v, %v", wire, got, err)
			continue
		}
		s := got.Sockets[0]
		if len(s.ID) != 20 || !reflect.DeepEqual(s.Rooms, []string{s.ID, "r1", "r6"}) || string(s.Data) != `{"n":1}` {
			t.Errorf("%s: got %+v", wire, s)
		}
		h := s.Handshake
		if h.RemoteAddr != "127.0.0.1" || !strings.HasPrefix(h.Host, "127.0.0.1:") || h.Path != "/socket.io/" || h.TLS || h.Protocol != 4 || h.Time.Year() != 2026 {
			t.Errorf("%s: got %+v", wire, h)
		}
		if written, err := json.Marshal(got.Message); err != nil || strings.Contains(string(written), "tok1") {
			t.Errorf("%s: the token of Node's socket was read: %s, %v", wire, written, err)
		}
	}
}

// TestSocketsAreNodes checks that a description has the members that Node's has, and no secret.
func TestSocketsAreNodes(t *testing.T) {
	info := socketio.SocketInfo{
		ID: "s1", Rooms: []string{"s1", "r"}, Data: json.RawMessage(`{"name":"é"}`),
		Handshake: socketio.HandshakeInfo{RemoteAddr: "127.0.0.1:1234", Origin: "https://a.example", Host: "b.example", Path: "/socket.io/", TLS: true, Protocol: 4, Time: time.UnixMilli(1795790194236)},
	}
	m := socketio.Message{Kind: socketio.KindSockets, Namespace: "/", Request: "nq", Sockets: []socketio.SocketInfo{info, {ID: "s2"}}}
	_, payload, err := Classic{UID: "u"}.EncodeReply("x", &m)
	want := `{"requestId":"q","sockets":[{"id":"s1","handshake":{"headers":{"host":"b.example","origin":"https://a.example"},` +
		`"time":"Fri Nov 27 2026 14:36:34 GMT+0000 (Coordinated Universal Time)","address":"127.0.0.1","xdomain":true,"secure":true,"issued":1795790194236,` +
		`"url":"/socket.io/","query":{},"auth":{}},"rooms":["s1","r"],"data":{"name":"é"}},`
	if err != nil || !strings.HasPrefix(string(payload), want) || !json.Valid(payload) {
		t.Errorf("got %s, %v\nwant %s", payload, err, want)
	}
	got, err := Classic{UID: "q"}.DecodeResponse("/", []byte(strings.Replace(string(payload), `"q"`, `"q.1"`, 1)))
	info.Handshake.Protocol = 0 // is in the query, which is empty
	info.Handshake.RemoteAddr = "127.0.0.1"
	if err != nil || !reflect.DeepEqual(got.Sockets[0], info) {
		t.Errorf("got %+v, %v\nwant %+v", got.Sockets[0], err, info)
	}

	// The members are those of Node.
	node := captures(t, "classic")["fetch"][1]
	if got, want := memberNames(t, payload), memberNames(t, node.payload(t)); !reflect.DeepEqual(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
	for name, encode := range map[string]func(socketio.NodeID, *socketio.Message) (string, []byte, error){"sharded": Sharded{UID: "u"}.EncodeReply, "streams": Streams{UID: "u"}.EncodeReply} {
		_, other, err := encode("x", &m)
		if err != nil || !strings.Contains(textOf(t, other), want[len(`{"requestId":"q",`):]) {
			t.Errorf("%s: got %s, %v", name, textOf(t, other), err)
		}
	}
}

// memberNames returns the names of the members of the first socket's handshake.
func memberNames(t *testing.T, payload []byte) map[string]bool {
	t.Helper()
	var reply struct{ Sockets []map[string]json.RawMessage }
	if err := json.Unmarshal(payload, &reply); err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	var handshake map[string]json.RawMessage
	if err := json.Unmarshal(reply.Sockets[0]["handshake"], &handshake); err != nil {
		t.Fatal(err)
	}
	for name := range reply.Sockets[0] {
		names[name] = true
	}
	for name := range handshake {
		names["handshake."+name] = true
	}
	return names
}

func TestAddressesHaveNoPort(t *testing.T) {
	for in, want := range map[string]string{"127.0.0.1:80": "127.0.0.1", "[::1]:80": "::1", "[fe80::1%eth0]:80": "fe80::1%eth0", "127.0.0.1": "127.0.0.1", "::1": "::1", "@": "@", "": ""} {
		if got := withoutPort(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestSocketsHostile(t *testing.T) {
	in := `{"requestId":"u.1","sockets":[null,5,{},{"id":""},{"id":"a","handshake":5,"rooms":"x","data":[1]},` +
		`{"id":7,"handshake":{"headers":null,"url":"%zz","issued":"x","address":{},"query":{"EIO":{}}},"rooms":[1,null,"b"],"data":null},{"id":"c","handshake":{"headers":[]}}]}`
	got, err := Classic{UID: "u"}.DecodeResponse("/", []byte(in))
	want := []socketio.SocketInfo{{ID: "a"}, {ID: "7", Rooms: []string{"1", "b"}}, {ID: "c"}}
	if err != nil || !reflect.DeepEqual(got.Sockets, want) {
		t.Errorf("got %+v, %v\nwant %+v", got.Sockets, err, want)
	}
}

// TestSocketsBinaryData checks that binary values of a socket's data are read as base64, because
// SocketInfo has no attachments.
func TestSocketsBinaryData(t *testing.T) {
	in, err := msgpack.Append(nil, []byte(`{"type":8,"data":{"requestId":"u.1","sockets":[{"id":"a","data":{"b":`+placeholder+`}}]},"uid":"x","nsp":"/"}`), [][]byte{{3, 4}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Sharded{UID: "u"}.Decode("/", in)
	if err != nil || len(got.Sockets) != 1 || string(got.Sockets[0].Data) != `{"b":"AwQ="}` || got.Attachments != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}
