package admin

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"socketiojwt/token"
)

// idempotencyKey is the header that names a request, so that it is carried out once however often
// it is sent.
const idempotencyKey = "Idempotency-Key"

const (
	maxKey     = 255 // bytes
	maxRepeats = 10_000
	// repeatLife is how long a key is remembered, unless there are maxRepeats younger ones.
	repeatLife = 10 * time.Minute
)

// repeats remembers the keys of requests to this node. The zero value is empty.
type repeats struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*repeat
	order []remembered // by age
}

// repeat is a request that is carried out, or was.
type repeat struct {
	request [sha256.Size]byte
	done    bool
}

// remembered is a key and when it came. The key may be forgotten, or stand for a later request.
type remembered struct {
	key   [sha256.Size]byte
	entry *repeat
	since time.Time
}

// begin returns a function to call when the request was carried out or has failed. It returns nil
// if the request must not be carried out: because it was already, or because of a problem.
func (p *repeats) begin(caller *token.Token, r *http.Request, body []byte) (done func(ok bool), problem *failed) {
	name := r.Header.Get(idempotencyKey)
	if name == "" {
		return func(bool) {}, nil
	}
	if len(name) > maxKey {
		return nil, &failed{http.StatusBadRequest, "the Idempotency-Key has more than 255 bytes"}
	}
	key := sum(caller.Issuer, caller.Subject, name)
	if caller.Subject == "" { // several callers may have none
		key = sum(string(caller.Hash[:]), name)
	}
	entry := &repeat{request: sum(r.URL.Path, string(body))}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(now)
	switch known := p.known[key]; {
	case known == nil:
	case known.request != entry.request:
		return nil, &failed{http.StatusUnprocessableEntity, "the Idempotency-Key was used for another request"}
	case !known.done:
		return nil, &failed{http.StatusConflict, "a request with this Idempotency-Key is being carried out"}
	default:
		return nil, nil
	}
	if p.known == nil {
		p.known = make(map[[sha256.Size]byte]*repeat)
	}
	p.known[key] = entry
	p.order = append(p.order, remembered{key, entry, now})
	return func(ok bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		entry.done = true
		if !ok && p.known[key] == entry {
			delete(p.known, key)
		}
	}, nil
}

// forget forgets old keys. The caller holds mu.
func (p *repeats) forget(now time.Time) {
	old := 0
	for old < len(p.order) && (len(p.order)-old >= maxRepeats || now.Sub(p.order[old].since) >= repeatLife) {
		if first := p.order[old]; p.known[first.key] == first.entry {
			delete(p.known, first.key)
		}
		p.order[old] = remembered{}
		old++
	}
	if p.order = p.order[old:]; len(p.order) == 0 {
		p.order = nil
	}
}

// sum returns a hash of some texts and their lengths.
func sum(texts ...string) (out [sha256.Size]byte) {
	h := sha256.New()
	for _, text := range texts {
		one := sha256.Sum256([]byte(text))
		h.Write(one[:])
	}
	h.Sum(out[:0])
	return out
}
