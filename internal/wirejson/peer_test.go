package wirejson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	json2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func TestSplitPeerArray(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{`[]`, []string{}},
		{`["a"]`, []string{`"a"`}},
		{` [ "a" , 1 ,{"b":[1,2]}, null ] `, []string{`"a"`, `1`, `{"b":[1,2]}`, `null`}},
		{`["],[",{"a":1,"a":2}]`, []string{`"],["`, `{"a":1,"a":2}`}},
		{`["\ud83d",{"\ude00":"\ude00\ud83d","\ude00":1},1e999,-0]`, []string{`"\ud83d"`, `{"\ude00":"\ude00\ud83d","\ude00":1}`, `1e999`, `-0`}},
	} {
		got, err := SplitPeerArray([]byte(c.in), 8)
		if err != nil || len(got) != len(c.want) {
			t.Fatalf("SplitPeerArray(%s) = %q, %v", c.in, got, err)
		}
		if !ValidPeerArray([]byte(c.in), 8) {
			t.Errorf("ValidPeerArray(%s) is false", c.in)
		}
		for i := range got {
			if string(got[i]) != c.want[i] {
				t.Errorf("SplitPeerArray(%s)[%d] = %s, want %s", c.in, i, got[i], c.want[i])
			}
		}
	}
	for _, in := range []string{
		``, `{}`, `"a"`, `[`, `["a"`, `["a",]`, `["a"]]`, `["a"] x`, `[1 2]`, `[01]`, `["\x"]`, `["\ud8"]`, `["\ud83g"]`, "[\"\xff\"]", "[\"\xed\xa0\xbd\"]", `[nul]`, "[\"a\n\"]",
		strings.Repeat("[", 9) + strings.Repeat("]", 9),
	} {
		if got, err := SplitPeerArray([]byte(in), 8); err == nil {
			t.Errorf("SplitPeerArray(%q) = %q, want an error", in, got)
		}
		if ValidPeerArray([]byte(in), 8) {
			t.Errorf("ValidPeerArray(%q) is true", in)
		}
	}
}

func TestValidPeerObject(t *testing.T) {
	for in, want := range map[string]bool{
		`{}`: true, ` {"a":1} `: true, `{"a":1,"a":2}`: true, `{"\ud83d":"\ud83d"}`: true, `{"a":[[]]}`: false,
		`[]`: false, `"a"`: false, `null`: false, ``: false, `{"a"}`: false, `{} {}`: false, "{\"a\":\"\xff\"}": false,
	} {
		if got := ValidPeerObject([]byte(in), 2); got != want {
			t.Errorf("ValidPeerObject(%q) = %t", in, got)
		}
	}
}

// Users' types are read as encoding/json reads them, duplicates and the case of names
// included.
func TestUnmarshalPeerIsCompatible(t *testing.T) {
	type target struct {
		A int             `json:"a"`
		B []byte          `json:"b"`
		R json.RawMessage `json:"r"`
		V any             `json:"v"`
	}
	for _, in := range []string{
		`{"a":1,"b":"aGk=","r":{"x": 1},"v":[1,"x",null,{"k":true}]}`, `{"A":1}`, `{"a":1,"a":2}`, `{"__proto__":1,"v":{"__proto__":1}}`, `{"v":["\ud83d",{"\ude00":1}],"r":"\ud83d"}`, `{"a":null,"b":null}`,
	} {
		var got, want target
		if err := json.Unmarshal([]byte(in), &want); err != nil {
			t.Fatal(err)
		}
		if err := UnmarshalPeer([]byte(in), nil, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", in, got, err, want)
		}
	}
}

type quoting struct{}

func (*quoting) UnmarshalJSON(b []byte) error { return fmt.Errorf("cannot read %s", b) }

func TestUnmarshalPeerErrorsHideTheValue(t *testing.T) {
	var n int
	for _, err := range []error{UnmarshalPeer([]byte(`"secret"`), nil, &n), UnmarshalPeer([]byte(`"secret"`), nil, new(quoting))} {
		if err == nil {
			t.Fatal("no error")
		}
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error repeats the value: %v", err)
			}
		}
	}
}

func TestUnquotePeer(t *testing.T) {
	for in, want := range map[string]string{`"a"`: "a", `"\u0061"`: "a", `""`: "", `"é"`: "é", `"a\ud83d"`: "a\ufffd", `"\ud83d\ude00\ude00"`: "😀\ufffd"} {
		if got, ok := UnquotePeer([]byte(in)); !ok || got != want {
			t.Errorf("UnquotePeer(%s) = %q, %t", in, got, ok)
		}
	}
	for _, in := range []string{`1`, `null`, `{}`, `[]`} {
		if got, ok := UnquotePeer([]byte(in)); ok {
			t.Errorf("UnquotePeer(%s) = %q", in, got)
		}
	}
}

// Beside attachments, an any is read as without, except that placeholders become bytes.
func TestUnmarshalPeerAnyBesideAttachments(t *testing.T) {
	attachments := [][]byte{[]byte("zero"), []byte("one")}
	for in, want := range map[string]any{
		`{"_placeholder":true,"num":1}`:                      []byte("one"),
		`{"num":0.0,"x":{"y":1},"_\u0070laceholder":true}`:   []byte("zero"),
		`{"_placeholder":true,"num":2}`:                      map[string]any{"_placeholder": true, "num": 2.0},
		`{"_placeholder":true,"num":0.5}`:                    map[string]any{"_placeholder": true, "num": 0.5},
		`{"_placeholder":false,"num":0}`:                     map[string]any{"_placeholder": false, "num": 0.0},
		`{"_placeholder":false,"_placeholder":true,"num":0}`: []byte("zero"),
		`[[],{},null,true,false,-1.5,"a\ud83d",{"a":{"a":[{"_placeholder":true,"num":0}]},"a":1}]`: []any{
			[]any{}, map[string]any{}, nil, true, false, -1.5, "a\ufffd", map[string]any{"a": 1.0}},
	} {
		var got any
		if err := UnmarshalPeer([]byte(in), attachments, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v; want %#v", in, got, err, want)
		}
	}
	for _, in := range []string{`1e999`, `[1e999]`, `{"a":-1e999}`} {
		var got any
		if err := UnmarshalPeer([]byte(in), attachments, &got); err == nil {
			t.Errorf("%s: %v, want an error as in encoding/json", in, got)
		}
	}
	number := 0
	pointer := any(&number)
	if err := UnmarshalPeer([]byte(`7`), attachments, &pointer); err != nil || number != 7 {
		t.Errorf("into a pointer in an any: %v, %v", pointer, err)
	}
}

// pieces reads text in small pieces, and notes how much of it the decoder holds.
type pieces struct {
	text string
	dec  *jsontext.Decoder
	most int
}

func (p *pieces) Read(b []byte) (int, error) {
	p.most = max(p.most, len(p.dec.UnreadBuffer()))
	n := copy(b[:min(len(b), 512)], p.text)
	p.text = p.text[n:]
	return n, nil
}

// An any is read by a decoder that goes forward, and no value is held to be read again,
// so that the work is linear however deep the value nests.
func TestUnmarshalPeerAnyIsReadOnce(t *testing.T) {
	in := &pieces{text: deepObject(900<<10, 60)}
	in.dec = jsontext.NewDecoder(in, peer)
	got, err := anyWith(in.dec, [][]byte{{1}})
	if _, ok := got.(map[string]any); !ok || err != nil {
		t.Fatalf("got %T, %v", got, err)
	}
	if in.most > 16<<10 {
		t.Errorf("the decoder held %d bytes", in.most)
	}
	calls := 0
	unmarshalers := json2.JoinUnmarshalers(json2.UnmarshalFromFunc(func(*jsontext.Decoder, *any) error {
		calls++
		return errors.ErrUnsupported
	}), attachmentsInto([][]byte{{1}}))
	var v any
	if err := json2.Unmarshal([]byte(deepObject(900, 60)), &v, peer, json2.WithUnmarshalers(unmarshalers)); err != nil || calls != 1 {
		t.Errorf("the library was asked %d times for an any, %v", calls, err)
	}
}

// deepObject returns about size bytes of JSON nested depth deep.
func deepObject(size, depth int) string {
	filling := strings.Repeat(`"0123456789",`, size/13)
	return strings.Repeat(`{"a":`, depth-1) + "[" + filling + `{"_placeholder":true,"num":0}]` + strings.Repeat("}", depth-1)
}

func BenchmarkUnmarshalPeerDeep(b *testing.B) {
	text := []byte(deepObject(900<<10, 60))
	for b.Loop() {
		var v any
		if err := UnmarshalPeer(text, [][]byte{{1}}, &v); err != nil {
			b.Fatal(err)
		}
	}
}

// A string that needs no parser is read as the parser reads it.
func TestPlainStrings(t *testing.T) {
	for _, value := range []string{
		`""`, `"a"`, `"room 12!"`, `"~"`, `"a\"b"`, `"a\\"`, `"\u0041"`, `"é"`, "\"\xff\"", "\"\x7f\"", "\"a\x1fb\"", `"a"b"`, `"`, `"a`, `a"`, ` "a"`, `"a" `, `null`, `1`, ``, `"\ud800"`,
	} {
		var want string
		err := json2.Unmarshal([]byte(value), &want, peerTypes)
		if got, ok := Plain([]byte(value)); ok && (err != nil || string(got) != want) {
			t.Errorf("Plain(%q) = %q; the parser says %q, %v", value, got, want, err)
		}
		got := "before"
		if failed := UnmarshalPeer([]byte(value), nil, &got); (failed == nil) != (err == nil) || err == nil && value != "null" && got != want {
			t.Errorf("UnmarshalPeer(%q) = %q, %v; the parser says %q, %v", value, got, failed, want, err)
		}
	}
	if UnmarshalPeer([]byte(`"a"`), nil, (*string)(nil)) == nil {
		t.Error("a nil pointer was read into")
	}
}

func BenchmarkUnquotePeer(b *testing.B) {
	value := []byte(`"message"`)
	for b.Loop() {
		UnquotePeer(value)
	}
}

func BenchmarkUnmarshalPeerString(b *testing.B) {
	value, s := []byte(`"some words of a chat, or so"`), ""
	for b.Loop() {
		_ = UnmarshalPeer(value, nil, &s)
	}
}
