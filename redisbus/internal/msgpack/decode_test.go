package msgpack

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// nodeRow is a line of testdata/node.jsonl, which testdata/node.mjs writes.
type nodeRow struct {
	Name, Notepack, Msgpack, Text string
	Attachments                   []string
}

func nodeRows(t *testing.T) (rows []nodeRow) {
	t.Helper()
	data, err := os.ReadFile("testdata/node.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		var row nodeRow
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDecodeIsWhatClientsOfNodeReceive compares with the packets that socket.io-parser encodes.
func TestDecodeIsWhatClientsOfNodeReceive(t *testing.T) {
	for _, row := range nodeRows(t) {
		for library, encoded := range map[string]string{"notepack.io": row.Notepack, "@msgpack/msgpack": row.Msgpack} {
			text, attachments, err := Decode(unhex(t, encoded))
			var got []string
			for _, a := range attachments {
				got = append(got, hex.EncodeToString(a))
			}
			if err != nil || string(text) != row.Text || !slices.Equal(got, row.Attachments) && len(got)+len(row.Attachments) > 0 {
				t.Errorf("%s, %s: got %.200s, %q, %v; want %.200s, %q", row.Name, library, text, got, err, row.Text, row.Attachments)
			}
		}
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"1e20 as notepack.io writes it", "cf6bc75e2d63100000", "7766279631452242000"},
		{"1e300 as notepack.io writes it", "cf0000000000000000", "0"},
		{"largest uint64", "cfffffffffffffffff", "18446744073709552000"},
		{"smallest int64", "d38000000000000000", "-9223372036854776000"},
		{"2^53+1", "cf0020000000000001", "9007199254740992"},
		{"-2^53-1", "d3ffdfffffffffffff", "-9007199254740992"},
		{"float32", "ca3dcccccd", "0.10000000149011612"},
		{"1e21", "cb444b1ae4d6e2ef50", "1e+21"},
		{"1e-7", "cb3e7ad7f29abcaf48", "1e-7"},
		{"1e100", "cb54b249ad2594c37d", "1e+100"},
		{"minus zero", "cb8000000000000000", "0"},
		{"NaN in float32", "ca7fc00000", "null"},
		{"lone surrogate of notepack.io", "a4f09081b8", `"` + "\U00010078" + `"`},
		{"lone surrogate of @msgpack/msgpack", "a4eda08078", `"` + "\ufffd\ufffd\ufffd" + `x"`},
		{"invalid UTF-8 in a name", "81a1ff01", `{"` + "\ufffd" + `":1}`},
		{"undefined of old versions of notepack.io", "d40000", "null"},
		{"Date of old versions of notepack.io", "d70000000000000005dc", `"1970-01-01T00:00:01.500Z"`},
		{"ArrayBuffer of old versions of notepack.io", "c702000304", `{"_placeholder":true,"num":0}`},
		{"unknown extension", "d505ffff", "null"},
		{"unknown extension of a length", "c80003 2a 010203", "null"},
		{"types that the library reads specially", "93 d703000000 0000000000 d805 00000000 00000000 00000000 00000000 c70c05 00000000 00000000 00000000", "[null,null,null]"},
		{"timestamp of a wrong length", "d5ffffff", "null"},
		{"timestamp with too many nanoseconds", "d7ffffffffff00000000", "null"},
		{"timestamp out of range", "c70cff 00000000 7fffffffffffffff", "null"},
		{"timestamp just out of range", "c70cff 000f4240 000007dba8218000", "null"},
		{"nanoseconds before 1970 are truncated towards zero", "c70cff 3b9ac9ff ffffffffffffffff", `"1970-01-01T00:00:00.000Z"`},
		{"names that are not strings", "86 01 a1 61 c0 a1 62 c3 a1 63 cb3ff8000000000000 a1 64 c402 6869 a1 65 ff a1 66", `{"1":"a","null":"b","true":"c","1.5":"d","hi":"e","-1":"f"}`},
		{"a name given twice", "82 a161 01 a161 02", `{"a":1,"a":2}`},
		{"a placeholder without attachments", "82 ac5f706c616365686f6c646572 c3 a36e756d 00", `{"_placeholder":true,"num":0}`},
	} {
		if text, _, err := Decode(unhex(t, c.in)); err != nil || string(text) != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.name, text, err, c.want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := func(n int) []byte { return append(bytes.Repeat([]byte{0x91}, n), 0xc0) }
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, ErrMalformed},
		{"invalid byte", unhex(t, "c1"), ErrMalformed},
		{"trailing bytes", unhex(t, "0101"), ErrMalformed},
		{"array longer than the input", unhex(t, "ddffffffff"), ErrMalformed},
		{"map longer than the input", unhex(t, "dfffffffff"), ErrMalformed},
		{"string longer than the input", unhex(t, "dbffffffff61"), ErrMalformed},
		{"binary longer than the input", unhex(t, "c6ffffffff61"), ErrMalformed},
		{"extension longer than the input", unhex(t, "c9ffffffff0061"), ErrMalformed},
		{"half a number", unhex(t, "cb3ff8"), ErrMalformed},
		{"map with half a member", unhex(t, "81a161"), ErrMalformed},
		{"array as a name", unhex(t, "819001"), ErrMalformed},
		{"extension as a name", unhex(t, "81d4000001"), ErrMalformed},
		{"nested too deep", deep(maxDepth + 1), ErrTooDeep},
		{"5 MB of nested arrays", deep(5 << 20), ErrTooDeep},
		{"placeholder beside binary data", unhex(t, "92 82 ac5f706c616365686f6c646572 c3 a36e756d 00 c40101"), ErrPlaceholder},
		{"placeholder after binary data, its name in binary", unhex(t, "92 c40101 81 c40c5f706c616365686f6c646572 c3"), ErrPlaceholder},
		{"text that is too large", append(unhex(t, "db00b00000"), make([]byte, 11<<20)...), ErrTooLarge},
	} {
		if text, attachments, err := Decode(c.in); !errors.Is(err, c.want) || len(text) > 0 || attachments != nil {
			t.Errorf("%s: got %.40q, %d attachments, %v; want %v", c.name, text, len(attachments), err, c.want)
		}
	}
	if _, _, err := Decode(deep(maxDepth)); err != nil {
		t.Errorf("nested just deep enough: %v", err)
	}
}

// TestLengthsDoNotAllocate checks that a length in the input does not determine how much memory
// is allocated.
func TestLengthsDoNotAllocate(t *testing.T) {
	for _, in := range []string{"ddffffffff", "dfffffffff", "dbffffffff", "c6ffffffff", "c9ffffffff00", "92c0ddfffffff0"} {
		b := unhex(t, in)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 100 {
			Decode(b)
		}
		runtime.ReadMemStats(&after)
		if size := after.TotalAlloc - before.TotalAlloc; size > 1<<20 {
			t.Errorf("%s: %d bytes are allocated", in, size/100)
		}
	}
}

func TestDecodeWithoutAttachments(t *testing.T) {
	text, err := DecodeWithoutAttachments(unhex(t, "82 a162 c4020304 ac5f706c616365686f6c646572 c3"))
	if want := `{"b":"AwQ=","_placeholder":true}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v; want %s", text, err, want)
	}
}

func TestReader(t *testing.T) {
	r := NewReader(unhex(t, "98 a161 cd0100 81 c0 c4020304 c3 92 a3782d79 7b c0 c0 05"))
	if n := r.Array(); n != 8 {
		t.Fatalf("array of %d", n)
	}
	text, ok := r.Text()
	number, ok2 := r.Text()
	if !ok || !ok2 || text != "a" || number != "256" {
		t.Errorf("texts %q and %q", text, number)
	}
	if r.IsArray() || !r.IsMap() || r.Map() != 1 || string(r.Key()) != "null" {
		t.Error("the map was not read")
	}
	if text, attachments := r.JSON(); string(text) != `{"_placeholder":true,"num":0}` || len(attachments) != 1 {
		t.Errorf("got %s, %x", text, attachments)
	}
	if !r.True() {
		t.Error("true was not read")
	}
	r.Skip()
	if !r.IsNil() || r.True() {
		t.Error("null was not read")
	}
	if s, ok := r.Text(); ok || s != "" {
		t.Error("null was read as a text")
	}
	if s, ok := r.Text(); !ok || s != "5" {
		t.Error("5 was not read")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, ok := r.Text(); ok || r.IsNil() || r.True() || r.Close() == nil {
		t.Error("reading after the end is not an error")
	}
}

func TestTextReplacesInvalidUTF8(t *testing.T) {
	if s, ok := NewReader(unhex(t, "a461ffed62")).Text(); !ok || s != "a\ufffd\ufffdb" {
		t.Errorf("got %q, %t", s, ok)
	}
}

// TestSkipDoesNotRecurse skips what the library's Skip would recurse into.
func TestSkipDoesNotRecurse(t *testing.T) {
	r := NewReader(append(bytes.Repeat([]byte{0x91}, 1<<20), 0xc0))
	r.Skip()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r = NewReader(unhex(t, "92dfffffffff"))
	r.Skip()
	if r.Close() == nil {
		t.Error("a truncated map was skipped")
	}
}
