package denyredis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/rueidis"
)

// errNotWritten says that Redis answers, but not what this node writes.
var errNotWritten = errors.New("what this node writes is not accepted")

// notWritten returns the error of a command that writes. If Redis has not answered it, for example
// because the connection was lost, it is not a refusal.
func notWritten(err error) error {
	if _, refused := rueidis.IsRedisErr(err); !refused {
		return err
	}
	return fmt.Errorf("%w: %w", errNotWritten, err)
}

// failed notes why the list is not read or written, logs that if it was both before, and waits
// before the next attempt.
func (d *Denylist) failed(err error) {
	if d.ctx.Err() != nil {
		return
	}
	d.mu.Lock()
	first := d.failure == nil
	if first {
		d.failing = time.Now()
	}
	d.failure = err
	d.mu.Unlock()
	if first {
		text := "auth/denyredis: Redis does not answer; revocations of other nodes do not arrive"
		if errors.Is(err, errNotWritten) {
			text = "auth/denyredis: Redis does not accept writes; revocations of this node do not reach other nodes"
		}
		d.opts.Logger.Error(text, "stream", d.opts.Prefix, "error", err)
	}
	select {
	case <-time.After(100*time.Millisecond + rand.N(400*time.Millisecond)):
	case <-d.ctx.Done():
	}
}

// works notes that the list was read to its end, and that Redis accepts writes.
func (d *Denylist) works() {
	d.mu.Lock()
	failure, since := d.failure, d.failing
	d.failure = nil
	d.mu.Unlock()
	if failure != nil {
		d.opts.Logger.Info("auth/denyredis: Redis answers and accepts writes again, and the list was read to its end", "stream", d.opts.Prefix, "after", time.Since(since).Round(time.Millisecond))
	}
}
