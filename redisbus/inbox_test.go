package redisbus

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
)

// Messages of a lane are delivered in order, one after the other. A lane that is slow does not
// hold up another.
func TestInboxKeepsOrderInALane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		got := make(map[string][]string)
		hold := make(chan struct{})
		in := &inbox{most: 1 << 20, ended: func(time.Time, time.Time) {}, deliver: func(l letter) {
			if l.payload[:1] == "a" {
				<-hold
			}
			mu.Lock()
			defer mu.Unlock()
			got[l.payload[:1]] = append(got[l.payload[:1]], l.payload[1:])
		}}
		var want []string
		for i := range 1000 {
			want = append(want, fmt.Sprint(i))
			in.put("a", letter{payload: "a" + want[i]})
			in.put("b", letter{payload: "b" + want[i]})
		}
		synctest.Wait()
		if !slices.Equal(got["b"], want) || len(got["a"]) > 0 {
			t.Errorf("b: %v, a: %v", got["b"], got["a"])
		}
		close(hold)
		synctest.Wait()
		if !slices.Equal(got["a"], want) || in.events.bytes != 0 || len(in.lanes) != 0 {
			t.Errorf("a: %v; %d bytes and %d lanes are left", got["a"], in.events.bytes, len(in.lanes))
		}
		in.close()
		in.put("a", letter{payload: "a"})
		if len(in.lanes) > 0 {
			t.Error("a message was accepted after close")
		}
	})
}

// Messages beyond the bound are dropped and counted, and the gap is reported once, when there is
// room again.
func TestInboxOverflows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		gaps, delivered := 0, 0
		var from, until time.Time
		in := &inbox{most: 10 * (letterBytes + 100), deliver: func(letter) { <-hold; delivered++ }}
		in.ended = func(f, u time.Time) { gaps++; from, until = f, u }
		text := string(make([]byte, 100))
		for range 25 {
			in.put("a", letter{payload: text})
		}
		time.Sleep(time.Second)
		in.put("a", letter{payload: text})
		synctest.Wait()
		if in.overflows() != 16 || gaps != 0 {
			t.Errorf("%d dropped, %d gaps", in.overflows(), gaps)
		}
		close(hold)
		synctest.Wait()
		if delivered != 10 || gaps != 1 || until.Sub(from) != time.Second || in.events.bytes != 0 {
			t.Errorf("%d delivered, %d gaps of %v, %d bytes", delivered, gaps, until.Sub(from), in.events.bytes)
		}
		in.put("a", letter{payload: string(make([]byte, 100_000))}) // a large one passes if no other waits
		synctest.Wait()
		if delivered != 11 {
			t.Errorf("%d delivered", delivered)
		}
	})
}

// A flood of events displaces no message of our own nodes and no reply, and the other way round.
func TestInboxHasBudgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		var mu sync.Mutex
		delivered := make(map[string]int)
		in := &inbox{most: 10 * (letterBytes + 1), ended: func(time.Time, time.Time) {}, deliver: func(l letter) {
			<-hold
			mu.Lock()
			defer mu.Unlock()
			delivered[l.payload]++
		}}
		for range 100 {
			in.put("/", letter{payload: "e"})
			in.put("/admin", letter{payload: "e"})
		}
		for range 20 {
			in.put(laneOwn, letter{payload: "o"})
			in.put(laneReplies, letter{payload: "r"})
		}
		in.put(laneOwn, letter{gone: &socketio.Message{}})
		close(hold)
		synctest.Wait()
		if delivered["e"] != 10 || delivered["o"] != 10 || delivered["r"] != 10 || delivered[""] != 1 || in.overflows() != 210 {
			t.Errorf("delivered %v, %d dropped", delivered, in.overflows())
		}
	})
}
