package msgpack

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"socketiojwt/socketio"
)

// FuzzDecode checks that any input is either an error or a value that package socketio accepts,
// and that Append writes a value that is read as the same.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"94 a474657374 01 a132 c4020304", "93cb7ff8000000000000c0d40000", "d7ff7735940000000001", "82a16101a16102", "a4eda08078", "ddffffffff", "dfffffffff", "c70cff000f4240000007dba8218000",
		"9282ac5f706c616365686f6c646572c3a36e756d00c40101", "cfffffffffffffffff", "81c0ca3dcccccd", "c70200ffff", "de0001a161dc0001c3",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		text, attachments, err := Decode(in)
		if err != nil {
			return
		}
		if !json.Valid(text) || !utf8.Valid(text) || len(text) > 40*len(in)+2 {
			t.Fatalf("%x: %s is not valid", in, text)
		}
		if _, err := DecodeWithoutAttachments(in); err != nil {
			t.Fatalf("%x: without attachments: %v", in, err)
		}
		array := append(append([]byte{'['}, text...), ']')
		args, err := socketio.ParseArguments(array, attachments)
		if err != nil {
			if bytes.Count(text, []byte{'['})+bytes.Count(text, []byte{'{'}) < 64 { // its limit on depth
				t.Fatalf("%x: %s: %v", in, text, err)
			}
			return
		}
		again, err := Append(nil, text, attachments)
		if err != nil {
			t.Fatalf("%x: %s: %v", in, text, err)
		}
		text2, attachments2, err := Decode(again)
		if err != nil || !bytes.Equal(text, text2) || !reflect.DeepEqual(attachments, attachments2) {
			t.Fatalf("%x: %s became %s, %v", in, text, text2, err)
		}
		if args.Len() != 1 {
			t.Fatalf("%x: %d arguments", in, args.Len())
		}
		r := NewReader(in)
		if r.Skip(); r.Close() != nil {
			t.Fatalf("%x: cannot be skipped", in)
		}
	})
}

// FuzzAppend checks that Append accepts all JSON, and that Decode reads it as JSON.parse would.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{`["test",1,"2",{"_placeholder":true,"num":0}]`, `[1.5,-0,1e999,9007199254740993,1e-7]`, `{"a":{"b":[[],{}]}}`, `"\ud800x\n"`, ` [ ] `, `[1}`, `{"_placeholder":true,"num":0,"x":["[",[1]]}`} {
		f.Add([]byte(s))
	}
	attachments := [][]byte{{1, 2}, {}}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Append(nil, text, nil)
		if !json.Valid(text) || !utf8.Valid(text) {
			return // only must not panic
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		decoded, none, err := Decode(b)
		if err != nil || none != nil {
			t.Fatalf("%s: %x: %v", text, b, err)
		}
		var want, got any
		if json.Unmarshal(text, &want) == nil && (json.Unmarshal(decoded, &got) != nil || !reflect.DeepEqual(want, got)) {
			t.Fatalf("%s became %s", text, decoded)
		}
		array := append(append([]byte{'['}, text...), ']')
		if _, err := socketio.ParseArguments(array, attachments); err == nil {
			if _, err := Append(nil, text, attachments); err != nil {
				t.Fatalf("%s: with attachments: %v", text, err)
			}
		}
	})
}
