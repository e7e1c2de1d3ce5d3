package redisbus

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
)

// A window takes each number once, in any order, unless it is too late by windowSize.
func TestWindow(t *testing.T) {
	var w window
	for i, step := range []struct {
		n    uint64
		want bool
	}{
		{0, false}, {1, true}, {1, false}, {3, true}, {2, true}, {2, false}, {3, false},
		{70, true}, {64, true}, {69, true}, {64, false},
		{windowSize, true}, {windowSize + 1, true}, {1, false}, {4, true}, {windowSize, false},
		{10 * windowSize, true}, {9*windowSize + 1, true}, {9 * windowSize, false}, {windowSize + 2, false},
		{10*windowSize + 5, true}, {10 * windowSize, false}, {10*windowSize + 4, true},
	} {
		if got := w.take(step.n); got != step.want {
			t.Errorf("step %d: take(%d) is %t", i, step.n, got)
		}
	}
	w.skip(20 * windowSize)
	for n, want := range map[uint64]bool{20 * windowSize: false, 20*windowSize - 1: false, 20*windowSize + 1: true, 20*windowSize + 70: true} {
		if got := w.take(n); got != want {
			t.Errorf("after skip: take(%d) is %t", n, got)
		}
	}
}

// A message on the channel of all nodes is accepted from a sender that has made itself known, if
// it was sent after that.
func TestSpeakersMakeThemselvesKnown(t *testing.T) {
	var s speakers
	message := func(n uint64) stamp { return stamp{from: "x", used: [classes]uint64{3, n}, at: 1} }
	for i, step := range []struct {
		n                 uint64
		mine              bool
		accepted, unknown bool
	}{
		{7, false, false, true},
		{8, true, true, false},
		{7, false, false, false},
		{8, false, false, false},
		{8, true, false, false},
		{9, false, true, false},
		{9, false, false, false},
		{9, true, true, false},
	} {
		if accepted, unknown, _ := s.accept(message(step.n), classMessage, step.mine); accepted != step.accepted || unknown != step.unknown {
			t.Errorf("step %d: accept(%d) is %t, %t", i, step.n, accepted, unknown)
		}
	}
	if accepted, _, _ := s.accept(message(9), classPresence, false); accepted {
		t.Error("a heartbeat from before the sender was known was accepted")
	}
}

// That a sender with a clock that is ahead was forgotten does not keep later ones out.
func TestForgottenSenderWithAClockThatIsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s speakers
		for i := range mostSpeakers + 2 {
			time.Sleep(10 * time.Millisecond)
			at := uint64(time.Now().UnixMilli())
			if i == 0 {
				at += uint64(24 * time.Hour / time.Millisecond)
			}
			from := stamp{from: socketio.NodeID(fmt.Sprint(i)), used: [classes]uint64{1, 0}, at: at}
			if accepted, _, _ := s.accept(from, classPresence, true); !accepted {
				t.Fatalf("sender %d is refused", i)
			}
		}
	})
}

// A sender whose messages were dropped before it was known is reported once, when it is known.
func TestDroppedMessagesOfUnknownSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s speakers
		began := time.Now()
		send := func(id string, n uint64, class int, mine bool) time.Time {
			used := [classes]uint64{n, n}
			_, _, since := s.accept(stamp{from: socketio.NodeID(id), used: used, at: 1}, class, mine)
			return since
		}
		for i, step := range []struct {
			id    string
			class int
			mine  bool
			want  bool
		}{
			{"a", classPresence, false, false}, {"a", classPresence, true, false},
			{"b", classMessage, false, false}, {"b", classMessage, false, false},
			{"c", classPresence, true, false},
			{"b", classPresence, true, true}, {"b", classPresence, true, false}, {"b", classMessage, false, false},
		} {
			since := send(step.id, uint64(i+1), step.class, step.mine)
			if since.IsZero() == step.want || step.want && !since.Equal(began.Add(2*time.Second)) {
				t.Errorf("step %d: since %v", i, since)
			}
			time.Sleep(time.Second)
		}
		for i := range 2 * mostUnknown {
			send(fmt.Sprint(i), 1, classMessage, false)
		}
		if len(s.dropped) != mostUnknown {
			t.Errorf("%d senders are noted", len(s.dropped))
		}
		if since := send(fmt.Sprint(2*mostUnknown-1), 2, classPresence, true); since.IsZero() {
			t.Error("a sender beyond the bound is not reported")
		}
	})
}

// The number of senders is bounded, and the messages of one that was forgotten stay refused.
func TestSpeakersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s speakers
		message := func(i int) stamp {
			return stamp{from: socketio.NodeID(fmt.Sprint(i)), used: [classes]uint64{1, 0}, at: uint64(i + 1)}
		}
		for i := range mostSpeakers + 10 {
			time.Sleep(time.Millisecond)
			if accepted, _, _ := s.accept(message(i), classPresence, true); !accepted {
				t.Fatalf("sender %d is refused", i)
			}
		}
		if len(s.known) != mostSpeakers {
			t.Errorf("%d senders", len(s.known))
		}
		for i := range mostSpeakers + 10 {
			if accepted, unknown, _ := s.accept(message(i), classPresence, true); accepted || unknown {
				t.Errorf("the message of sender %d is accepted again", i)
			}
		}
		asked := 0
		for i := range 10 * mostUnknown {
			for range 2 {
				if s.mayAsk(socketio.NodeID(fmt.Sprint(i))) {
					asked++
				}
			}
		}
		if asked != mostUnknown {
			t.Errorf("asked %d", asked)
		}
		time.Sleep(2 * askAgain)
		if !s.mayAsk("1") || s.mayAsk("1") {
			t.Error("it is not asked once more")
		}
	})
}
