package wirejson

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// The types of strictText, read by each of the strict functions.
type strictTarget struct {
	Sub string `json:"sub"`
	N   struct {
		A int `json:"a"`
	} `json:"n"`
}

func TestStrictRules(t *testing.T) {
	for name, c := range map[string]struct {
		in        string
		duplicate bool
		ok        bool
	}{
		"object":                     {in: `{"sub":"a"}`, ok: true},
		"space":                      {in: " {\t\"sub\" :\r\n\"a\" } ", ok: true},
		"unknown members":            {in: `{"x":1,"sub":"a"}`, ok: true},
		"a number beyond float64":    {in: `{"x":1e999}`, ok: true},
		"__proto__":                  {in: `{"__proto__":{"sub":"x"}}`, ok: true},
		"a surrogate pair":           {in: `{"x":"\ud83d\ude00"}`, ok: true},
		"a duplicate":                {in: `{"sub":"a","sub":"b"}`, duplicate: true},
		"an unknown duplicate":       {in: `{"x":1,"x":1}`, duplicate: true},
		"a nested duplicate":         {in: `{"n":{"a":1,"a":2}}`, duplicate: true},
		"a duplicate by an escape":   {in: `{"sub":"a","s\u0075b":"b"}`, duplicate: true},
		"invalid UTF-8":              {in: "{\"x\":\"\xff\"}"},
		"invalid UTF-8 in a name":    {in: "{\"\xff\":1}"},
		"a lone surrogate in a name": {in: `{"\ud83d":1}`},
		"a comma too many":           {in: `{"sub":"a",}`},
		"text after it":              {in: `{"sub":"a"}x`},
		"a second value":             {in: `{"sub":"a"}{}`},
		"a comment":                  {in: `{/**/}`},
		"single quotes":              {in: `{'sub':"a"}`},
		"a line break in a string":   {in: "{\"sub\":\"a\n\"}"},
		"NaN":                        {in: `{"x":NaN}`},
		"a leading zero":             {in: `{"x":01}`},
		"a byte order mark":          {in: "\ufeff{}"},
		"empty":                      {in: ``},
		"cut":                        {in: `{"sub":"a"`},
	} {
		var into strictTarget
		for function, err := range map[string]error{
			"Unmarshal":      Unmarshal([]byte(c.in), &into),
			"UnmarshalKnown": UnmarshalKnown([]byte(c.in), new(map[string]any)),
			"Members":        Members([]byte(c.in), 64, func([]byte, int, int) error { return nil }),
		} {
			if function == "UnmarshalKnown" && name == "a number beyond float64" {
				continue // into a float64
			}
			if (err == nil) != c.ok || errors.Is(err, ErrDuplicateName) != c.duplicate {
				t.Errorf("%s: %s(%q): %v", name, function, c.in, err)
			}
		}
		if Valid([]byte(c.in)) != c.ok {
			t.Errorf("%s: Valid(%q) = %t", name, c.in, !c.ok)
		}
	}
}

// In a token, values that are not read may contain half of a surrogate pair. A value that
// is read must not.
func TestHalvesOfSurrogatePairs(t *testing.T) {
	text := `{"name":"\ud83d","x":[{"\ude00":"\ud83d\ud83d"}],"sub":"a"}`
	unquoted := map[string]string{}
	err := Members([]byte(text), 64, func(name []byte, start, end int) error {
		if value, ok := Unquote(text[start:end]); ok {
			unquoted[string(name)] = value
		}
		return nil
	})
	if err != nil || !reflect.DeepEqual(unquoted, map[string]string{"sub": "a"}) {
		t.Errorf("Members: %v, %v", unquoted, err)
	}
	var into struct {
		Name, Sub string
	}
	in := []byte(`{"Name":"a\ud83d","Sub":"a","x":"\ude00"}`)
	if err := UnmarshalCompatible(in, &into); err != nil || into.Name != "a\ufffd" {
		t.Errorf("UnmarshalCompatible: %q, %v", into.Name, err)
	}
	if err := UnmarshalCompatible([]byte("{\"x\":\"\xff\"}"), &into); err == nil {
		t.Error("UnmarshalCompatible accepts invalid UTF-8")
	}
	if err := UnmarshalCompatible([]byte(`{"Sub":"a","Sub":"b"}`), &into); !errors.Is(err, ErrDuplicateName) {
		t.Errorf("UnmarshalCompatible: a duplicate: %v", err)
	}
	if err := Unmarshal(in, &into); err == nil {
		t.Error("Unmarshal accepts it")
	}
	if Valid(in) {
		t.Error("Valid accepts it")
	}
}

func TestPeerMembers(t *testing.T) {
	text := `{"a":1,"\ud83d":"\ude00","a":{"b":1,"b":2}}`
	got := ""
	err := PeerMembers([]byte(text), 64, func(name []byte, start, end int) error {
		got += string(name) + "=" + text[start:end] + ";"
		return nil
	})
	if want := "a=1;\ufffd=\"\\ude00\";a={\"b\":1,\"b\":2};"; err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	for _, in := range []string{"{\"a\":\"\xff\"}", `{"a":1,}`, `[]`, `{"a":[[]]}`, ``} {
		if err := PeerMembers([]byte(in), 2, func([]byte, int, int) error { return nil }); err == nil {
			t.Errorf("PeerMembers(%q) accepts it", in)
		}
	}
}

func TestNamesMatchExactly(t *testing.T) {
	for _, read := range []func([]byte, any) error{Unmarshal, UnmarshalCompatible} {
		var into strictTarget
		if err := read([]byte(`{"ſub":"x","Sub":"x","SUB":"x","sub ":"x"}`), &into); err != nil || into.Sub != "" {
			t.Errorf("got %q, %v", into.Sub, err)
		}
		if err := read([]byte(`{"s\u0075b":"a"}`), &into); err != nil || into.Sub != "a" {
			t.Errorf("an escaped name: %q, %v", into.Sub, err)
		}
	}
}

func TestUnmarshalKnown(t *testing.T) {
	var into strictTarget
	if err := UnmarshalKnown([]byte(`{"sub":"a"}`), &into); err != nil || into.Sub != "a" {
		t.Errorf("got %q, %v", into.Sub, err)
	}
	if err := UnmarshalKnown([]byte(`{"sub":"a","more":1}`), &into); err == nil {
		t.Error("an unknown member is accepted")
	}
}

// Types that were written for encoding/json are decoded as by encoding/json.
func TestUnmarshalCompatible(t *testing.T) {
	type embedded struct{ A string }
	var into struct {
		embedded
		Quoted int               `json:"quoted,string"`
		Bytes  []byte            `json:"bytes"`
		Raw    json.RawMessage   `json:"raw"`
		Map    map[string]string `json:"map"`
		Empty  []string          `json:"empty"`
	}
	in := `{"A":"a","quoted":"7","bytes":"aGk=","raw":{"x": 1},"map":{"k":"v"},"empty":null}`
	if err := UnmarshalCompatible([]byte(in), &into); err != nil {
		t.Fatal(err)
	}
	if into.A != "a" || into.Quoted != 7 || string(into.Bytes) != "hi" || string(into.Raw) != `{"x": 1}` || into.Map["k"] != "v" || into.Empty != nil {
		t.Errorf("got %+v", into)
	}
}

type picky struct{}

var errPicky = errors.New("picky")

func (*picky) UnmarshalJSON([]byte) error { return errPicky }

func TestErrorsSayWhereAndNotWhat(t *testing.T) {
	var into struct {
		N struct {
			A int `json:"a"`
		} `json:"n"`
		P picky `json:"p"`
	}
	err := UnmarshalCompatible([]byte(`{"n":{"a":"secret"}}`), &into)
	wrong, ok := errors.AsType[*TypeError](err)
	if !ok || wrong.Pointer != "/n/a" || wrong.GoType != reflect.TypeFor[int]() || wrong.Kind != "string" {
		t.Errorf("got %#v", err)
	}
	if err := UnmarshalCompatible([]byte(`{"p":"secret"}`), &into); !errors.Is(err, errPicky) {
		t.Errorf("the error of a method: %v", err)
	}
	broken := Unmarshal([]byte("{\"n\":\n{\"a\":secret}}"), &into)
	if syntax, ok := errors.AsType[*SyntaxError](broken); !ok || syntax.Offset != 11 {
		t.Errorf("got %#v", broken)
	}
	twice := Unmarshal([]byte(`{"secret":1,"secret":2}`), &into)
	for _, err := range []error{err, broken, twice} {
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats the text: %v", err)
		}
	}
}

func TestMembers(t *testing.T) {
	text := []byte(` {"a" : [1, 2] ,"\u0062":"x","c":{} } `)
	got := ""
	err := Members(text, 2, func(name []byte, start, end int) error {
		got += string(name) + "=" + string(text[start:end]) + ";"
		return nil
	})
	if want := `a=[1, 2];b="x";c={};`; err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	stop := errors.New("stop")
	calls := 0
	if err := Members(text, 2, func([]byte, int, int) error { calls++; return stop }); err != stop || calls != 1 {
		t.Errorf("the error of visit: %v after %d calls", err, calls)
	}
	for in, want := range map[string]error{`{"a":[[1]]}`: ErrDepth, `[]`: ErrNotObject, `"a"`: ErrNotObject, `null`: ErrNotObject} {
		if err := Members([]byte(in), 2, func([]byte, int, int) error { return nil }); !errors.Is(err, want) {
			t.Errorf("Members(%s): %v, want %v", in, err, want)
		}
	}
}

func TestUnquote(t *testing.T) {
	for in, want := range map[string]string{`"a"`: "a", `""`: "", `"a\u0062\n"`: "ab\n", `"é"`: "é", `"\ud83d\ude00"`: "😀"} {
		if got, ok := Unquote(in); !ok || got != want {
			t.Errorf("Unquote(%s) = %q, %t", in, got, ok)
		}
	}
	for _, in := range []string{``, `1`, `null`, `{}`, `["a"]`, `"\ud83d"`} {
		if got, ok := Unquote(in); ok {
			t.Errorf("Unquote(%s) = %q", in, got)
		}
	}
}

func TestMarshal(t *testing.T) {
	got, err := Marshal(map[string]any{"a": "<&>\u2028", "b": []string(nil)})
	if want := "\"a\":\"<&>\u2028\""; err != nil || !strings.Contains(string(got), want) || !strings.Contains(string(got), `"b":[]`) {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := Marshal("\xff"); err == nil {
		t.Errorf("invalid UTF-8: %s", got)
	}
	if got, err := Indent([]byte(`{"a":[1,2]}`)); err != nil || string(got) != "{\n  \"a\": [\n    1,\n    2\n  ]\n}" {
		t.Errorf("Indent: %s, %v", got, err)
	}
}

func TestDepthWithin(t *testing.T) {
	for in, want := range map[string]bool{
		`[[1]]`: true, `[[[1]]]`: false, `["[[[[",{"a":"}{"}]`: true, `["\"[[["]`: true, `[{"a":{}}]`: false,
		`[[],[],[]]`: true, `[{},{},{}]`: true, `[[],[[]]]`: false,
	} {
		if got := depthWithin([]byte(in), 2); got != want {
			t.Errorf("depthWithin(%s, 2) = %v", in, got)
		}
	}
}
