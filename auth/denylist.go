package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"socketiojwt/token"
)

// A Denylist is a list of revoked tokens and blocked subjects. NewDenylist makes one in memory.
// Its methods must be safe for concurrent use, and return soon after ctx is done.
type Denylist interface {
	// Add adds an entry. If the list has an entry with the same Revocation.ID, the result of
	// Revocation.Merge replaces it, so adding an entry twice is the same as adding it once.
	// When Add returns nil, Find finds the entry, also after a restart if the list is durable.
	// A list that is full returns an error that matches ErrDenylistFull, and forgets nothing
	// that could still concern a token. A durable list that cannot write should still find the
	// entry until the process ends.
	Add(ctx context.Context, r Revocation) error
	// Remove removes the block for m, the entry whose IssuedBefore is zero, unless it was made
	// (Revocation.At) after madeUntil. It does nothing if there is none.
	Remove(ctx context.Context, m Match, madeUntil time.Time) error
	// Find returns an entry that concerns the token now, if there is one; see
	// Revocation.Concerns. The gate calls it for each token that is shown, after the token has
	// entered the gate's index.
	Find(ctx context.Context, t *token.Token) (Revocation, bool, error)
	// List returns the first entries with an ID greater than after, in the order of their IDs,
	// at most so many. It leaves out entries that have ended. An empty after lists from the
	// beginning. An entry that is added or removed between two calls may be missing.
	List(ctx context.Context, after string, most int) ([]Revocation, error)
}

// ErrDenylistFull says that a Denylist has no room for another entry.
var ErrDenylistFull = errors.New("auth: the denylist is full")

// A Revocation is an entry of a Denylist. Its JSON is the form in which it is stored and sent
// to other nodes.
type Revocation struct {
	// Match selects the tokens.
	Match Match `json:"match"`
	// IssuedBefore leaves out tokens that were issued (iat) later. A token that was issued at
	// that time, or that does not say when, is concerned. Zero means all tokens: a block.
	IssuedBefore time.Time `json:"issuedBefore,omitzero"`
	// Until is when the entry ends, because then no token that it could concern is good. Zero
	// means never.
	Until time.Time `json:"until,omitzero"`
	// Reason is a text for operators. Peers do not get it. It has at most 500 bytes.
	Reason string `json:"reason,omitzero"`
	// At is when the entry was made.
	At time.Time `json:"at,omitzero"`
}

// maxReason bounds Revocation.Reason, in bytes.
const maxReason = 500

// ID returns a text that names the entry in a list. Entries with the same Match have the same
// ID if both are blocks or neither is. It is printable ASCII without spaces.
func (r Revocation) ID() string {
	if r.IssuedBefore.IsZero() {
		return "block/" + r.Match.text()
	}
	return "revoked/" + r.Match.text()
}

// Check returns an error if a list must not accept the entry, because its Match is empty, its
// texts are too long, or one of its times cannot be stored.
func (r Revocation) Check() error {
	if len(r.Reason) > maxReason || !utf8.ValidString(r.Reason) {
		return fmt.Errorf("auth: the reason of a revocation has more than %d bytes, or is not UTF-8", maxReason)
	}
	for _, t := range [...]time.Time{r.IssuedBefore, r.Until, r.At} {
		if _, err := t.MarshalText(); err != nil { // JSON has the years 0 to 9999
			return fmt.Errorf("auth: a time of a revocation cannot be stored: %w", err)
		}
	}
	return r.Match.check()
}

// Concerns reports whether the entry makes a token bad at a time. It may be called
// concurrently.
func (r Revocation) Concerns(t *token.Token, now time.Time) bool {
	return r.lasts(now) && r.Match.Matches(t) && r.coversIssue(t)
}

// coversIssue reports whether the entry concerns tokens that were issued when t was. iat often
// has whole seconds, rounded down. A token that was issued after IssuedBefore in the same
// second is then concerned too, because it cannot be told from one that was issued before.
func (r Revocation) coversIssue(t *token.Token) bool {
	if r.IssuedBefore.IsZero() {
		return true
	}
	issued := t.IssuedAt()
	return issued.IsZero() || !issued.After(r.IssuedBefore)
}

// lasts reports whether the entry has not ended.
func (r Revocation) lasts(now time.Time) bool { return r.Until.IsZero() || now.Before(r.Until) }

// Merge returns an entry that concerns every token that r or other does. Both must have the
// same ID. The reason is that of the later one.
func (r Revocation) Merge(other Revocation) Revocation {
	if other.At.Before(r.At) {
		r, other = other, r
	}
	r.Reason = cmp.Or(other.Reason, r.Reason)
	r.At = other.At
	if other.IssuedBefore.After(r.IssuedBefore) {
		r.IssuedBefore = other.IssuedBefore
	}
	if other.Until.IsZero() || !r.Until.IsZero() && other.Until.After(r.Until) {
		r.Until = other.Until
	}
	return r
}

// includes reports whether r concerns every token that other does. Both have the same ID.
func (r Revocation) includes(other Revocation) bool {
	m := r.Merge(other)
	return m.Until.Equal(r.Until) && m.IssuedBefore.Equal(r.IssuedBefore)
}

// A DenylistFailure says what the gate does with a token if Denylist.Find fails.
type DenylistFailure uint8

const (
	// FailClosed refuses the peer temporarily, with ReasonAuthUnavailable.
	FailClosed DenylistFailure = iota
	// FailOpen accepts the token, although it may be revoked, and logs that at level Error.
	FailOpen
)

// errDenylist is the cause of a refusal because the denylist failed.
var errDenylist = errors.New("auth: the denylist failed")

// denied asks the denylist for a token. It returns the refusal for a token that is revoked, or
// nil. The caller must have called enter before.
func (g *Gate) denied(ctx context.Context, t *token.Token) *Error {
	r, found, refused := g.findRevocation(ctx, t)
	if found {
		return g.revoked(r, t)
	}
	return refused.of(t)
}

// findRevocation asks the denylist for a token. If that fails, it returns a refusal, or nil with
// FailOpen.
func (g *Gate) findRevocation(ctx context.Context, t *token.Token) (r Revocation, found bool, refused *Error) {
	var err error
	refused = g.guard(ctx, "Denylist.Find", func() {
		if _, local := g.opts.Denylist.(*MemoryDenylist); !local {
			var cancel context.CancelFunc
			ctx, cancel = halfOf(ctx)
			defer cancel()
		}
		r, found, err = g.opts.Denylist.Find(ctx, t)
	})
	switch {
	case refused != nil || err == nil:
		return r, found && refused == nil, refused
	case g.opts.DenylistFailure == FailOpen:
		g.failedOpen(ctx, err)
		return Revocation{}, false, nil
	}
	refused = g.refusal(fmt.Errorf("%w: %w", errDenylist, err))
	refused.RetryAfter = g.wait(ctx)
	return Revocation{}, false, refused
}

// halfOf returns a context that ends in the middle of the time that ctx has left, so that there
// is time to act on a denylist that does not answer.
func halfOf(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}

// failedOpen logs that a token was accepted although the denylist failed.
func (g *Gate) failedOpen(ctx context.Context, err error) {
	g.failures.Log(ctx, g.opts.Logger, slog.LevelError, "open", "auth: the denylist failed, and a token was accepted without it", "error", err)
}
