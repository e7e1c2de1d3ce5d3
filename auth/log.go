package auth

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"socketiojwt/socketio"
)

// A peer decides how often it is refused, so refusals are sampled: of one source, the
// first refusalBurst are logged and then one every refusalInterval. A source is an IPv4
// address or an IPv6 network of 64 bits. Temporary refusals are sampled by their reason
// instead, because a peer does not cause them. Sources share refusalSlots slots, chosen by a
// random hash, so a peer cannot choose the slot of another one. Memory and the rate of the
// log are therefore bounded for any number of addresses.
//
// logging.Sampler does not fit here: it bounds the lines of all keys together, so refusals
// of one source would hide those of another. It also logs a key once instead of a burst.
const (
	refusalSlots    = 256
	refusalBurst    = 10
	refusalInterval = 10 * time.Second
)

// refusalSampler decides which refusals are logged. The zero value is not usable. It is
// safe for concurrent use.
type refusalSampler struct {
	seed  maphash.Seed
	mu    sync.Mutex
	slots [refusalSlots]refusalSlot
}

// refusalSlot is a token bucket that counts the refusals that it does not let through.
type refusalSlot struct {
	spent    time.Time // the bucket is full refusalBurst intervals after spent
	unlogged uint64
}

func newRefusalSampler() *refusalSampler {
	return &refusalSampler{seed: maphash.MakeSeed()}
}

// take reports whether to log a refusal of source, and if so, how many refusals of its
// slot were left out since the last one that was logged.
func (s *refusalSampler) take(source string, now time.Time) (logged bool, unlogged uint64) {
	slot := s.slot(source)
	s.mu.Lock()
	defer s.mu.Unlock()
	if full := now.Add(-refusalBurst * refusalInterval); slot.spent.Before(full) {
		slot.spent = full
	}
	if now.Sub(slot.spent) < refusalInterval {
		slot.unlogged++
		return false, 0
	}
	slot.spent = slot.spent.Add(refusalInterval)
	unlogged, slot.unlogged = slot.unlogged, 0
	return true, unlogged
}

// slot returns the slot of a source. The caller must hold mu to use it.
func (s *refusalSampler) slot(source string) *refusalSlot {
	return &s.slots[maphash.String(s.seed, source)%refusalSlots]
}

// sampledBy returns the source by which a refusal is sampled.
func sampledBy(remote string, e *Error) string {
	if e.Temporary {
		return "temporary " + string(e.Reason)
	}
	if network := (&socketio.Handshake{RemoteAddr: remote}).Network(); network.IsValid() {
		return network.String()
	}
	return remote
}

// logRefusal logs a refusal of a peer at remote: a temporary one at level Warn, a final
// one at level Info, and those that the sampler leaves out at level Debug.
func (g *Gate) logRefusal(ctx context.Context, message, remote string, e *Error, what ...slog.Attr) {
	level := slog.LevelInfo
	if e.Temporary {
		level = slog.LevelWarn
	}
	logged, unlogged := g.sampler.take(sampledBy(remote, e), time.Now())
	if !logged {
		level = slog.LevelDebug
	}
	if !g.opts.Logger.Enabled(ctx, level) {
		return
	}
	attrs := refusalAttrs(remote, e, what...)
	if unlogged > 0 {
		attrs = append(attrs, slog.Uint64("unlogged", unlogged))
	}
	g.opts.Logger.LogAttrs(ctx, level, message, attrs...)
}

func refusalAttrs(remote string, e *Error, what ...slog.Attr) []slog.Attr {
	attrs := append(what, slog.String("remote", remote), slog.String("id", e.ID), slog.String("reason", string(e.Reason)),
		slog.Bool("temporary", e.Temporary), slog.Any("cause", e.Err))
	return append(attrs, e.token.attrs()...)
}

// log counts the refusal of a socket and logs it. In an outage only the first refusal has a
// line at level Warn, because many sockets are refused then.
func (g *Gate) log(s *socketio.Socket, e *Error) {
	g.figures.refusals.Add(e.Reason)
	ctx, remote := s.Context(), s.Handshake().RemoteAddr
	if !e.Temporary || !outageReason(e.Reason) {
		g.logRefusal(ctx, "auth: refused", remote, e, slog.Any("socket", s))
		return
	}
	if g.suffers(e) {
		g.opts.Logger.WarnContext(ctx, "auth: outage began: sockets are refused temporarily; the refusals that follow are logged at level Debug",
			"id", e.ID, "reason", e.Reason, "cause", e.Err)
		return
	}
	g.opts.Logger.LogAttrs(ctx, slog.LevelDebug, "auth: refused", refusalAttrs(remote, e, slog.Any("socket", s))...)
}

// notify runs OnRefuse on a goroutine, so that the hook delays nothing.
func (g *Gate) notify(s *socketio.Socket, e *Error) {
	if g.opts.OnRefuse == nil {
		return
	}
	s.Go(func(ctx context.Context) {
		ctx = context.WithoutCancel(ctx) // the socket has ended, or is about to
		_ = g.guard(ctx, "OnRefuse", func() { g.opts.OnRefuse(ctx, s, e) })
	})
}
