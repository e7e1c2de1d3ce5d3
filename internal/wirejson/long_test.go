package wirejson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// A long array, which is read in parts, must be split as a short one.
func TestSplitLongArrays(t *testing.T) {
	padding := `"` + strings.Repeat("x", longArray) + `"`
	elements := []string{
		`1`, `"a"`, `null`, `[]`, `{}`, ` [ ] `, `[[[1]]]`, `{"a":{"b":{"c":[1,{"d":2}]}}}`, `[{"a":1},{"a":[1,2,[3]]},"x",-1.5e3]`,
		`{"a":1,"a":2}`, `"\ud800"`, `[1,2` + "\n" + `,3]`, `"\\\""`,
	}
	text := []byte("[" + padding + "," + strings.Join(elements, ",") + ",[" + padding + "]]")
	got, err := SplitPeerArray(text, 64)
	if err != nil || len(got) != len(elements)+2 {
		t.Fatalf("%d elements, %v", len(got), err)
	}
	for i, want := range elements {
		if got := string(got[i+1]); got != strings.TrimSpace(want) {
			t.Errorf("element %d is %s, want %s", i, got, want)
		}
	}
	var plain []json.RawMessage
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	for i := range plain {
		if !bytes.Equal(plain[i], got[i]) {
			t.Errorf("element %d differs from that of encoding/json", i)
		}
	}
}

func TestSplitLongArraysThatAreWrong(t *testing.T) {
	padding := `["` + strings.Repeat("x", longArray) + `",`
	for _, wrong := range []string{``, `1`, `[`, `[1`, `[1,]]`, `{]]`, `{"a"}]`, `{"a":1]]`, `[}]`, `{"a":1,}]`, `{1:2}]`, `[1 2]]`, `[[1]`, `tru]`, `1]]`, `1]x`} {
		if _, err := SplitPeerArray([]byte(padding+wrong), 64); err == nil {
			t.Errorf("accepted: ...%s", wrong)
		}
	}
	deep := padding + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "]"
	if _, err := SplitPeerArray([]byte(deep), 64); err != ErrDepth {
		t.Errorf("nesting that is too deep: %v", err)
	}
	if _, err := SplitPeerArray([]byte(deep), 65); err != nil {
		t.Errorf("nesting at the limit: %v", err)
	}
}

func BenchmarkSplitLongArray(b *testing.B) {
	const object = `{"id":123456,"name":"a name of some length","tags":["one","two","three"],"at":1735689600.25,"ok":true}`
	text := []byte(`["event",[` + strings.Repeat(object+",", 960_000/len(object)) + object + `]]`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := SplitPeerArray(text, 64); err != nil {
			b.Fatal(err)
		}
	}
}
