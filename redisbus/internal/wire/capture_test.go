package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"socketiojwt/redisbus/internal/msgpack"
	"socketiojwt/socketio"
)

// A capture is a message that testdata/capture.mjs has recorded.
type capture struct {
	Step, Channel, JSON, Hex string
	Fields                   map[string]string // of an entry of a stream
}

func (c *capture) payload(t testing.TB) []byte {
	if c.JSON != "" {
		return []byte(c.JSON)
	}
	b, err := hex.DecodeString(c.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// captures returns the recorded messages of a wire by step.
func captures(t testing.TB, wire string) map[string][]capture {
	t.Helper()
	data, err := os.ReadFile("testdata/" + wire + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	steps := make(map[string][]capture)
	for line := range bytes.Lines(data) {
		var c capture
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		steps[c.Step] = append(steps[c.Step], c)
	}
	return steps
}

const namespace = "/"

var (
	everybody   = socketio.Selector{All: true}
	r1          = socketio.Selector{Rooms: []string{"r1"}}
	placeholder = `{"_placeholder":true,"num":0}`
)

func event(to socketio.Selector, data string, attachments ...[]byte) socketio.Message {
	return socketio.Message{Kind: socketio.KindBroadcast, Namespace: namespace, To: to, Data: []byte(data), Attachments: attachments}
}

func asked(m socketio.Message) socketio.Message {
	m.Request = "id"
	if m.Kind == socketio.KindBroadcast {
		m.Timeout = time.Second
	}
	return m
}

func answer(kind socketio.MessageKind, data string, attachments ...[]byte) socketio.Message {
	m := socketio.Message{Kind: kind, Namespace: namespace, Request: "id", Attachments: attachments}
	if data != "" {
		m.Data = []byte(data)
	}
	return m
}

func in(m socketio.Message, namespace string) socketio.Message {
	m.Namespace = namespace
	return m
}

func volatile(m socketio.Message) socketio.Message {
	m.Volatile = true
	return m
}

var (
	oneSocket = socketio.Message{Kind: socketio.KindCount, Namespace: namespace, Request: "id", Count: 1}
	described = answer(socketio.KindSockets, "") // Sockets are compared by TestSockets
	hello     = socketio.Message{Kind: socketio.KindServerSide, Namespace: namespace, Data: []byte(`["hello","w"]`)}
)

// recorded are the messages of the steps of testdata/capture.mjs. The Request of each is "id".
var recorded = map[string][]socketio.Message{
	"emit":                    {event(everybody, `["test",1,"2",`+placeholder+`]`, []byte{3, 4})},
	"emit text":               {event(everybody, `["test","é",{"a":[1.5,null]}]`)},
	"to room":                 {event(r1, `["x"]`)},
	"to number":               {event(socketio.Selector{Rooms: []string{"123"}}, `["x"]`)},
	"to id":                   {event(socketio.Selector{Rooms: []string{"eSC5ssmxsiQFi66JAAAA"}}, `["x"]`)},
	"to rooms":                {event(socketio.Selector{Rooms: []string{"r1", "r2"}, Except: []string{"r3"}}, `["x"]`)},
	"volatile":                {volatile(event(everybody, `["x"]`))},
	"flags":                   {volatile(event(everybody, `["x"]`))},
	"admin":                   {in(event(everybody, `["x"]`), "/admin")},
	"ack":                     {asked(event(r1, `["q","a"]`)), oneSocket, answer(socketio.KindAnswer, `["answer1"]`)},
	"ack binary":              {asked(event(everybody, `["qb",`+placeholder+`]`, []byte{7})), oneSocket, answer(socketio.KindAnswer, `[`+placeholder+`]`, []byte{1, 2, 1})},
	"ack empty":               {asked(event(everybody, `["q0"]`)), oneSocket, answer(socketio.KindAnswer, "")},
	"join":                    {{Kind: socketio.KindJoin, Namespace: namespace, To: socketio.Selector{Rooms: []string{"r1"}, Except: []string{"r3"}}, Rooms: []string{"r5", "r6"}}},
	"leave":                   {{Kind: socketio.KindLeave, Namespace: namespace, To: r1, Rooms: []string{"r5"}}},
	"fetch":                   {asked(socketio.Message{Kind: socketio.KindFetch, Namespace: namespace, To: r1}), described},
	"server side":             {hello},
	"server side ack":         {asked(hello), answer(socketio.KindServerSideAnswer, `["hi from w"]`)},
	"server side binary":      {asked(socketio.Message{Kind: socketio.KindServerSide, Namespace: namespace, Data: []byte(`["bin",` + placeholder + `]`), Attachments: [][]byte{{1, 2}}}), answer(socketio.KindServerSideAnswer, `[`+placeholder+`]`, []byte{9})},
	"server side placeholder": {{Kind: socketio.KindServerSide, Namespace: namespace, Data: []byte(`["none",` + placeholder + `]`)}},
	"disconnect":              {{Kind: socketio.KindDisconnect, Namespace: namespace, To: socketio.Selector{Rooms: []string{"r9"}}, WholeConnection: true}},

	"emitter emit":        {event(everybody, `["e",1]`)},
	"emitter binary":      {event(everybody, `["e",`+placeholder+`,{"a":1.5}]`, []byte{1})},
	"emitter room":        {event(r1, `["e"]`)},
	"emitter rooms":       {volatile(event(socketio.Selector{Rooms: []string{"r1", "r2"}, Except: []string{"r3"}}, `["e","x"]`))},
	"emitter admin":       {in(event(everybody, `["e"]`), "/admin")},
	"emitter join":        {{Kind: socketio.KindJoin, Namespace: namespace, To: r1, Rooms: []string{"r7"}}},
	"emitter leave":       {{Kind: socketio.KindLeave, Namespace: namespace, To: socketio.Selector{Rooms: []string{"r1"}, Except: []string{"r2"}}, Rooms: []string{"r7", "r8"}}},
	"emitter server side": {hello},
	"emitter disconnect":  {{Kind: socketio.KindDisconnect, Namespace: namespace, To: socketio.Selector{Rooms: []string{"r9"}}, WholeConnection: true}},
}

// buffersAsJSON are the steps in which Node's classic adapter writes a Buffer as JSON, so that
// its own handlers receive an object.
var buffersAsJSON = map[string][]socketio.Message{
	"server side binary": {asked(socketio.Message{Kind: socketio.KindServerSide, Namespace: namespace, Data: []byte(`["bin",{"type":"Buffer","data":[1,2]}]`)}), answer(socketio.KindServerSideAnswer, `[{"type":"Buffer","data":[9]}]`)},
}

// textOf returns a message as JSON, with names for all placeholders.
func textOf(t testing.TB, payload []byte) string {
	t.Helper()
	if len(payload) > 0 && payload[0] == '{' {
		return string(payload)
	}
	text, attachments, err := msgpack.Decode(payload)
	if err != nil {
		t.Fatal(err)
	}
	s := string(text)
	for _, a := range attachments {
		s += hex.EncodeToString(a)
	}
	return s
}

// uidOf returns the uid in a recorded message.
func uidOf(t testing.TB, payload []byte) string {
	text := textOf(t, payload)
	if strings.HasPrefix(text, "[") {
		uid, ok := PeekUID(payload)
		if !ok {
			t.Fatalf("no uid in %s", text)
		}
		return string(uid)
	}
	return memberOf(t, text, "uid")
}

// memberOf returns the string that a message has under a name, at any depth.
func memberOf(t testing.TB, text, name string) string {
	t.Helper()
	_, after, ok := strings.Cut(text, `"`+name+`":"`)
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(after, `"`)
	return value
}

// sameMessage compares all but From, Request and Sockets.
func sameMessage(t *testing.T, step string, got, want socketio.Message) {
	t.Helper()
	got.From, got.Request, got.Sockets, want.Request = "", "", nil, ""
	if !reflect.DeepEqual(normal(got), normal(want)) {
		t.Errorf("%s: got %+v\nwant %+v", step, got, want)
	}
}

func normal(m socketio.Message) socketio.Message {
	if len(m.Attachments) == 0 {
		m.Attachments = nil
	}
	if len(m.Data) == 0 {
		m.Data = nil
	}
	return m
}

// withID returns a recorded reply whose id is one of the node "u".
func withID(t testing.TB, payload []byte) []byte {
	id := memberOf(t, textOf(t, payload), "requestId")
	return bytes.Replace(payload, []byte(id), []byte("u."+id[2:]), 1)
}

// sameRequest compares what ours sends with what was recorded. Ours has another id, and marks
// requests.
func sameRequest(t *testing.T, step string, ours, recorded []byte, uid string) {
	t.Helper()
	id := memberOf(t, textOf(t, recorded), "requestId")
	if id == "" {
		if !bytes.Equal(ours, recorded) {
			t.Errorf("%s: got %s\nwant %s", step, textOf(t, ours), textOf(t, recorded))
		}
		return
	}
	got := strings.Replace(textOf(t, ours), `"`+uid+`.id"`, `"`+id+`"`, 1)
	got, marked := strings.Replace(got, `,"go":1}`, "}", 1), strings.Contains(got, `,"go":1}`)
	if want := textOf(t, recorded); got != want || !marked {
		t.Errorf("%s: got %s, marked %t\nwant %s", step, got, marked, want)
	}
}
