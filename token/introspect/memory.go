package introspect

import (
	"container/list"
	"crypto/sha256"
	"time"

	"socketiojwt/token"
)

// digest is the SHA-256 of a token, under which it is remembered.
type digest = [sha256.Size]byte

// verdict is what is remembered of a token: that it is good, or why not.
type verdict struct {
	key   digest
	token *token.Token
	err   error
	since time.Time
	until time.Time
}

// holds reports whether a verdict may be used. It may not if the clock was set back. A now
// that is a little before since was read before the response came.
func (d *verdict) holds(now time.Time) bool {
	return now.Sub(d.since) > -time.Second && now.Before(d.until)
}

// A memory keeps up to most verdicts. The least recently used one is forgotten first.
type memory struct {
	most     int
	verdicts map[digest]*list.Element
	used     *list.List // of *verdict; the most recently used one is in front
}

func newMemory(most int) memory {
	return memory{most: most, verdicts: make(map[digest]*list.Element), used: list.New()}
}

// find returns the verdict on a token, or nil.
func (m *memory) find(key digest, now time.Time) *verdict {
	e := m.verdicts[key]
	if e == nil {
		return nil
	}
	if d := e.Value.(*verdict); d.holds(now) {
		m.used.MoveToFront(e)
		return d
	}
	m.forget(key)
	return nil
}

// put remembers a verdict.
func (m *memory) put(d verdict) {
	m.forget(d.key)
	m.verdicts[d.key] = m.used.PushFront(&d)
	if len(m.verdicts) > m.most {
		m.forget(m.used.Back().Value.(*verdict).key)
	}
}

// forget drops the verdict on a token, if there is one.
func (m *memory) forget(key digest) {
	if e := m.verdicts[key]; e != nil {
		m.used.Remove(e)
		delete(m.verdicts, key)
	}
}
