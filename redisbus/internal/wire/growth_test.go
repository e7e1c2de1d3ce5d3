//go:build unix

package wire

import (
	"fmt"
	"strings"
	"testing"

	"socketiojwt/internal/growth"
	"socketiojwt/socketio"
)

// Messages are written and read in time that is proportional to their length, on each wire.
func TestMessagesGrowLinearly(t *testing.T) {
	names := func(n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprint("room ", i)
		}
		return all
	}
	array := func(n int, item string) []byte {
		return []byte(`["e"` + strings.Repeat(","+item, n) + `]`)
	}
	all := socketio.Selector{All: true}
	for name, message := range map[string]func(n int) socketio.Message{
		"rooms": func(n int) socketio.Message {
			return socketio.Message{Kind: socketio.KindBroadcast, To: socketio.Selector{Rooms: names(n)}, Data: array(1, "1")}
		},
		"except": func(n int) socketio.Message {
			return socketio.Message{Kind: socketio.KindBroadcast, To: socketio.Selector{All: true, Except: names(n)}, Data: array(1, "1")}
		},
		"arguments": func(n int) socketio.Message {
			return socketio.Message{Kind: socketio.KindBroadcast, To: all, Data: array(n, `{"a":[1.5,"\n",null]}`)}
		},
		"attachments": func(n int) socketio.Message {
			m := socketio.Message{Kind: socketio.KindBroadcast, To: all}
			data, attachments, err := socketio.EncodeEvent("e", attachmentsOf(n)...)
			if err != nil {
				t.Fatal(err)
			}
			m.Data, m.Attachments = data, attachments
			return m
		},
		"join": func(n int) socketio.Message {
			return socketio.Message{Kind: socketio.KindJoin, To: all, Rooms: names(n)}
		},
	} {
		for wire, codec := range map[string]interface {
			Encode(*socketio.Message) (string, []byte, error)
		}{"classic": Classic{Prefix: "p", UID: "uid"}, "sharded": Sharded{Prefix: "p", UID: "uid"}, "streams": Streams{Prefix: "p", UID: "uid"}} {
			t.Run(name+", "+wire, func(t *testing.T) {
				growth.Linear(t, 300, func(n int) func() {
					m := message(n)
					m.Namespace = "/"
					_, payload, err := codec.Encode(&m)
					if err != nil {
						t.Fatal(err)
					}
					return func() {
						_, _, _ = codec.Encode(&m)
						_, _ = Classic{UID: "other"}.DecodeBroadcast("/", payload)
						_, _ = Classic{UID: "other"}.DecodeRequest("/", payload)
						_, _ = Classic{UID: "other"}.DecodeResponse("/", payload)
						_, _ = Sharded{UID: "other"}.Decode("/", payload)
						_, _ = Streams{UID: "other"}.Decode("/", payload)
					}
				})
			})
		}
	}
}

func attachmentsOf(n int) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = []byte("data")
	}
	return all
}
