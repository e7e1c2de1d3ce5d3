package msgpack

import "testing"

// sample is the array of A.emit("test", 1, "2", Buffer [3,4]).
const sample = "94 a474657374 01 a132 c4020304"

func BenchmarkDecode(b *testing.B) {
	in := unhex(b, sample)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Decode(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	text, attachments := []byte(`["test",1,"2",{"_placeholder":true,"num":0}]`), [][]byte{{3, 4}}
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buffer, err = Append(buffer[:0], text, attachments); err != nil {
			b.Fatal(err)
		}
	}
}

// The object is like those that applications broadcast.
const object = `["price",{"symbol":"ABC","bid":101.25,"ask":101.5,"volume":123456,"at":1732717285123,"tags":["a","b"],"name":"Gr\u00fc\u00dfe","open":true}]`

func BenchmarkDecodeObject(b *testing.B) {
	in, err := Append(nil, []byte(object), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Decode(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendObject(b *testing.B) {
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buffer, err = Append(buffer[:0], []byte(object), nil); err != nil {
			b.Fatal(err)
		}
	}
}
