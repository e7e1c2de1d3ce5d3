package wirejson

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

var simpleSeeds = []string{
	`[]`, `["a"]`, `["a","b c",1,-2,0,true,false,null]`, `[12345678901234567890]`, `["",""]`,
	``, `[`, `]`, `[,]`, `["a",]`, `["a"`, `["a`, `["a"]]`, `["a"] `, ` ["a"]`, `[ "a"]`, `["a" ]`, `["a""b"]`, `["a"],`, `"a"`,
	`[01]`, `[-]`, `[-0]`, `[-01]`, `[00]`, `[1.5]`, `[1e3]`, `[1.]`, `[+1]`, `[1-1]`, `[tru]`, `[true1]`, `[nulll]`, `[n`, `[True]`,
	`["\n"]`, `["a\\"]`, "[\"\x7f\"]", "[\"\x1f\"]", `["é"]`, "[\"\xff\"]", `[[]]`, `[{}]`, `["a",{"b":[1]}]`, `[1,[2]]`, "[\"a\",\x00]",
}

// checkSimple checks that an array that needs no parser is read as the parser reads it.
func checkSimple(t *testing.T, b []byte) {
	t.Helper()
	var want [][]byte
	err := eachOfPeerArray(b, 1, func(value []byte) { want = append(want, value) })
	got, ok := appendSimple(nil, b, true)
	if _, valid := appendSimple(nil, b, false); valid != ok {
		t.Errorf("appendSimple(%q) reports %v and %v", b, ok, valid)
	}
	if ok && (err != nil || !slices.EqualFunc(got, want, bytes.Equal)) {
		t.Errorf("appendSimple(%q) = %q; the parser says %q, %v", b, got, want, err)
	}
	name, ok := FirstString(b)
	if ok && err == nil && (len(want) == 0 || string(want[0]) != `"`+string(name)+`"`) {
		t.Errorf("FirstString(%q) = %q; the parser says %q", b, name, want)
	}
}

func TestSimpleArrays(t *testing.T) {
	for _, text := range simpleSeeds {
		checkSimple(t, []byte(text))
	}
	for _, text := range []string{`[]`, `["a"]`, `["a","b c",1,-2,0,true,false,null]`} {
		if _, ok := appendSimple(nil, []byte(text), true); !ok {
			t.Errorf("%s needs the parser", text)
		}
	}
	long := []byte(`["` + strings.Repeat("a", longestSimple) + `"]`)
	if _, ok := appendSimple(nil, long, true); ok {
		t.Error("a long array was read without the parser")
	}
	if ValidPeerArray([]byte(`["a"]`), 0) {
		t.Error("an array is valid at depth 0")
	}
}

func FuzzSimpleArrays(f *testing.F) {
	for _, text := range simpleSeeds {
		f.Add([]byte(text))
	}
	f.Fuzz(checkSimple)
}

func BenchmarkSmallArray(b *testing.B) {
	for _, text := range []string{`["message","01234567890123456789",12]`, `["message",{"text":"0123456789"}]`} {
		b.Run(text, func(b *testing.B) {
			var room [4][]byte
			b.ReportAllocs()
			for b.Loop() {
				if _, err := AppendPeerArray(room[:0], []byte(text), 10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
