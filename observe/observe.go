package observe

import (
	"context"
	"log/slog"
	"time"

	"socketiojwt/internal/guard"
	"socketiojwt/internal/logging"
)

// An Observer is told about operations. Its methods are called concurrently, on the goroutine
// of the operation, and never while a lock is held. They should be fast: the operation waits
// for them. A panic in them is logged, and the operation continues as without the Observer.
type Observer interface {
	// Start is called when an operation begins. The operation continues with the returned
	// context, which must be derived from ctx, for example to carry a span. The returned
	// function is called once, when the operation has ended, possibly on another goroutine. It
	// may be nil.
	Start(ctx context.Context, op Operation) (context.Context, func(Outcome))
}

// A Kind is a kind of operation.
type Kind uint8

// The kinds of operations.
const (
	// Connect is a CONNECT of a peer for a namespace that exists, from the beginning of its
	// connect middleware until the socket is admitted or has ended. While the socket is held,
	// it includes the time that the peer takes to send a token.
	Connect Kind = iota + 1
	// Verify is the verification of one credential by the verifier of a gate. It includes the
	// time until keys are fetched, and until it is the turn of the token to be checked.
	Verify
	// FetchKeys is one fetch of the keys of an issuer.
	FetchKeys
	// Handle is the handler of an event, with its event middleware.
	Handle
	// Broadcast is the sending of a broadcast to the sockets of this node, and its handing over
	// to the Bus.
	Broadcast
	// Refresh is the replacement of a lease by one for a fresh token.
	Refresh
	// Revoke is a revocation or a block, until the sockets of this node have ended.
	Revoke
	// Publish is the sending of a batch of messages to Redis, until it has answered.
	Publish
	// AskBackend is one request of package upstream to its backend, until the response was read. A
	// connect may need several.
	AskBackend

	kinds
)

var kindNames = [kinds]string{
	Connect: "connect", Verify: "verify", FetchKeys: "fetch keys", Handle: "handle",
	Broadcast: "broadcast", Refresh: "refresh", Revoke: "revoke", Publish: "publish", AskBackend: "ask backend",
}

// String returns the name of the kind.
func (k Kind) String() string {
	if k < kinds && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown"
}

// An Operation is what begins. Fields that do not apply to its Kind are zero.
type Operation struct {
	Kind Kind
	// Namespace is the name of the namespace of a Connect, Handle or Broadcast. For a dynamic
	// namespace, whose name a peer has chosen, it is the name of its rule.
	Namespace string
	// Event is the name of the event of a Handle, or Other if no handler is registered for that
	// name. For a Broadcast it is one of the first 64 names that the server has broadcast, or
	// Other. For an AskBackend it is what the request is about: connect, event or disconnect.
	Event string
	// Issuer is the issuer of a FetchKeys, or the host of its keys if only their URL is known.
	Issuer string
	// Value is the *socketio.Event of a Handle. The peer has chosen its content.
	Value any
}

// Other is the Event of an Operation for events that are not told apart, and the Algorithm of
// an Outcome for algorithms that are not supported.
const Other = "other"

// An Outcome is how an operation has ended. Fields that do not apply to its Kind are zero.
type Outcome struct {
	// Result is OK, or says why the operation failed:
	//
	//   - Connect: Refused, or Left if the socket ended without a refusal
	//   - Verify: Refused, or Unavailable if the credential may be good
	//   - FetchKeys: a jwks.FailureKind
	//   - Handle: Failed, PeerFailed if the peer caused the error or has left, or Panicked
	//   - Broadcast, Revoke, Publish: Failed
	//   - Refresh: Refused, or Unavailable if the peer may try again
	//   - AskBackend: Unavailable if the backend has not handled it, Uncertain if it may have, or
	//     Failed
	Result string
	// Held says that the socket of a Connect was held, as in the event mode of a gate.
	Held bool
	// Algorithm is that of the token of a Verify, or Other. It is empty for credentials that
	// are not JSON Web Tokens.
	Algorithm string
	// Signature says what a Verify did about the signature.
	Signature Signature
	// Count is the number of sockets of this node that a Broadcast reached or that a Revoke
	// ended, and the number of messages of a Publish.
	Count int
}

// The values of Outcome.Result for all kinds but FetchKeys.
const (
	OK          = "ok"
	Refused     = "refused"
	Unavailable = "unavailable"
	Uncertain   = "uncertain"
	Left        = "left"
	Failed      = "failed"
	PeerFailed  = "peer_failed"
	Panicked    = "panicked"
)

// A Signature says what a verification did about the signature of a public key.
type Signature uint8

// The values of Outcome.Signature.
const (
	// SignatureNone: the token was refused before, is signed by a shared secret, which is
	// cheap, or is not a JSON Web Token.
	SignatureNone Signature = iota
	// SignatureChecked: the arithmetic was done.
	SignatureChecked
	// SignatureRemembered: the same signature was found valid before.
	SignatureRemembered
)

// String returns "none", "checked" or "remembered".
func (s Signature) String() string {
	switch s {
	case SignatureChecked:
		return "checked"
	case SignatureRemembered:
		return "remembered"
	}
	return "none"
}

// A Running is an operation that has begun. The zero Running is one without an Observer.
type Running struct{ end func(Outcome) }

// Begin starts an operation, and returns the context with which it continues. A nil Observer
// costs one comparison. The caller must call End once, unless the Observer is nil.
func Begin(ctx context.Context, o Observer, op Operation) (context.Context, Running) {
	if o == nil {
		return ctx, Running{}
	}
	return start(ctx, o, op)
}

// End ends the operation. The caller must not hold a lock.
func (r Running) End(outcome Outcome) {
	if r.end != nil {
		end(r.end, outcome)
	}
}

func start(ctx context.Context, o Observer, op Operation) (next context.Context, r Running) {
	defer recovered(ctx, func() { next, r = ctx, Running{} })
	if next, r.end = o.Start(ctx, op); next == nil {
		next = ctx
	}
	return next, r
}

func end(f func(Outcome), outcome Outcome) {
	defer recovered(context.Background(), func() {})
	f(outcome)
}

// panics bounds the lines about panics: an Observer may panic for each event of each peer.
var panics = logging.Sampler{PerMinute: 10, Repeat: time.Minute}

// recovered logs a panic of an Observer, and then calls undo.
func recovered(ctx context.Context, undo func()) {
	if value := recover(); value != nil {
		p := guard.Recovered(value)
		panics.Log(ctx, logging.OrDefault(nil), slog.LevelError, p.At, "observe: panic in an Observer", p.Attr())
		undo()
	}
}

// Join returns an Observer that tells all of observers, in their order; nil ones are left out.
// The operation continues with the context of the last one. Functions are called in reverse
// order. Join returns nil if there are none.
func Join(observers ...Observer) Observer {
	var all several
	for _, o := range observers {
		if o != nil {
			all = append(all, o)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

// several are Observers that are told one after the other.
type several []Observer

func (all several) Start(ctx context.Context, op Operation) (context.Context, func(Outcome)) {
	running := make([]Running, len(all))
	for i, o := range all {
		ctx, running[i] = start(ctx, o, op) // so that a panic of one does not keep it from the others
	}
	return ctx, func(outcome Outcome) {
		for i := len(running) - 1; i >= 0; i-- {
			running[i].End(outcome)
		}
	}
}
