package logging

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"
)

// A Sampler bounds the log lines that peers can cause. It passes at most PerMinute
// lines a minute, and one line for a key in each Repeat, and counts the others. Once
// it has passed a key, that key does not take the place of a new one, so a flood of
// lines hides another line for no longer than the flood brings new keys. The fields
// must not change after the first call of Pass, which may be called concurrently.
type Sampler struct {
	PerMinute int
	Repeat    time.Duration

	mu         sync.Mutex
	seed       maphash.Seed
	passed     map[uint64]time.Time // keys by their hash, since peers choose them
	minute     time.Time            // when the minute began that lines counts
	lines      int
	suppressed int
}

// maxPassed bounds the keys that a Sampler remembers.
const maxPassed = 1000

// Pass reports whether to log a line with this key. If so, it also returns how many lines
// were suppressed since the last one that was logged.
func (s *Sampler) Pass(key string) (suppressed int, ok bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passed == nil {
		s.seed, s.passed = maphash.MakeSeed(), make(map[uint64]time.Time)
	}
	if now.Sub(s.minute) >= time.Minute {
		s.minute, s.lines = now, 0
	}
	hash := maphash.String(s.seed, key)
	last, seen := s.passed[hash]
	if s.lines >= s.PerMinute || seen && now.Sub(last) < s.Repeat {
		s.suppressed++
		return 0, false
	}
	if len(s.passed) >= maxPassed {
		clear(s.passed)
	}
	s.passed[hash] = now
	s.lines++
	suppressed, s.suppressed = s.suppressed, 0
	return suppressed, true
}

// Log logs a line that peers can cause if it passes, with the number of those that were
// suppressed since the last, and otherwise at level Debug. Lines with one message and key
// are repetitions.
func (s *Sampler) Log(ctx context.Context, log *slog.Logger, level slog.Level, key, msg string, attrs ...any) {
	suppressed, ok := s.Pass(msg + "\n" + key)
	switch {
	case !ok:
		level = slog.LevelDebug
	case suppressed > 0:
		attrs = append(attrs, "suppressed", suppressed)
	}
	log.Log(ctx, level, msg, attrs...)
}

// Skip counts a line that is suppressed for another reason, whatever its key.
func (s *Sampler) Skip() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suppressed++
}
