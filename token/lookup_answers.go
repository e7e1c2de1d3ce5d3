package token

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"socketiojwt/internal/guard"
)

// run makes the call of a lookup and keeps its result.
func (i *Issuers) run(l *lookup) {
	ctx, cancel := context.WithTimeout(i.life, i.opts.Timeout)
	l.err = fmt.Errorf("%w: the IssuerFunc did not return", ErrKey)
	defer func() { // runs also after runtime.Goexit in the function
		cancel()
		i.finish(l)
	}()
	l.verifier, l.err = i.ask(ctx, l.issuer)
}

// ask calls the IssuerFunc and turns its errors into errors of this package.
func (i *Issuers) ask(ctx context.Context, issuer string) (v *Verifier, err error) {
	defer func() {
		if value := recover(); value != nil {
			i.opts.Logger.Error("token: panic in an IssuerFunc", guard.Recovered(value).Attr())
			v, err = nil, fmt.Errorf("%w: the IssuerFunc panicked", ErrKey)
		}
	}()
	v, err = i.find(ctx, issuer)
	switch {
	case err != nil && slices.ContainsFunc(sentinels, func(ours error) bool { return errors.Is(err, ours) }):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: looking up the issuer: %w", ErrKeysUnavailable, err)
	case v == nil:
		return nil, unknownIssuer(issuer)
	case !slices.Contains(v.opts.Issuers, issuer):
		return nil, fmt.Errorf("%w: the Options.Issuers of the Verifier for %.200q must contain that issuer", ErrOptions, issuer)
	}
	return v, nil
}

// finish keeps the result of a lookup, unless another lookup or Forget came after it. It
// wakes the callers that wait for the result.
func (i *Issuers) finish(l *lookup) {
	a := i.answer(l) // reads the clock, which is user code, so before the lock is taken
	i.mu.Lock()
	if l.limited {
		i.limit.running--
	}
	dropped := []droppedVerifier{{l.issuer, l.verifier}}
	if i.lookups[l.issuer] == l {
		delete(i.lookups, l.issuer)
		if !i.closed {
			dropped = i.answers.put(l.issuer, a)
		}
	} else if a, known := i.answers.of(l.issuer); known && a.verifier == l.verifier {
		dropped = nil
	}
	i.mu.Unlock()
	close(l.done)
	i.drop(dropped...)
}

// answer returns the result of a lookup in the form that is kept.
func (i *Issuers) answer(l *lookup) answer {
	a := answer{verifier: l.verifier, err: l.err, since: i.opts.Now(), keep: i.opts.KeepFor}
	switch {
	case errors.Is(l.err, ErrIssuer):
		a.keep = i.opts.KeepUnknownFor
	case l.err != nil:
		a.keep = keepFailureFor
	}
	return a
}

// drop calls OnDrop for verifiers that are no longer used.
func (i *Issuers) drop(dropped ...droppedVerifier) {
	for _, d := range dropped {
		if d.verifier != nil && i.opts.OnDrop != nil {
			i.callOnDrop(d)
		}
	}
}

func (i *Issuers) callOnDrop(d droppedVerifier) {
	defer func() {
		if value := recover(); value != nil {
			i.opts.Logger.Error("token: panic in OnDrop", guard.Recovered(value).Attr())
		}
	}()
	i.opts.OnDrop(d.issuer, d.verifier)
}

type droppedVerifier struct {
	issuer   string
	verifier *Verifier // may be nil
}

// answer is the result of the IssuerFunc for an issuer.
type answer struct {
	issuer   string
	verifier *Verifier // of the last answer without an error; not used while err is set
	err      error
	since    time.Time
	keep     time.Duration
}

// holds reports whether the answer may still be used. It may not if the clock was set back. A
// now that is a little before since was read before the answer came.
func (a *answer) holds(now time.Time) bool {
	age := now.Round(0).Sub(a.since.Round(0)) // by the wall clock, which runs while the machine is suspended
	return age > -time.Second && age < a.keep
}

// answers are the kept answers. Those with a Verifier are bounded by most, the others by
// maxUnknown.
type answers struct {
	most    int
	known   map[string]*list.Element // those with a Verifier
	used    *list.List               // of *answer; the most recently used one is in front
	unknown map[string]*answer
}

func newAnswers(most int) answers {
	return answers{most: most, known: make(map[string]*list.Element), used: list.New(), unknown: make(map[string]*answer)}
}

// of returns the answer for an issuer, or nil if there is none, and whether it has a
// Verifier, which may be from an earlier answer.
func (s *answers) of(issuer string) (a *answer, known bool) {
	if e := s.known[issuer]; e != nil {
		s.used.MoveToFront(e)
		return e.Value.(*answer), true
	}
	return s.unknown[issuer], false
}

// put keeps an answer, and returns the verifiers that are no longer used.
func (s *answers) put(issuer string, a answer) (dropped []droppedVerifier) {
	a.issuer = issuer
	e := s.known[issuer]
	switch {
	case a.err == nil && e != nil:
		if old := e.Value.(*answer).verifier; old != a.verifier {
			dropped = append(dropped, droppedVerifier{issuer, old})
		}
		e.Value = &a
	case a.err == nil:
		delete(s.unknown, issuer)
		s.known[issuer] = s.used.PushFront(&a)
		if len(s.known) > s.most {
			dropped = append(dropped, s.forget(s.used.Back().Value.(*answer).issuer))
		}
	case e != nil && !errors.Is(a.err, ErrIssuer):
		a.verifier = e.Value.(*answer).verifier
		e.Value = &a
	default:
		dropped = append(dropped, s.forget(issuer))
		if len(s.unknown) >= maxUnknown {
			for one := range s.unknown { // any
				delete(s.unknown, one)
				break
			}
		}
		s.unknown[issuer] = &a
	}
	return dropped
}

// forget removes the answer for an issuer and returns its Verifier.
func (s *answers) forget(issuer string) droppedVerifier {
	delete(s.unknown, issuer)
	e := s.known[issuer]
	if e == nil {
		return droppedVerifier{}
	}
	delete(s.known, issuer)
	return droppedVerifier{issuer, s.used.Remove(e).(*answer).verifier}
}

// forgetAll removes all answers and returns their verifiers.
func (s *answers) forgetAll() (dropped []droppedVerifier) {
	for issuer := range s.known {
		dropped = append(dropped, s.forget(issuer))
	}
	clear(s.unknown)
	return dropped
}

// lookupLimit is a token bucket for lookups. Its capacity is the number of lookups that it
// gains in a second. It also counts the running lookups.
type lookupLimit struct {
	most    int
	running int
	spent   time.Time // the bucket is full a second after spent
}

// take reports whether one more lookup may begin, and counts it.
func (l *lookupLimit) take(now time.Time) bool {
	full := now.Add(-time.Second)
	// A now that is a little before spent was read before another call took a lookup. If it is
	// more than a second before, the clock was set back.
	if l.spent.Before(full) || l.spent.Sub(now) > time.Second {
		l.spent = full
	}
	each := time.Second / time.Duration(l.most)
	if l.running >= l.most || now.Sub(l.spent) < each {
		return false
	}
	l.spent = l.spent.Add(each)
	l.running++
	return true
}
