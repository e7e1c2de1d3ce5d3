package wire

import (
	"testing"

	"socketiojwt/socketio"
)

// The message is a broadcast of 100 bytes to one room.
var benchmarked = event(r1, `["message",{"id":12345,"from":"somebody","text":"some text of a message that is not very long"}]`)

func BenchmarkClassicEncode(b *testing.B) { benchmarkEncode(b, Classic{UID: "u"}.Encode) }
func BenchmarkShardedEncode(b *testing.B) { benchmarkEncode(b, Sharded{UID: "u"}.Encode) }

func BenchmarkStreamsEntry(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Streams{UID: "u"}).Entry(&benchmarked); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkEncode(b *testing.B, encode func(*socketio.Message) (string, []byte, error)) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := encode(&benchmarked); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkClassicDecode(b *testing.B) {
	_, payload, err := Classic{UID: "x"}.Encode(&benchmarked)
	benchmarkDecode(b, payload, err, Classic{UID: "u"}.DecodeBroadcast)
}

func BenchmarkShardedDecode(b *testing.B) {
	_, payload, err := Sharded{UID: "x"}.Encode(&benchmarked)
	benchmarkDecode(b, payload, err, Sharded{UID: "u"}.Decode)
}

func BenchmarkStreamsDecodeEntry(b *testing.B) {
	fields, err := Streams{UID: "x"}.Entry(&benchmarked)
	entry := fieldMap(fields)
	benchmarkDecode(b, nil, err, func(string, []byte) (Received, error) { return Streams{UID: "u"}.DecodeEntry(entry) })
}

func benchmarkDecode(b *testing.B, payload []byte, err error, decode func(string, []byte) (Received, error)) {
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode("/", payload); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkClassicOwn drops a message of this node.
func BenchmarkClassicOwn(b *testing.B) {
	_, payload, err := Classic{UID: "u"}.Encode(&benchmarked)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Classic{UID: "u"}).DecodeBroadcast("/", payload); err != ErrOwn {
			b.Fatal(err)
		}
	}
}
