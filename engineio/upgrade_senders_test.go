package engineio

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestUpgradeBetweenSenders checks that nothing is lost, repeated or reordered that is sent while a session is upgraded, at whatever moment
// the upgrade comes, with messages of all sizes.
func TestUpgradeBetweenSenders(t *testing.T) {
	const sessions, each, senders = 12, 40, 2
	for name, serve := range map[string]serveFunc{"tcp": newTCP, "parked": newParked} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, Options{MaxOutbound: 64 << 20}, nil)
			for i := range sessions {
				query, c := f.open()
				var send sync.WaitGroup
				for sender := range senders {
					send.Go(func() {
						for n := range each {
							size := []int{1, 100, longMessage, 3 * maxBatch / 2}[(n+sender)%4]
							m := NewMessage(append(fmt.Appendf(nil, "%d:%d:", sender, n), filler(sender, n, size)...))
							send := c.s.Send
							if n%3 == 0 {
								send = c.s.SendShared
							}
							if err := send(m); err != nil {
								t.Errorf("session %d: %v", i, err)
							}
						}
					})
				}
				next := make([]int, senders)
				left := each * senders
				got := func(packet string) {
					if packet == "6" || packet == "2" {
						return
					}
					var sender, n int
					_, err := fmt.Sscanf(packet, "4%d:%d:", &sender, &n)
					head := fmt.Sprintf("4%d:%d:", sender, n)
					if err != nil || n != next[sender] || strings.Trim(packet[len(head):], string(filler(sender, n, 1))) != "" {
						t.Fatalf("session %d: got %.30q, want message %v", i, packet, next)
					}
					next[sender]++
					left--
				}
				poll := func() {
					for packet := range strings.SplitSeq(f.must("GET", query, "").body, "\x1e") {
						got(packet)
					}
				}
				for range i % 4 {
					if left > 0 {
						poll()
					}
				}
				w := f.upgradeSocket(query)
				polled := make(chan string, 1)
				go func() { polled <- f.must("GET", query, "").body }()
				w.write("2probe")
				w.expect("3probe")
				for packet := range strings.SplitSeq(<-polled, "\x1e") {
					got(packet)
				}
				w.write("5")
				for left > 0 {
					got(w.read())
				}
				send.Wait()
				c.s.Close(ForcedClose)
				w.expect("close")
				w.close()
			}
		})
	}
}
