package wirejson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
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
	} {
		got, err := SplitPeerArray([]byte(c.in), 8)
		if err != nil || len(got) != len(c.want) {
			t.Fatalf("SplitPeerArray(%s) = %q, %v", c.in, got, err)
		}
		for i := range got {
			if string(got[i]) != c.want[i] {
				t.Errorf("SplitPeerArray(%s)[%d] = %s, want %s", c.in, i, got[i], c.want[i])
			}
		}
	}
	for _, in := range []string{
		``, `{}`, `"a"`, `[`, `["a"`, `["a",]`, `["a"]]`, `["a"] x`, `[1 2]`, `[01]`, `["\x"]`, "[\"\xff\"]", `[nul]`, "[\"a\n\"]",
		strings.Repeat("[", 9) + strings.Repeat("]", 9),
	} {
		if got, err := SplitPeerArray([]byte(in), 8); err == nil {
			t.Errorf("SplitPeerArray(%q) = %q, want an error", in, got)
		}
	}
}

func TestValidPeerObject(t *testing.T) {
	for in, want := range map[string]bool{
		`{}`: true, ` {"a":1} `: true, `{"a":1,"a":2}`: true, `{"a":[[]]}`: false,
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
		`{"a":1,"b":"aGk=","r":{"x": 1},"v":[1,"x",null,{"k":true}]}`, `{"A":1}`, `{"a":1,"a":2}`, `{"__proto__":1,"v":{"__proto__":1}}`, `{"a":null,"b":null}`,
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
	for in, want := range map[string]string{`"a"`: "a", `"\u0061"`: "a", `""`: "", `"é"`: "é"} {
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
