package socketio

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"socketiojwt/socketio/internal/packet"
)

func argumentsOf(t *testing.T, json string, attachments ...[]byte) Arguments {
	t.Helper()
	a, err := newArguments([]byte(json), attachments, 64)
	if err != nil {
		t.Fatalf("newArguments(%s): %v", json, err)
	}
	return a
}

func TestScanReadsAttachmentsAtAnyDepth(t *testing.T) {
	a := argumentsOf(t, `[{"file":{"name":"x","data":{"_placeholder":true,"num":1}},"list":[{"num":0,"_placeholder":true}],"n":7},{"any":[{"_placeholder":true,"num":0}]}]`,
		[]byte("zero"), []byte("one"))
	var typed struct {
		File struct {
			Name string
			Data []byte
		}
		List [][]byte
		N    int
	}
	var loose any
	if err := a.Scan(&typed, &loose); err != nil {
		t.Fatal(err)
	}
	if typed.File.Name != "x" || string(typed.File.Data) != "one" || string(typed.List[0]) != "zero" || typed.N != 7 {
		t.Errorf("typed: %+v", typed)
	}
	want := map[string]any{"any": []any{[]byte("zero")}}
	if !reflect.DeepEqual(loose, want) {
		t.Errorf("any: %#v, want %#v", loose, want)
	}
}

// In a packet with attachments, a string is still base64 for a []byte, and an object that is
// not a placeholder is still an object.
func TestScanBytesBesideAttachments(t *testing.T) {
	a := argumentsOf(t, `["aGk=",{"a":1},{"_placeholder":true,"num":0}]`, []byte("zero"))
	var first, second, third []byte
	if err := a.Scan(&first); err != nil || string(first) != "hi" {
		t.Errorf("base64: %q, %v", first, err)
	}
	if err := a.Drop(1).Scan(&second); !errors.Is(err, ErrArguments) {
		t.Errorf("an object: %q, %v", second, err)
	}
	if err := a.Drop(2).Scan(&third); err != nil || string(third) != "zero" {
		t.Errorf("an attachment: %q, %v", third, err)
	}
	third[0] = 'Z' // changes only the handler's copy
	if err := a.Drop(2).Scan(&second); err != nil || string(second) != "zero" {
		t.Errorf("the attachment was changed: %q, %v", second, err)
	}
}

func TestScanErrors(t *testing.T) {
	a := argumentsOf(t, `["secret-value",1]`)
	var n int
	var s string
	var third any
	for _, err := range []error{a.Scan(&n), a.Scan(&s, &s), a.Scan(&s, &n, &third)} {
		if !errors.Is(err, ErrArguments) {
			t.Errorf("got %v, want ErrArguments", err)
		}
		if strings.Contains(fmt.Sprint(err), "secret-value") {
			t.Errorf("the error repeats the peer's data: %v", err)
		}
	}
	if err := a.Scan(&s); err != nil || s != "secret-value" { // fewer destinations are allowed
		t.Errorf("Scan = %q, %v", s, err)
	}
}

// TestScanNumber checks that a json.Number keeps the digits of the argument.
func TestScanNumber(t *testing.T) {
	var n stdjson.Number
	if err := argumentsOf(t, `[12345678901234567890]`).Scan(&n); err != nil || n != "12345678901234567890" {
		t.Errorf("Scan = %q, %v", n, err)
	}
	for _, bad := range []string{`["seven"]`, `[true]`, `[[1]]`} {
		if err := argumentsOf(t, bad).Scan(&n); !errors.Is(err, ErrArguments) {
			t.Errorf("%s: got %v, want ErrArguments", bad, err)
		}
	}
}

// In a packet without attachments, an object that looks like a placeholder is an ordinary
// object.
func TestPlaceholderWithoutAttachmentsIsAnObject(t *testing.T) {
	a := argumentsOf(t, `[{"_placeholder":true,"num":3}]`)
	var v any
	if err := a.Scan(&v); err != nil || !reflect.DeepEqual(v, map[string]any{"_placeholder": true, "num": 3.0}) {
		t.Errorf("Scan = %#v, %v", v, err)
	}
}

func TestPlaceholderOutOfRangeIsRefused(t *testing.T) {
	for _, num := range []string{`1`, `-1`, `"0"`, `null`, `0.5`, `1e99`} {
		_, err := newArguments([]byte(`["a",{"_placeholder":true,"num":`+num+`}]`), [][]byte{{1}}, 64)
		if !errors.Is(err, packet.ErrMalformed) {
			t.Errorf("num %s: %v, want a parse error", num, err)
		}
	}
	if _, err := newArguments([]byte(`["a",{"_placeholder":true}]`), [][]byte{{1}}, 64); !errors.Is(err, packet.ErrMalformed) {
		t.Errorf("no num: %v, want a parse error", err)
	}
}

type blob struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

func encoded(t *testing.T, args ...any) (string, [][]byte) {
	t.Helper()
	e := encoders.New().(*encoder)
	if err := e.write("", args); err != nil {
		t.Fatalf("encode %v: %v", args, err)
	}
	return string(e.JSON()), e.Attachments()
}

func TestEncodeMovesBytesToAttachments(t *testing.T) {
	got, attachments := encoded(t, "a<b", blob{"n", []byte("one")}, map[string]any{"x": []any{[]byte("two"), nil}}, []byte(nil), stdjson.RawMessage(`{"raw":1}`))
	want := `["a<b",{"name":"n","data":{"_placeholder":true,"num":0}},{"x":[{"_placeholder":true,"num":1},null]},null,{"raw":1}]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(attachments) != 2 || string(attachments[0]) != "one" || string(attachments[1]) != "two" {
		t.Errorf("attachments %q", attachments)
	}
}

func TestRawIsPassedOnUntouched(t *testing.T) {
	in := `["x",{"b":{"_placeholder":true,"num":1},"n":12345678901234567890,"a":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]}]`
	a := argumentsOf(t, in, []byte("zero"), []byte("one"))
	args := append([]any{[]byte("mine")}, a.Args()...)
	got, attachments := encoded(t, args...)
	want := `[{"_placeholder":true,"num":0},"x",{"b":{"_placeholder":true,"num":1},"n":12345678901234567890,"a":[{"_placeholder":true,"num":2},{"_placeholder":true,"num":3}]}]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if fmt.Sprintf("%s", attachments) != "[mine one zero one]" {
		t.Errorf("attachments %q", attachments)
	}
}

// If an object of a peer looks like a placeholder, other peers that receive it must not read it
// as one.
func TestForgedPlaceholderIsNotPassedOn(t *testing.T) {
	for _, forged := range []any{
		argumentsOf(t, `[{"_placeholder":true,"num":0}]`).Args()[0],
		argumentsOf(t, `[{"\u005fplaceholder":true,"num":0}]`).Args()[0],
		map[string]any{"_placeholder": true, "num": 9},
		stdjson.RawMessage(`{"_placeholder":true,"num":9}`),
	} {
		if _, _, err := encodeEvent("/", 0, false, "e", []any{[]byte("x"), forged}); !errors.Is(err, ErrPlaceholder) {
			t.Errorf("%#v beside an attachment: %v, want ErrPlaceholder", forged, err)
		}
		if _, _, err := encodeEvent("/", 0, false, "e", []any{forged}); err != nil {
			t.Errorf("%#v without attachments: %v", forged, err)
		}
	}
}

func TestEncodeRefusesEventNames(t *testing.T) {
	for _, name := range []string{"", "connect", "disconnect", "connect_error", "newListener"} {
		if _, _, err := encodeEvent("/", 0, false, name, nil); !errors.Is(err, ErrEventName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, _, err := encodeEvent("/", 0, false, "\xff", nil); err == nil {
		t.Error("an event name that is not UTF-8 was encoded")
	}
}

func TestEncodeFailsForUnsupportedValues(t *testing.T) {
	for _, arg := range []any{make(chan int), func() {}, stdjson.RawMessage(`{`)} {
		if _, _, err := encodeEvent("/", 0, false, "e", []any{arg}); err == nil {
			t.Errorf("%T was encoded", arg)
		}
	}
	if got, _ := encoded(t, "after a failure"); got != `["after a failure"]` {
		t.Errorf("the encoder kept something: %s", got)
	}
}
