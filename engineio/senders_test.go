package engineio

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// numbered is a sequence of messages of all sizes, with and without attachments, as texts, JSON and frames that exist
// already. The content of each message says which one it is.
func numbered(sender, i int) *Message {
	size := []int{0, 300, 3 << 10, longMessage, 3 * maxBatch / 4, 3 * maxBatch / 2, 3 * maxBatch}[(sender+i)%7]
	attachments := make([][]byte, i%3)
	for k := range attachments {
		attachments[k] = filler(sender, i, size/4+k)
	}
	head, rest := fmt.Appendf(nil, "%d:%d:%d:", sender, i, len(attachments)), filler(sender, i, size/2)
	switch i % 2 {
	case 0:
		return JoinJSONMessage(head, rest, attachments...)
	default:
		return NewMessage(append(head, rest...), attachments...)
	}
}

func filler(sender, i, size int) []byte {
	return bytes.Repeat([]byte{byte('a' + (7*sender+i)%26)}, size)
}

// readNumbered reads messages of numbered until the connection ends, and returns how many it has got of each sender. Every
// message must be whole, and the next one of its sender. A volatile sender may leave out some.
func readNumbered(w *socket, senders int, volatile map[int]bool, slow bool) []int {
	next := make([]int, senders)
	for n := 0; ; n++ {
		if slow && n%8 == 0 {
			time.Sleep(time.Millisecond)
		}
		text := w.read()
		var sender, i, attachments int
		if _, err := fmt.Sscanf(text, "4%d:%d:%d:", &sender, &i, &attachments); err != nil {
			if text != "close" {
				w.t.Errorf("got %.40q, want a message or the close frame", text)
			}
			return next
		}
		if i < next[sender] || i > next[sender] && !volatile[sender] {
			w.t.Errorf("sender %d: message %d, want %d", sender, i, next[sender])
			return next
		}
		next[sender] = i + 1
		want := numbered(sender, i)
		if text != "4"+string(want.text) {
			w.t.Errorf("sender %d: message %d has another text", sender, i)
			return next
		}
		for k, data := range want.attachments {
			got := w.read()
			if raw, ok := strings.CutPrefix(got, "b"); ok && !strings.HasPrefix(got, "binary:") {
				decoded, _ := base64.StdEncoding.DecodeString(raw)
				got = "binary:" + string(decoded)
			}
			if got != "binary:"+string(data) {
				w.t.Errorf("sender %d: attachment %d of message %d: got %.40q of %d bytes, want %d", sender, k, i, got, len(got), len(data))
				return next
			}
		}
	}
}

// TestManySendersOfAllSizes checks that a peer that reads fast, and one that reads slowly, gets all messages of many senders, whole and each
// sender's in order, and then the close frame, while it sends pings and messages that are answered.
func TestManySendersOfAllSizes(t *testing.T) {
	const senders, each = 5, 30 // the last but one sends volatile messages, the last one answers
	for name, tc := range map[string]struct {
		serve   func(*testing.T, Options, onOpen) *fixture
		query   string
		deflate bool
	}{
		"plain":   {onTCP, socketQuery, false},
		"base64":  {onTCP, socketQuery + "&b64=1", false},
		"deflate": {onTCP, socketQuery, true},
		"TLS":     {onTLS, socketQuery, false},
	} {
		t.Run(name, func(t *testing.T) {
			opts := Options{MaxOutbound: 256 << 20, PerMessageDeflate: tc.deflate}
			f := tc.serve(t, opts, func(c *recorder, _ *http.Request) Conn {
				answers := 0
				c.onMessage = func([]byte, bool) {
					_ = c.s.Send(numbered(senders-1, answers))
					answers++
				}
				return c
			})
			var read, send sync.WaitGroup
			var all []*recorder
			for peer := range 3 {
				w := f.socket(tc.query)
				if tc.deflate {
					w.close()
					<-f.opened
					w = f.deflateSocket(tc.query)
				}
				all = append(all, <-f.opened)
				w.read()
				send.Go(func() {
					for range each {
						w.raw(appendFrame(nil, clientSide, pingFrame, "", []byte("p")))
						w.write("4question")
					}
				})
				read.Go(func() {
					got := readNumbered(w, senders, map[int]bool{senders - 2: true}, peer > 0)
					for sender, n := range got {
						if n != each && sender != senders-2 {
							t.Errorf("peer %d: %d messages of sender %d, want %d", peer, n, sender, each)
						}
					}
					w.close()
				})
			}
			for sender := range senders - 1 {
				send.Go(func() {
					for i := range each {
						m := numbered(sender, i)
						for _, c := range all {
							var err error
							switch {
							case sender == senders-2:
								_ = c.s.SendVolatile(m)
							case sender%2 == 0:
								err = c.s.Send(m)
							default:
								err = c.s.SendShared(m)
							}
							if err != nil {
								t.Errorf("sender %d: message %d: %v", sender, i, err)
							}
						}
						f.srv.Yield()
					}
				})
			}
			send.Wait()
			for _, c := range all {
				eventually(t, "all questions are answered", func() bool { return len(c.got()) == each })
				c.s.Close(ForcedClose)
			}
			read.Wait()
		})
	}
}
