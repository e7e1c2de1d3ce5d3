package wire

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"socketiojwt/socketio"
)

// FuzzReceived gives any bytes to every function that decodes. What they return without an error
// must have the fields that package socketio requires, and must be encoded without an error.
func FuzzReceived(f *testing.F) {
	for _, wire := range []string{"classic", "sharded", "streams"} {
		for _, list := range captures(f, wire) {
			for _, c := range list {
				if c.Fields != nil {
					f.Add([]byte(c.Fields["data"]), c.Fields["type"])
					continue
				}
				f.Add(c.payload(f), "3")
				if id := memberOf(f, textOf(f, c.payload(f)), "requestId"); id != "" {
					f.Add(withID(f, c.payload(f)), "3")
				}
			}
		}
	}
	f.Add([]byte("garbage"), "3")
	f.Add([]byte(`{"type":3,"nsp":"/"}`), "6")
	f.Add([]byte(`{"requestId":"q","type":2,"sid":"s1","room":"r"}`), "4")
	f.Add([]byte(`{"uid":"x","type":4,"opts":{"rooms":[]},"go":{"event":["a",{"_placeholder":true,"num":0}],"attachments":["AAA="],"retryAfter":5}}`), "6")
	f.Fuzz(func(t *testing.T, payload []byte, kind string) {
		const uid = "u"
		check := func(got Received, err error) {
			t.Helper()
			if err != nil {
				checkError(t, err)
				return
			}
			checkReceived(t, &got)
		}
		got, err := Classic{UID: uid}.DecodeBroadcast("/", payload)
		check(got, err)
		got, err = Classic{UID: uid}.DecodeRequest("/", payload)
		check(got, err)
		got, err = Classic{UID: uid}.DecodeResponse("/", payload)
		check(got, err)
		got, err = Sharded{UID: uid}.Decode("/", payload)
		check(got, err)
		got, err = Streams{UID: uid}.Decode("/", payload)
		check(got, err)
		got, err = Streams{UID: uid}.DecodeEntry(map[string]string{"uid": "x", "nsp": "/", "type": kind, "data": string(payload)})
		check(got, err)
		PeekUID(payload)
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	for _, known := range []error{ErrOwn, ErrForeignReply, ErrOtherNamespace, ErrOld, ErrMalformed, ErrNobody} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Fatalf("unknown error %v", err)
}

// checkReceived checks what package socketio requires of a message.
func checkReceived(t *testing.T, m *Received) {
	t.Helper()
	reply := false
	switch m.Kind {
	case socketio.KindCount, socketio.KindAnswer, socketio.KindSockets, socketio.KindServerSideAnswer:
		reply = true
	}
	switch {
	case m.Namespace != "/" || m.Rule != "":
		t.Fatalf("namespace %q, rule %q", m.Namespace, m.Rule)
	case m.From == "" && !reply:
		t.Fatal("no sender")
	case len(m.From) > maxID, len(m.Request) > maxID+1:
		t.Fatal("an id is too long")
	case m.Kind == 0 && !m.AllRooms || m.Request == "" && (reply || m.AllRooms || m.Kind == socketio.KindFetch):
		t.Fatalf("kind %d without a request", m.Kind)
	case m.To.All && len(m.To.Rooms) > 0, m.Count < 0, m.Timeout < 0, m.RetryAfter < 0:
		t.Fatalf("malformed: %+v", m)
	}
	for _, list := range [][]string{m.To.Rooms, m.To.Except, m.Rooms, {m.Request, m.Cause, m.Confirm}} {
		for _, name := range list {
			if !utf8.ValidString(name) {
				t.Fatalf("not UTF-8: %q", name)
			}
		}
	}
	for _, s := range m.Sockets {
		if s.ID == "" || len(s.Data) > 0 && !json.Valid(s.Data) {
			t.Fatalf("socket %+v", s)
		}
	}
	if m.Kind == socketio.KindBroadcast || m.Kind == socketio.KindServerSide || len(m.Data) > 0 {
		args, err := socketio.ParseArguments(m.Data, m.Attachments)
		if err != nil && depth(m.Data) < 64 { // its limit is lower than that of messages of other nodes
			t.Fatalf("data %s with %d attachments: %v", m.Data, len(m.Attachments), err)
		}
		if err == nil && reply && args.Len() != 1 {
			t.Fatalf("answer %s", m.Data)
		}
	}
	if m.AllRooms || depth(m.Data) >= 64 {
		return
	}
	again := m.Message
	var err error
	if reply {
		again.Request = "n" + again.Request
		_, _, err = Classic{UID: "x"}.EncodeReply("u", &again)
	} else {
		_, _, err = Classic{UID: "x"}.Encode(&again)
	}
	if err != nil {
		t.Fatalf("%+v cannot be encoded: %v", m, err)
	}
}

// depth bounds how deep text nests.
func depth(text []byte) (n int) {
	for _, c := range text {
		if c == '[' || c == '{' {
			n++
		}
	}
	return n
}
