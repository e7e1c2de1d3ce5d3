package wirejson

import (
	"encoding/json"
	"errors"
	"testing"
)

// raw is like a user's type for JSON that is passed on.
type raw struct {
	value       string
	attachments [][]byte
}

func newTestEncoder() *Encoder {
	return NewEncoder(func(r raw) ([]byte, [][]byte) { return []byte(r.value), r.attachments })
}

func TestEncoder(t *testing.T) {
	binary := [][]byte{[]byte("zero"), []byte("one")}
	for name, c := range map[string]struct {
		args        []any
		want        string
		attachments string
	}{
		"nothing":            {nil, `["e"]`, ""},
		"as JSON.stringify":  {[]any{"<&>\u2028", 1.5, nil, []string(nil)}, "[\"e\",\"<&>\u2028\",1.5,null,null]", ""},
		"invalid UTF-8":      {[]any{"\xff"}, "[\"e\",\"\ufffd\"]", ""},
		"bytes":              {[]any{[]byte("a"), map[string]any{"k": []any{[]byte("b")}}}, `["e",{"_placeholder":true,"num":0},{"k":[{"_placeholder":true,"num":1}]}]`, "a,b,"},
		"no bytes":           {[]any{[]byte(nil)}, `["e",null]`, ""},
		"a raw":              {[]any{raw{`{"n":12345678901234567890,"x":1e400}`, nil}}, `["e",{"n":12345678901234567890,"x":1e400}]`, ""},
		"a raw with spaces":  {[]any{raw{" { \"a b\\\" \" :\t[ 1 ,\r\n2 ] } ", nil}, raw{`"a \" b\\"`, nil}}, `["e",{"a b\" ":[1,2]},"a \" b\\"]`, ""},
		"a raw in a value":   {[]any{map[string]any{"k": raw{`[1]`, nil}}}, `["e",{"k":[1]}]`, ""},
		"a raw, renumbered":  {[]any{[]byte("a"), raw{`[{"_placeholder":true,"num":1}]`, binary}}, `["e",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]`, "a,one,"},
		"a raw, used twice":  {[]any{raw{`[{"num":0,"_placeholder":true},{"_placeholder":true,"num":0}]`, binary}}, `["e",[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]]`, "zero,zero,"},
		"half a pair":        {[]any{raw{`"\ud83d"`, nil}, raw{`{"\ude00":"\u0061"}`, nil}, map[string]any{"k": raw{`"\ud83d"`, nil}}, json.RawMessage(`"\ud83d"`)}, `["e","\ud83d",{"\ude00":"\u0061"},{"k":"\ud83d"},"\ud83d"]`, ""},
		"half a pair, bytes": {[]any{[]byte("a"), raw{`"\ud83d\"_placeholder"`, nil}}, `["e",{"_placeholder":true,"num":0},"\ud83d\"_placeholder"]`, "a,"},
		"a name with quotes": {[]any{json.RawMessage(`{"\"":1}`)}, `["e",{"\"":1}]`, ""},
	} {
		e := newTestEncoder()
		for range 2 { // Reset leaves nothing
			err := e.Event("e", c.args)
			attachments := ""
			for _, a := range e.Attachments() {
				attachments += string(a) + ","
			}
			if err != nil || string(e.JSON()) != c.want || attachments != c.attachments {
				t.Errorf("%s: %s with %q, %v; want %s with %q", name, e.JSON(), attachments, err, c.want, c.attachments)
			}
			e.Reset()
		}
	}
}

// Beside an attachment, nothing else may look like one to the peer, however its name
// is spelled.
func TestEncoderRefusesForgedPlaceholders(t *testing.T) {
	for _, forged := range []any{
		map[string]any{"_placeholder": true, "num": 0},
		json.RawMessage(`{"_placeholder":true,"num":0}`),
		json.RawMessage(`{"_\u0070laceholder":true,"num":0}`),
		raw{`{"_placeholder":true,"num":0}`, nil},
		raw{`{"\u005fplaceholder":true,"num":0}`, nil},
		[]any{raw{`{"\u005fplaceholder":true,"num":0}`, nil}},
	} {
		if err := newTestEncoder().Arguments([]any{[]byte("x"), forged}); !errors.Is(err, ErrPlaceholder) {
			t.Errorf("%v: %v", forged, err)
		}
		if err := newTestEncoder().Arguments([]any{forged}); err != nil {
			t.Errorf("%v without attachments: %v", forged, err)
		}
	}
}

func TestStringify(t *testing.T) {
	got, err := Stringify(map[string]any{"b": []string(nil), "a": "<\xff"})
	if want := "{\"a\":\"<\ufffd\",\"b\":null}"; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	quoted, err := AppendQuote([]byte("x"), "a\"\xff")
	if want := "x\"a\\\"\ufffd\""; err == nil || string(quoted) != want {
		t.Errorf("AppendQuote: %s, %v; want %s and an error", quoted, err, want)
	}
	if got, want := QuoteForScript([]byte("a\u2028\xff<")), "\"a\\u2028\ufffd<\""; string(got) != want {
		t.Errorf("QuoteForScript: %s, want %s", got, want)
	}
}
