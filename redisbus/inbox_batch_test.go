package redisbus

import (
	"slices"
	"testing"
	"testing/synctest"
)

// The messages of a namespace that have arrived together are delivered together, up to a bound. Those
// of other lanes are not, because they run code of the program.
func TestMessagesAreDeliveredTogether(t *testing.T) {
	for name, test := range map[string]struct {
		letters int
		want    []int // messages of each batch; 0 for one that was delivered without a batch
	}{
		"/":     {150, []int{0, maxTogether, maxTogether, 150 - 1 - 2*maxTogether}},
		"/chat": {2, []int{0, 0}},
		laneOwn: {4, []int{0, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []int
				within := 0
				blocked := make(chan struct{})
				in := &inbox{most: 1 << 20}
				in.deliver = func(letter) {
					<-blocked // the first one waits until the others have arrived
					if within++; within == 1 {
						got = append(got, 0)
						within = 0
					}
				}
				batch := func(f func()) {
					within = 1
					f()
					got, within = append(got, within-1), 0
				}
				in.batch.Store(&batch)
				in.put(name, letter{})
				synctest.Wait()
				for range test.letters - 1 {
					in.put(name, letter{})
				}
				close(blocked)
				synctest.Wait()
				if !slices.Equal(got, test.want) {
					t.Errorf("got %v, want %v", got, test.want)
				}
				if in.events.bytes != 0 {
					t.Errorf("%d bytes are counted", in.events.bytes)
				}
			})
		})
	}
}
