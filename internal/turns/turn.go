package turns

import (
	"runtime"
	"time"
)

// A Turn is the time for which a goroutine that always has more to do may keep others from the
// processors. The goroutine calls Step or Check between two pieces of work, which end the turn,
// and begin the next one, when it has lasted long enough. Goroutines that wait for the network
// run in between, also if all processors have been busy. The zero Turn begins with the first
// look at the clock. A nil *Turn never ends. Only one goroutine may use a Turn at a time.
type Turn struct {
	began  time.Duration // since epoch; zero means not yet
	looked time.Duration // at the clock
	gave   time.Duration // when Give let others run
	steps  uint32
}

const (
	// turnTime is how long a turn lasts. Its end costs some 3 us.
	turnTime = 100 * time.Microsecond
	// giveTime and stepsPerGive are how long a goroutine goes on, and how many pieces of work it does, before
	// Give lets others run.
	giveTime     = 10 * time.Microsecond
	stepsPerGive = 8
	// stepsPerLook is how many short pieces of work are done between two looks at the clock.
	stepsPerLook = 16
	// waited is how much time passes between two looks if the goroutine has waited meanwhile.
	waited = 50 * time.Microsecond
)

var epoch = time.Now().Add(-time.Second)

// Step is Check for pieces of work that take a few microseconds at most.
func (t *Turn) Step() {
	if t == nil {
		return
	}
	if t.steps++; t.steps%stepsPerLook == 0 {
		t.Check()
	}
}

// Check ends the turn if it has lasted long enough.
func (t *Turn) Check() {
	if t == nil {
		return
	}
	t.looked = time.Since(epoch)
	switch {
	case t.began == 0:
		t.began = t.looked
	case t.looked-t.began >= turnTime:
		Pass()
		t.looked = time.Since(epoch)
		t.began = t.looked
	}
}

// Give is Check that lets runnable goroutines run once in some microseconds or pieces of work, also if the turn
// has not ended. Doing so after each piece of work would cost as much as a small piece of work.
func (t *Turn) Give() {
	if t == nil {
		return
	}
	t.Check()
	if t.steps++; t.steps%stepsPerGive == 0 || t.looked-t.gave >= giveTime {
		runtime.Gosched()
		t.gave = time.Since(epoch)
	}
}

// Waited begins a new turn if the goroutine has waited since Check, for example in a call that
// waits only if there is nothing to read.
func (t *Turn) Waited() {
	now := time.Since(epoch)
	if now-t.looked >= waited {
		t.began = now
	}
	t.looked = now
}

// Pass lets others run: first those that are runnable, then those for which there is something on
// the network. Go's scheduler looks at the network when a processor has nothing else to do, and
// otherwise only every 10 ms, so goroutines that only yield to each other would keep all others
// waiting. Therefore Pass goes through the network poller itself. At most one goroutine does so
// at a time, and others wait for it. Where that is not possible, Pass only yields.
func Pass() {
	if !throughNetwork() {
		runtime.Gosched()
	}
}
