package wire

import (
	"errors"
	"reflect"
	"testing"
)

func packed(t testing.TB, text string) []byte {
	t.Helper()
	b, err := appendPacked(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestClassicHostileBroadcasts(t *testing.T) {
	w := Classic{UID: "u"}
	for _, c := range []struct {
		name, in string
		want     error
	}{
		{"own", `["u",{"type":2,"data":["x"],"nsp":"/"},{"rooms":[]}]`, ErrOwn},
		{"other namespace", `["x",{"type":2,"data":["x"],"nsp":"/y"},{"rooms":[]}]`, ErrOtherNamespace},
		{"namespace null", `["x",{"type":2,"data":["x"],"nsp":null},{"rooms":[]}]`, ErrOtherNamespace},
		{"no namespace", `["x",{"type":2,"data":["x"]},{"rooms":[]}]`, nil},
		{"BINARY_EVENT of Socket.IO 2", `["x",{"type":5,"data":["x"],"nsp":"/"},{"rooms":[]}]`, nil},
		{"more elements", `["x",{"type":2,"data":["x"],"nsp":"/"},{"rooms":[],"except":null,"flags":null,"y":[1]},{"z":[[]]}]`, nil},
		{"rooms null", `["x",{"type":2,"data":["x"],"nsp":"/"},{"rooms":null}]`, nil},
		{"uid not a text", `[null,{"type":2,"data":["x"],"nsp":"/"},{"rooms":[]}]`, nil},
		{"rooms of no names", `["x",{"type":2,"data":["x"],"nsp":"/"},{"rooms":[null,{}]}]`, ErrNobody},
		{"rooms a text", `["x",{"type":2,"data":["x"],"nsp":"/"},{"rooms":"r"}]`, ErrMalformed},
		{"except a text", `["x",{"type":2,"data":["x"],"nsp":"/"},{"except":"r"}]`, ErrMalformed},
		{"no opts", `["x",{"type":2,"data":["x"],"nsp":"/"}]`, ErrMalformed},
		{"opts null", `["x",{"type":2,"data":["x"],"nsp":"/"},null]`, ErrMalformed},
		{"opts a list", `["x",{"type":2,"data":["x"],"nsp":"/"},[]]`, ErrMalformed},
		{"CONNECT", `["x",{"type":0,"data":["x"],"nsp":"/"},{"rooms":[]}]`, ErrMalformed},
		{"no type", `["x",{"data":["x"],"nsp":"/"},{"rooms":[]}]`, ErrMalformed},
		{"no data", `["x",{"type":2,"nsp":"/"},{"rooms":[]}]`, ErrMalformed},
		{"data an object", `["x",{"type":2,"data":{"0":"x"},"nsp":"/"},{"rooms":[]}]`, ErrMalformed},
		{"data given twice", `["x",{"type":2,"data":["x"],"data":{},"nsp":"/"},{"rooms":[]}]`, ErrMalformed},
		{"packet a list", `["x",[2,["x"]],{"rooms":[]}]`, ErrMalformed},
		{"packet null", `["x",null,{"rooms":[]}]`, ErrMalformed},
		{"an object", `{"uid":"x"}`, ErrMalformed},
		{"empty list", `[]`, ErrMalformed},
	} {
		got, err := w.DecodeBroadcast("/", packed(t, c.in))
		if !errors.Is(err, c.want) || err != nil && !reflect.DeepEqual(got, Received{}) {
			t.Errorf("%s: got %+v, %v; want %v", c.name, got, err, c.want)
		}
		if err == nil && (got.From == "" || !got.To.All || string(got.Data) != `["x"]`) {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
	for _, in := range []string{"", "garbage", "\xdd\xff\xff\xff\xff", "\x93\xa1x\x80"} {
		if _, err := w.DecodeBroadcast("/", []byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestClassicResponses(t *testing.T) {
	w := Classic{UID: "u"}
	for _, c := range []struct {
		name, in string
		want     error
	}{
		{"count", `{"type":8,"requestId":"u.1","clientCount":0}`, nil},
		{"server side without data", `{"type":6,"requestId":"u.1"}`, nil},
		{"other node", `{"type":8,"requestId":"v.1","clientCount":0}`, ErrForeignReply},
		{"id of Node", `{"type":8,"requestId":"1kKRYq","clientCount":0}`, ErrForeignReply},
		{"uid elsewhere", `{"type":8,"requestId":"v.1","x":"u.1"}`, ErrForeignReply},
		{"no number", `{"type":8,"requestId":"u.","clientCount":0}`, ErrForeignReply},
		{"count negative", `{"type":8,"requestId":"u.1","clientCount":-1}`, ErrMalformed},
		{"count too large", `{"type":8,"requestId":"u.1","clientCount":1000001}`, ErrMalformed},
		{"count missing", `{"type":8,"requestId":"u.1"}`, ErrMalformed},
		{"sockets not a list", `{"requestId":"u.1","sockets":{}}`, ErrMalformed},
		{"sockets missing", `{"requestId":"u.1"}`, ErrMalformed},
		{"unknown type", `{"type":3,"requestId":"u.1"}`, ErrMalformed},
	} {
		got, err := w.DecodeResponse("/", []byte(c.in))
		if !errors.Is(err, c.want) || err == nil && (got.Request != "1" || got.From != "") {
			t.Errorf("%s: got %+v, %v; want %v", c.name, got, err, c.want)
		}
	}
}
