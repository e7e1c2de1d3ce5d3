package wirejson

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// numbers has encoding/json's Number wherever a type can have it.
type numbers struct {
	Plain   json.Number            `json:"plain"`
	Pointer *json.Number           `json:"pointer"`
	Slice   []json.Number          `json:"slice"`
	Map     map[string]json.Number `json:"map"`
	Keys    map[json.Number]int    `json:"keys"`
	Quoted  json.Number            `json:"quoted,string"`
	Empty   json.Number            `json:"empty,omitempty"`
	Any     any                    `json:"any"`
}

// TestNumberReads compares json.Number in arguments and in claims with what encoding/json
// reads, beside attachments and without.
func TestNumberReads(t *testing.T) {
	readers := map[string]func([]byte, any) error{
		"arguments":   func(b []byte, into any) error { return UnmarshalPeer(b, nil, into) },
		"attachments": func(b []byte, into any) error { return UnmarshalPeer(b, [][]byte{{1}}, into) },
		"claims":      UnmarshalCompatible,
	}
	for _, in := range []string{
		`1`, `-0`, `1.50`, `1e400`, `12345678901234567890`, `"7"`, `"1e5"`, `null`,
		`"seven"`, `""`, `" 7"`, `"0x1"`, `"NaN"`, `true`, `[1]`, `{"a":1}`,
	} {
		for name, read := range readers {
			got, want := json.Number("before"), json.Number("before")
			wantErr := json.Unmarshal([]byte(in), &want)
			err := read([]byte(in), &got)
			if (err == nil) != (wantErr == nil) || err == nil && got != want {
				t.Errorf("%s, %s: %q, %v; want %q, %v", name, in, got, err, want, wantErr)
			}
			var mismatch *TypeError
			if err != nil && (!errors.As(err, &mismatch) || strings.Contains(err.Error(), "seven")) {
				t.Errorf("%s, %s: %v, want a TypeError that does not repeat the text", name, in, err)
			}
			if err != nil && name == "claims" && mismatch.GoType != reflect.TypeFor[json.Number]() {
				t.Errorf("%s: the error names the type %v", in, mismatch.GoType)
			}
		}
	}
	for _, in := range []string{
		`{"plain":1.50,"pointer":2,"slice":[1,"2",3e7],"map":{"a":1.0,"b":null},"keys":{"1":1,"x":2},"quoted":"5","any":1}`,
		`{"plain":null,"pointer":null,"slice":null}`, `{"slice":[1,"x"]}`, `{"map":{"a":false}}`, `{"quoted":"x"}`,
	} {
		for name, read := range readers {
			var got, want numbers
			wantErr := json.Unmarshal([]byte(in), &want)
			if err := read([]byte(in), &got); (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: %+v, %v; want %+v, %v", name, in, got, err, want, wantErr)
			}
		}
	}
}

// TestNumberWrites compares what is written for json.Number with what encoding/json writes.
func TestNumberWrites(t *testing.T) {
	two := json.Number("2.0")
	for _, v := range []any{
		json.Number("1.50"), json.Number("12345678901234567890"), json.Number(""), json.Number("seven"), json.Number(`1,"admin":true`), &two,
		[]any{two, map[string]any{"a": two}}, map[json.Number]json.Number{"x": "1"},
		numbers{Plain: "1", Pointer: &two, Slice: []json.Number{"3"}, Map: map[string]json.Number{"a": "4"}, Keys: map[json.Number]int{"5": 5}, Quoted: "6", Any: two},
	} {
		want, wantErr := json.Marshal(v)
		got, err := Stringify(v)
		if (err == nil) != (wantErr == nil) || err == nil && string(got) != string(want) {
			t.Errorf("Stringify(%#v) = %s, %v; want %s, %v", v, got, err, want, wantErr)
		}
		e := newTestEncoder()
		err = e.Arguments([]any{v})
		if (err == nil) != (wantErr == nil) || err == nil && string(e.JSON()) != "["+string(want)+"]" {
			t.Errorf("Arguments(%#v): %s, %v; want [%s], %v", v, e.JSON(), err, want, wantErr)
		}
	}
}
