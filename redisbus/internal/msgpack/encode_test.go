package msgpack

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// notFromJSON are the rows of testdata/node.jsonl whose values JSON does not have.
var notFromJSON = map[string]bool{"two to the power of 53": true, "not finite": true, "dates": true}

// TestAppendIsWhatNodeWrites compares with the bytes that notepack.io writes.
func TestAppendIsWhatNodeWrites(t *testing.T) {
	for _, row := range nodeRows(t) {
		if notFromJSON[row.Name] {
			continue
		}
		var attachments [][]byte
		for _, a := range row.Attachments {
			attachments = append(attachments, unhex(t, a))
		}
		got, err := Append([]byte("x"), []byte(row.Text), attachments)
		if err != nil || hex.EncodeToString(got[1:]) != row.Notepack {
			t.Errorf("%s: got %.200x, %v; want %.200s", row.Name, got, err, row.Notepack)
		}
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"2^53", "9007199254740992", "cb4340000000000000"},
		{"-2^53", "-9007199254740992", "cbc340000000000000"},
		{"1e20", "100000000000000000000", "cb4415af1d78b58c40"},
		{"1e300", "1e300", "cb7e37e43c8800759c"},
		{"2^53-1 with a fraction", "9007199254740991.0", "cf001fffffffffffff"},
		{"exponent of an integer", "1e2", "64"},
		{"minus zero", "-0", "00"},
		{"minus zero with a fraction", "-0.0", "00"},
		{"out of range", "[1e999,-1e999]", "92cb7ff0000000000000cbfff0000000000000"},
		{"float that fits 32 bits", "1.5", "cb3ff8000000000000"},
		{"white space", " [ 1 ,\t{ \"a\" : [ ] } \r\n] ", "920181a16190"},
		{"escapes", `"\u00e9\ud83d\ude00\n\/"`, "a8c3a9f09f98800a2f"},
		{"long string with escapes", `"` + strings.Repeat(`\n`, 200) + `"`, "d9c8" + strings.Repeat("0a", 200)},
		{"lone surrogate", `"\ud800x"`, "a4efbfbd78"},
		{"escaped name", `{"\u0061":1}`, "81a16101"},
		{"brackets in strings", `["]{",{"}":"["}]`, "92a25d7b81a17da15b"},
	} {
		if got, err := Append(nil, []byte(c.in), nil); err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%s: got %x, %v; want %s", c.name, got, err, c.want)
		}
	}
}

// TestStringEnd compares stringEnd with a search byte by byte, for all short strings of the bytes
// that matter.
func TestStringEnd(t *testing.T) {
	slow := func(text string) int {
		for i := 1; i < len(text); i++ {
			switch text[i] {
			case '"':
				return i + 1
			case '\\':
				i++
			}
		}
		return 0
	}
	texts := []string{`"`}
	for len(texts) < 20_000 {
		for _, c := range `"\a` {
			texts = append(texts, texts[0]+string(c))
		}
		text := texts[0]
		texts = texts[1:]
		if got, want := stringEnd([]byte(text), 0), slow(text); got != want {
			t.Fatalf("%s: got %d, want %d", text, got, want)
		}
	}
}

// TestAppendLongHeaders checks the headers of what is longer than in testdata.
func TestAppendLongHeaders(t *testing.T) {
	const n = 1 << 16
	for _, c := range []struct {
		in          string
		attachments [][]byte
		want        string
	}{
		{"[" + strings.Repeat("7,", n-1) + "7]", nil, "dd0001000007"},
		{"{" + strings.Repeat(`"a":7,`, n-1) + `"a":7}`, nil, "df00010000a16107"},
		{`"` + strings.Repeat("a", n) + `"`, nil, "db0001000061"},
		{`{"_placeholder":true,"num":0}`, [][]byte{make([]byte, n)}, "c60001000000"},
	} {
		got, err := Append(nil, []byte(c.in), c.attachments)
		if err != nil || !strings.HasPrefix(hex.EncodeToString(got[:16]), c.want) {
			t.Errorf("got %.16x, %v; want %s", got, err, c.want)
		}
		if text, _, err := Decode(got); err != nil || string(text) != c.in {
			t.Errorf("read as %.40s, %v", text, err)
		}
	}
}

// TestAppendReadsPlaceholders checks the forms of placeholders that package socketio accepts.
func TestAppendReadsPlaceholders(t *testing.T) {
	attachments := [][]byte{{3}, {4, 5}}
	for _, c := range []struct{ in, want string }{
		{`[{"_placeholder":true,"num":1},{"num":0,"_placeholder":true}]`, "92c4020405c40103"},
		{`[{ "_placeholder" : true, "num" : 0e1 },[1]]`, "92c401039101"},
		{`[{"_placeholder":true,"x":[[],"["],"num":0},[1,2]]`, "92c40103920102"},
		{`[{"\u005fplaceholder":true,"num":0}]`, "91c40103"},
		{`[{"_placeholder":false,"num":0}]`, "9182ac5f706c616365686f6c646572c2a36e756d00"},
	} {
		if got, err := Append(nil, []byte(c.in), attachments); err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%s: got %x, %v; want %s", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{`{"_placeholder":true,"num":2}`, `{"_placeholder":true,"num":-1}`, `{"_placeholder":true}`} {
		if got, err := Append(nil, []byte(in), attachments); !errors.Is(err, ErrJSON) || got != nil {
			t.Errorf("%s: got %x, %v", in, got, err)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "[", "]", "[1", "[1}", "{", `{"a"}`, `{"a":}`, `{"a":1,}`, "{1:2}", "[1,]", "[,1]", "[1 2]", "1 2", "[]]", `"a`, `"\`, `"\x"`, "nul", "truely", "x", "-", "1e", "--1", "1,2", `["a"1]`, `{"a" 1}`,
	} {
		if got, err := Append([]byte("x"), []byte(in), nil); !errors.Is(err, ErrJSON) || string(got) != "x" {
			t.Errorf("%q: got %x, %v", in, got, err)
		}
	}
	deep := bytes.Repeat([]byte("["), maxDepth+1)
	deep = append(deep, bytes.Repeat([]byte("]"), maxDepth+1)...)
	if _, err := Append(nil, deep, nil); !errors.Is(err, ErrTooDeep) {
		t.Errorf("nested too deep: %v", err)
	}
	if _, err := Append(nil, deep[1:len(deep)-1], nil); err != nil {
		t.Errorf("nested just deep enough: %v", err)
	}
}

func TestAppendParts(t *testing.T) {
	b := AppendArray(nil, 4)
	b = AppendString(b, "a")
	b = AppendInt(b, -1)
	b = AppendInt(b, 1<<53)
	b = AppendMap(b, 1)
	b = AppendString(b, "b")
	b = AppendBool(b, true)
	if want := unhex(t, "94 a161 ff cb4340000000000000 81 a162 c3"); !bytes.Equal(b, want) {
		t.Errorf("got %x, want %x", b, want)
	}
}
