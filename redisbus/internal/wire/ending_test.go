package wire

import (
	"errors"
	"testing"
	"time"

	"socketiojwt/socketio"
)

func TestClassicSendsNothingForNobody(t *testing.T) {
	for _, m := range []socketio.Message{
		event(socketio.Selector{}, `["x"]`),
		event(socketio.Selector{Except: []string{"a"}}, `["x"]`),
		{Kind: socketio.KindJoin, Namespace: "/", Rooms: []string{"r"}},
		{Kind: socketio.KindDisconnect, Namespace: "/"},
		{Kind: socketio.KindFetch, Namespace: "/", Request: "1"},
	} {
		for name, encode := range map[string]func(*socketio.Message) (string, []byte, error){
			"classic": Classic{UID: "u"}.Encode, "sharded": Sharded{UID: "u"}.Encode, "streams": Streams{UID: "u"}.Encode,
		} {
			if channel, payload, err := encode(&m); !errors.Is(err, ErrNobody) || channel != "" || payload != nil {
				t.Errorf("%s: %+v is sent to %s as %s, %v", name, m, channel, payload, err)
			}
		}
		if fields, err := (Streams{UID: "u"}).Entry(&m); !errors.Is(err, ErrNobody) || fields != nil {
			t.Errorf("%+v is added as %q, %v", m, fields, err)
		}
	}
	for _, m := range []socketio.Message{
		{Kind: socketio.KindExtension, Extension: "x"},
		{Kind: socketio.KindGone, Namespace: "/"},
		{Kind: socketio.KindCount, Namespace: "/", Request: "1"},
		{Kind: socketio.KindBroadcast, Rule: "tenants", To: everybody, Data: []byte(`["x"]`)},
	} {
		if _, _, err := (Classic{UID: "u"}).Encode(&m); !errors.Is(err, ErrGoOnly) {
			t.Errorf("%+v: %v", m, err)
		}
	}
	ended := socketio.Message{Kind: socketio.KindAnswer, Namespace: "/", Request: "nq", Socket: "s", Ended: true}
	if _, _, err := (Classic{UID: "u"}).EncodeReply("x", &ended); !errors.Is(err, ErrNobody) {
		t.Errorf("a socket that has ended: %v", err)
	}
}

// TestEndingTravels checks that Go nodes receive what a DISCONNECT of Node cannot carry.
func TestEndingTravels(t *testing.T) {
	for _, m := range []socketio.Message{
		{Kind: socketio.KindDisconnect, Namespace: "/", To: r1, Temporary: true, RetryAfter: 1500 * time.Millisecond, Cause: "revoked \"é\""},
		{Kind: socketio.KindDisconnect, Namespace: "/", To: everybody, WholeConnection: true, Data: []byte(`["bye",` + placeholder + `,{"a":1}]`), Attachments: [][]byte{{1, 2, 3}}},
		{Kind: socketio.KindDisconnect, Namespace: "/", To: everybody, Data: []byte(`["bye",` + placeholder + `]`)},
	} {
		check := func(wire string, got Received, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s: %v", wire, err)
				return
			}
			sameMessage(t, wire, got.Message, m)
		}
		_, payload, err := Classic{UID: "x"}.Encode(&m)
		if err != nil || payload[0] != '{' {
			t.Fatalf("%s, %v", payload, err)
		}
		got, err := Classic{UID: "u"}.DecodeRequest("/", payload)
		check("classic", got, err)
		_, payload, err = Sharded{UID: "x"}.Encode(&m)
		if err != nil || payload[0] != '{' {
			t.Fatalf("%s, %v", payload, err)
		}
		got, err = Sharded{UID: "u"}.Decode("/", payload)
		check("sharded", got, err)
		fields, err := Streams{UID: "x"}.Entry(&m)
		if err != nil || fields[7][0] != '{' {
			t.Fatalf("%s, %v", fields, err)
		}
		got, err = Streams{UID: "u"}.DecodeEntry(fieldMap(fields))
		check("streams", got, err)
	}
	for _, in := range []string{
		`{"uid":"x","type":4,"opts":{"rooms":[]},"go":{"event":["a",{"_placeholder":true,"num":1}],"attachments":["AAA="]}}`,
		`{"uid":"x","type":4,"opts":{"rooms":[]},"go":"x"}`,
		`{"uid":"x","type":4,"opts":{"rooms":[]},"go":{"attachments":["*"]}}`,
	} {
		if _, err := (Classic{UID: "u"}).DecodeRequest("/", []byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", in, err)
		}
	}
}
