package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"socketiojwt/internal/wallclock"
	"socketiojwt/token"
)

// The functions that revoke, from the outermost to the innermost:
//
//	Revoke, Block         check the options and make an entry
//	revokeAndLog          carries out an entry of this program, also on nodes without a gate
//	revokeOnAllNodes      chooses one of the next two
//	revokeBySharedList    stores the entry in a SharedDenylist, which calls endSocketsForList
//	                      otherwise it stores the entry in a Denylist, share.added tells the other
//	                      nodes, and it calls endSockets
//	revokeOnThisNode      the same for an entry of another node
//	endSocketsForList     ends the sockets of a gate for an entry that a SharedDenylist has, and logs
//	endSockets            ends the sockets of a gate that an entry concerns

// RevokeOptions configure Gate.Revoke. The zero value is ready to use.
type RevokeOptions struct {
	// IssuedBefore leaves out tokens that were issued (iat) later. A token that was issued at
	// that time, or that does not have iat, is revoked. Zero means, for ByTokenID, BySession and
	// ByHash, all tokens that match, because the same value is not issued again. For the other
	// matches it means now, plus Options.IssuerSkew.
	IssuedBefore time.Time
	// Until is when the entry ends. Zero means when the last token that it can concern has
	// ended: see Options.LongestToken.
	Until time.Time
	// Reason is a text for operators, such as who revoked the token and why. Peers do not get
	// it. It has at most 500 bytes.
	Reason string
	// Wait is how long to wait for other nodes to say that they have ended their sockets, if
	// Options.Denylist is a SharedDenylist. The call returns as soon as all of them have. Zero
	// means not to wait.
	Wait time.Duration
}

// Revoked is the result of a revocation.
type Revoked struct {
	Receipt
	// Entry is the entry of the denylist.
	Entry Revocation
}

// Revoke makes the tokens that m matches bad: it adds an entry to Options.Denylist, ends the
// sockets of this gate that were admitted with such a token or have shown one, and, after
// Share, tells the other nodes to do the same.
//
// When Revoke returns, these sockets on this node have ended: they are in no room, no handler
// starts for them, and no broadcast reaches them. Handlers that are running continue, with a
// context that is done. A peer gets the event "unauthorized", or CONNECT_ERROR if it is still
// connecting, with the reason token_revoked, and then DISCONNECT, so that the JavaScript client
// does not reconnect by itself. Other namespaces of its connection stay, unless this gate
// guards them too. A guest or a socket with a lease that is showing such a token by
// "authenticate" stays what it is, and that token is refused.
//
// By default a user who logs in again gets in, because the new token was issued later. iat
// usually has whole seconds, so a token that is issued in the same second as the revocation
// is refused; one that is issued a second later is not.
//
// Revoke fails, and does nothing, if m matches nothing or an option is invalid. If the denylist
// or the bus fails, Revoke ends the sockets nevertheless, tells the other nodes if it can, and
// returns the error: call it again then, because a peer may come back with the token. With Share
// the error is ErrOthersNotTold if the other nodes cannot be reached now. A message that the bus
// loses later, such as one to a Redis that has just stopped, is not an error: it is logged, and
// the others carry out the revocation when the bus is back. Calling it twice is the same as calling
// it once. ctx bounds only the call of the denylist. Revoke may
// be called concurrently. ByIssuer and ByClaim look at all sockets.
func (g *Gate) Revoke(ctx context.Context, m Match, opts RevokeOptions) (Revoked, error) {
	now := time.Now().UTC()
	r := Revocation{Match: m, IssuedBefore: opts.IssuedBefore, Until: opts.Until, Reason: opts.Reason, At: now}
	if r.IssuedBefore.IsZero() && !m.once() {
		r.IssuedBefore = now.Add(g.opts.IssuerSkew)
	}
	if !opts.Until.IsZero() && !now.Before(opts.Until) {
		return Revoked{}, errors.New("auth: Revoke: Until is not in the future; set a later time, or zero for the end of the longest token")
	}
	if r.Until.IsZero() {
		r.Until = g.longestUntil(now)
	}
	return g.revokeAndLog(ctx, r, opts.Wait, "auth: revoked")
}

// once reports whether an issuer gives the value of m to one token or session only.
func (m Match) once() bool { return m.kind == byTokenID || m.kind == bySession || m.kind == byHash }

// Block keeps a subject of an issuer out until a time, whatever token it shows, and does
// otherwise what Revoke does. A second Block of the same subject extends the first one, and
// does not shorten it. A zero Until means until Unblock, and IssuedBefore must be zero. An
// empty issuer means tokens without iss. Block may be called concurrently.
func (g *Gate) Block(ctx context.Context, issuer, subject string, opts RevokeOptions) (Revoked, error) {
	now := time.Now().UTC()
	switch {
	case !opts.Until.IsZero() && !now.Before(opts.Until):
		return Revoked{}, errors.New("auth: Block: Until is not in the future; set a later time, or zero for a block without an end")
	case !opts.IssuedBefore.IsZero():
		return Revoked{}, errors.New("auth: Block: IssuedBefore is set, but a block concerns all tokens; leave it zero, or call Revoke")
	}
	return g.revokeAndLog(ctx, Revocation{Match: BySubject(issuer, subject), Until: opts.Until, Reason: opts.Reason, At: now}, opts.Wait, "auth: blocked")
}

// Unblock ends a Block of a subject, on this node and, after Share, on the others. Tokens that
// were revoked stay so. It does nothing if the subject is not blocked. Reason is for the log.
// Unblock may be called concurrently.
func (g *Gate) Unblock(ctx context.Context, issuer, subject, reason string) error {
	m := BySubject(issuer, subject)
	if err := (Revocation{Match: m, Reason: reason}).Check(); err != nil {
		return err
	}
	madeUntil := time.Now().UTC()
	if block, ok := g.blockOf(ctx, m); ok && block.At.After(madeUntil) { // by the clock of another node
		madeUntil = block.At
	}
	err := g.remove(ctx, m, madeUntil)
	if g.sharedList() == nil {
		err = errors.Join(err, g.share.removed(m, madeUntil))
	}
	g.audit(ctx, "auth: unblocked", err, slog.Any("match", m), slog.String("why", reason))
	return err
}

// revokeAndLog carries out a revocation of this node's program. The order leaves no hole: a token is
// found by the denylist if it enters the index after the sweep, and by the sweep if before.
func (g *Gate) revokeAndLog(ctx context.Context, r Revocation, wait time.Duration, event string) (Revoked, error) {
	if err := r.Check(); err != nil {
		return Revoked{}, err
	}
	receipt, err := g.observeRevoke(ctx, func(ctx context.Context) (Receipt, error) {
		receipt, err := g.revokeOnAllNodes(ctx, r, wait)
		return receipt, errors.Join(err, g.revokeRooms(ctx, r))
	})
	attrs := append(r.attrs(), slog.Int("sockets", receipt.Sockets))
	if wait > 0 && g.sharedList() != nil {
		attrs = append(attrs, slog.Int("confirmed", len(receipt.Confirmed)), slog.Any("missing", receipt.Missing))
	}
	g.audit(ctx, event, err, attrs...)
	return Revoked{receipt, r}, err
}

// revokeOnAllNodes carries out a revocation on this node and the others.
func (g *Gate) revokeOnAllNodes(ctx context.Context, r Revocation, wait time.Duration) (receipt Receipt, err error) {
	if shared := g.sharedList(); shared != nil {
		return g.revokeBySharedList(ctx, shared, r, wait)
	}
	err = g.add(ctx, r)
	// Before the peers are told, because they may come back to another node at once.
	err = errors.Join(err, g.share.added(r))
	ended, err2 := g.endSockets(ctx, r)
	receipt.Sockets = ended
	return receipt, errors.Join(err, err2)
}

// attrs describes the entry for the log.
func (r Revocation) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.Any("match", r.Match), slog.String("why", r.Reason)}
	if !r.IssuedBefore.IsZero() {
		attrs = append(attrs, slog.Time("issuedBefore", r.IssuedBefore))
	}
	if !r.Until.IsZero() {
		attrs = append(attrs, slog.Time("until", r.Until))
	}
	return attrs
}

// audit logs what an operator or another node has done, at level Info, or at level Error if it
// failed in part. It names the gate if Share was called.
func (g *Gate) audit(ctx context.Context, event string, err error, attrs ...slog.Attr) {
	level := slog.LevelInfo
	if g.name != "" {
		attrs = append(attrs, slog.String("gate", g.name))
	}
	if err != nil {
		level = slog.LevelError
		attrs = append(attrs, slog.Any("error", err))
	}
	g.opts.Logger.LogAttrs(ctx, level, event, attrs...)
}

// revokeOnThisNode adds an entry to the denylist and ends the sockets that it concerns.
func (g *Gate) revokeOnThisNode(ctx context.Context, r Revocation) (ended int, err error) {
	err = g.add(ctx, r)
	ended, err2 := g.endSockets(ctx, r)
	return ended, errors.Join(err, err2)
}

// add adds an entry to the denylist.
func (g *Gate) add(ctx context.Context, r Revocation) (err error) {
	if panicked := g.guard(ctx, "Denylist.Add", func() { err = g.opts.Denylist.Add(ctx, r) }); panicked != nil {
		err = panicked
	}
	if err != nil {
		return notStored(err)
	}
	return nil
}

// notStored returns the error of a denylist to which an entry was not added.
func notStored(err error) error {
	return fmt.Errorf("auth: the revocation was not stored; the sockets of this node have ended, but peers may come back with the token until it is revoked again: %w", err)
}

// remove removes a block from the denylist, unless it was made after madeUntil.
func (g *Gate) remove(ctx context.Context, m Match, madeUntil time.Time) (err error) {
	if panicked := g.guard(ctx, "Denylist.Remove", func() { err = g.opts.Denylist.Remove(ctx, m, madeUntil) }); panicked != nil {
		err = panicked
	}
	return err
}

// blockOf returns the block for m. It reports false if there is none, or if the denylist fails.
func (g *Gate) blockOf(ctx context.Context, m Match) (Revocation, bool) {
	id := Revocation{Match: m}.ID()
	last := len(id) - 1
	entries, err := g.list(ctx, id[:last]+string([]byte{id[last] - 1, 0xff}), 1) // no ID is between that and id
	if err != nil || len(entries) == 0 || entries[0].ID() != id {
		return Revocation{}, false
	}
	return entries[0], true
}

// list lists entries of the denylist.
func (g *Gate) list(ctx context.Context, after string, most int) (entries []Revocation, err error) {
	if panicked := g.guard(ctx, "Denylist.List", func() { entries, err = g.opts.Denylist.List(ctx, after, most) }); panicked != nil {
		err = panicked
	}
	return entries, err
}

// revoked returns the refusal of a token for an entry of the denylist.
func (g *Gate) revoked(r Revocation, t *token.Token) *Error {
	cause := fmt.Errorf("%w: %s, at %s: %q", token.ErrRevoked, r.Match, r.At.Format(time.RFC3339), r.Reason)
	return g.refusal(cause).of(t)
}

const (
	// defaultLongestToken is the default of Options.LongestToken.
	defaultLongestToken = 30 * 24 * time.Hour
	// mostLeeway is for how long after exp a *token.Verifier may accept a token.
	mostLeeway = 5 * time.Minute
)

// longestUntil returns when the last token that was issued until now ends, or zero if tokens
// may never end.
func (g *Gate) longestUntil(now time.Time) time.Time {
	if g.opts.LongestToken > 0 {
		return now.Add(g.opts.LongestToken + mostLeeway)
	}
	until, longest := now.Add(defaultLongestToken), g.longest.Load()
	switch {
	case longest == math.MaxInt64:
		return time.Time{}
	case longest > wallclock.Nanos(until):
		return time.Unix(0, longest).UTC()
	}
	return until
}

// sees remembers when a token ends, for longestUntil. It warns about a token that is good for
// longer than the gate was told or, if it was told nothing, than the default.
func (g *Gate) sees(t *token.Token) {
	end := int64(math.MaxInt64)
	until := t.ValidUntil()
	if !until.IsZero() {
		end = wallclock.Nanos(until)
	}
	if longest := time.Now().Add(cmp.Or(g.opts.LongestToken, defaultLongestToken) + mostLeeway); until.IsZero() || until.After(longest) {
		g.longTokens.Log(context.Background(), g.opts.Logger, slog.LevelWarn, t.Issuer,
			"auth: a token is good for longer than Options.LongestToken, or never ends; a revocation may end before it, or fill the denylist for ever; set LongestToken to what the issuer does",
			"issuer", t.Issuer, "until", until, "longest", cmp.Or(g.opts.LongestToken, defaultLongestToken))
	}
	for {
		longest := g.longest.Load()
		if end <= longest || g.longest.CompareAndSwap(longest, end) {
			return
		}
	}
}
